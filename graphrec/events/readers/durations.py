"""Hours of study from the ways in which course lists write a duration."""

from __future__ import annotations

import re
from typing import Final

_ISO: Final = re.compile(
    r"P(?:(?P<date>(?:\d+(?:[.,]\d+)?[YMWD])+))?"
    r"(?:T(?:(?P<h>\d+(?:[.,]\d+)?)H)?(?:(?P<m>\d+(?:[.,]\d+)?)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?",
    re.IGNORECASE,
)
_SPOKEN: Final = re.compile(
    r"(?:(?P<h>\d+(?:[.,]\d+)?)\s*(?:h|hr|hrs|hour|hours))?\s*"
    r"(?:(?P<m>\d+(?:[.,]\d+)?)\s*(?:m|min|mins|minute|minutes))?",
    re.IGNORECASE,
)


class DurationError(ValueError):
    """The text is no duration that can be read."""


class CalendarLengthError(ValueError):
    """A length of the calendar (days, weeks, months): it does not say the hours of study."""


def hours_of(text: str) -> float:
    """Hours of an ISO 8601 duration (``PT1H30M``) or of words (``1 h 30 min``).

    Raises:
        DurationError: It is neither.
        CalendarLengthError: It is given in days, weeks, months or years.
    """
    written = text.strip()
    found = _ISO.fullmatch(written)
    if found and written.upper() not in ("P", "PT") and not written.upper().endswith("T"):
        if found["date"] and re.search(r"[1-9]", found["date"]):
            raise CalendarLengthError(text)
        return _hours(found["h"], found["m"], found["s"])
    found = _SPOKEN.fullmatch(written)
    if not found or not (found["h"] or found["m"]):
        raise DurationError(text)
    return _hours(found["h"], found["m"], None)


def calendar_warning(file: str, num: int) -> str:
    """What is told of so many lengths of the calendar in a file."""
    return (
        f"{file}: {num} durations in days, weeks or months do not say the hours of study;"
        " hours are left empty"
    )


def _hours(hours: str | None, minutes: str | None, seconds: str | None) -> float:
    parts = [float((part or "0").replace(",", ".")) for part in (hours, minutes, seconds)]
    return round(parts[0] + parts[1] / 60 + parts[2] / 3600, 6)

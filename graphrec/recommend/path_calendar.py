"""When each step of a plan is studied, at so many hours a week.

In come the hours of each step in order; out go the dates between which it is studied. The
courses of one step share its weeks; the next step starts where it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

Span = tuple[str | None, str | None]
"""ISO 8601 dates of the start and the end; None where they cannot be known."""


def calendar(
    start: datetime, hours_per_week: float | None, steps: Iterable[float | None]
) -> list[Span]:
    """Dates of every step.

    Args:
        start: Start of study.
        hours_per_week: Hours of study a week; None: no dates.
        steps: Hours of each step, None where they are unknown: from its end on no date is.
    """
    spans: list[Span] = []
    begin = None if hours_per_week is None else _date(start, 0.0)
    total = 0.0
    for hours in steps:
        end = None
        if begin is not None and hours is not None and hours_per_week is not None:
            total += hours
            # Rounded as the plan's hours are, or the last step might end a day beside it.
            end = _date(start, round(total, 6) / hours_per_week)
        spans.append((begin, end))
        begin = end
    return spans


def _date(start: datetime, weeks: float) -> str | None:
    try:
        return (start + timedelta(weeks=weeks)).date().isoformat()
    except OverflowError:  # beyond the year 9999
        return None

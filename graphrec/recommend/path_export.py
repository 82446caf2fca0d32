"""A path for calendars: RFC 5545, a step an all-day event, or a task where there are no dates.

In comes a plan, out goes the text of an ``.ics`` file. Equal plans give equal texts but for
``DTSTAMP``, and the same step of the same plan has the same UID, so that a calendar which
reads it twice holds it once.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

from graphrec.recommend.path_schemas import PathCourse, PathResponse, PathStep

_MAX_OCTETS: Final = 75
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def to_icalendar(
    response: PathResponse, *, title: str = "Learning path", stamp: datetime | None = None
) -> str:
    """The plan as an iCalendar object, lines ended by CRLF.

    Args:
        response: The plan. Steps with dates become all-day events, others tasks (VTODO).
        title: Name of the calendar.
        stamp: When the plan was made, for DTSTAMP; None: now.
    """
    at = f"{(stamp or datetime.now(UTC)).astimezone(UTC):%Y%m%dT%H%M%SZ}"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//graphrec//learning path//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_escaped(title)}",
        f"X-WR-CALDESC:{_escaped(summary(response))}",
    ]
    for step in response.steps:
        lines += _step(response, step, at)
    if not response.steps:  # a calendar without any component is none
        lines += _nothing(response, title, at)
    lines.append("END:VCALENDAR")
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def step_dates(step: PathStep) -> tuple[date, date] | None:
    """First day of a step and the day after its last, at least a day; None without dates."""
    if step.starts_at is None or step.ends_at is None:
        return None
    first, end = date.fromisoformat(step.starts_at), date.fromisoformat(step.ends_at)
    return first, max(end, first + timedelta(days=1))


def step_hours(step: PathStep) -> float | None:
    """Hours of all courses of a step; None where one's are unknown."""
    hours = [course.hours for course in step.courses]
    return round(sum(h for h in hours if h is not None), 6) if None not in hours else None


def summary(response: PathResponse) -> str:
    """Hours, finish and completeness in one sentence."""
    if not response.steps:
        return "Nothing is missing." if response.complete else "No course leads to the target."
    courses = sum(len(step.courses) for step in response.steps)
    hours = (
        f"about {response.estimated_hours:g} hours (some are unknown)"
        if response.total_hours is None
        else f"{response.total_hours:g} hours"
    )
    steps = f"{len(response.steps)} step{'s' if len(response.steps) > 1 else ''}"
    size = f"{steps}, {courses} course{'s' if courses > 1 else ''}, {hours}"
    finish = f", done on {response.finish_at}" if response.finish_at else ""
    return f"{size}{finish}{'' if response.complete else '; part of the target is not reached'}."


def _step(response: PathResponse, step: PathStep, at: str) -> list[str]:
    dates = step_dates(step)
    kind = "VEVENT" if dates else "VTODO"
    titles = " + ".join(course.title or course.course_id for course in step.courses)
    lines = [
        f"BEGIN:{kind}",
        f"UID:{_uid(response, step)}",
        f"DTSTAMP:{at}",
        f"SUMMARY:{_escaped(f'Step {step.order}: {titles}')}",
        f"DESCRIPTION:{_escaped(_description(step))}",
        "CATEGORIES:LEARNING",
    ]
    if dates:
        first, end = dates
        lines += [f"DTSTART;VALUE=DATE:{first:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}"]
        lines.append("TRANSP:TRANSPARENT")  # study does not block the day for meetings
    else:
        lines.append("STATUS:NEEDS-ACTION")
    return [*lines, f"END:{kind}"]


def _nothing(response: PathResponse, title: str, at: str) -> list[str]:
    why = "\n".join(f"{note.target}: {note.why}" for note in response.unreachable)
    state = "COMPLETED" if response.complete else "NEEDS-ACTION"
    return [
        "BEGIN:VTODO",
        f"UID:{response.path_id}@graphrec",
        f"DTSTAMP:{at}",
        f"SUMMARY:{_escaped(title)}",
        f"DESCRIPTION:{_escaped(why or summary(response))}",
        f"STATUS:{state}",
        "END:VTODO",
    ]


def _uid(response: PathResponse, step: PathStep) -> str:
    ids = "\n".join(sorted(course.course_id for course in step.courses))
    return f"{response.path_id}-{hashlib.sha256(ids.encode()).hexdigest()[:16]}@graphrec"


def _description(step: PathStep) -> str:
    return "\n".join(_said(course) for course in step.courses)


def _said(course: PathCourse) -> str:
    hours = "hours unknown" if course.hours is None else f"{course.hours:g} h"
    name = course.title or course.course_id
    shown = f"{name} ({course.course_id})" if course.title else name
    because = f" {course.reasons[0].text}" if course.reasons else ""
    return f"{shown}, {hours}.{because}"


def _escaped(text: str) -> str:
    """TEXT of RFC 5545: backslash, semicolon, comma and line breaks escaped."""
    plain = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    for char in "\\;,":
        plain = plain.replace(char, f"\\{char}")
    return plain.replace("\n", "\\n")


def _folded(line: str) -> str:
    """The line in pieces of at most 75 octets, none of which cuts a character."""
    pieces, piece, size = [], "", 0
    for char in line:
        octets = len(char.encode("utf-8", "replace"))
        if size + octets > _MAX_OCTETS:
            pieces.append(piece)
            piece, size = " ", 1
        piece += char
        size += octets
    return "\r\n".join([*pieces, piece])

"""A course list as one plain CSV: a course a line, with what it teaches and requires."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from graphrec.events.readers.durations import (
    CalendarLengthError,
    DurationError,
    calendar_warning,
    hours_of,
)
from graphrec.events.readers.placed_json import Rows, text_batch
from graphrec.events.readers.plain_csv import PlainCsv, split_level, split_list
from graphrec.events.source import Reader, ReadLog, SourceBatch

_ALIASES: Final = {
    "course_id": ("id", "code", "course_code", "identifier", "url"),
    "title": ("name", "course", "course_title", "course_name"),
    "description": ("summary", "abstract", "about"),
    "level": ("difficulty", "educational_level"),
    "hours": ("duration_hours", "duration_h", "workload_hours", "learning_hours"),
    "duration": ("time_required", "length", "workload"),
    "language": ("lang", "in_language"),
    "provider": ("school", "institution", "organisation", "organization", "publisher"),
    "published_at": ("published", "date_published", "created_at"),
    "hidden": ("archived", "retired"),
    "teaches": ("skills", "skill", "skill_ids", "competencies", "topics", "tags"),
    "requires": ("prerequisites", "prerequisite", "course_prerequisites", "requires_course_id"),
}
_OWN: Final = ("title", "description", "level", "hours", "language", "provider", "published_at")


class CoursesCsvReader(Reader):
    """Reads one CSV file of courses."""

    source: ClassVar[str] = "courses-csv"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._csv = PlainCsv(path, "courses", _ALIASES)
        self._num_calendar = 0

    def check(self) -> None:
        """Check the file; skills that nothing else has named are created."""
        self._csv.check()
        self._csv.need("course_id")
        self._csv.tell_strangers(self.log)
        self.implied = frozenset({"skills"})

    def batches(self) -> Iterator[SourceBatch]:
        """Yield courses, what they teach, and what they require."""
        courses: Rows = []
        teaches: Rows = []
        requires: Rows = []
        for line, row in self._csv.rows(self.log):
            course = self._course(line, row)
            if course is None:
                continue
            courses.append((line, course))
            course_id = row["course_id"]
            for skill in split_list(row.get("teaches", "")):
                teaches.append((line, _teaching(course_id, skill)))
            requires += [(line, need) for need in _requirements(course_id, row.get("requires", ""))]
        kept = [name for name in (*_OWN, "hidden") if name in self._csv.columns]
        kept += ["hours"] if "duration" in self._csv.columns else []
        yield text_batch("courses", self._csv.file, courses, ("course_id", *kept))
        if teaches:
            yield text_batch("teaches", self._csv.file, teaches)
        if requires:
            yield text_batch("requires", self._csv.file, requires)
        if self._num_calendar:
            self.log.warn(calendar_warning(self._csv.file, self._num_calendar))

    def _course(self, line: int, row: dict[str, str]) -> dict[str, Any] | None:
        """A row of ``courses``; None where its duration cannot be read."""
        course: dict[str, Any] = {"course_id": row["course_id"]}
        course |= {name: row[name] for name in (*_OWN, "hidden") if name in row}
        if not course.get("hours") and row.get("duration"):
            try:
                course["hours"] = hours_of(row["duration"])
            except CalendarLengthError:
                self._num_calendar += 1
            except DurationError:
                reason = "duration is not like PT1H30M or 1 h 30 min"
                self.log.reject("courses", self._csv.file, line, reason, row)
                return None
        return course


def _teaching(course_id: str, text: str) -> dict[str, Any]:
    skill, level = split_level(text)
    teaching: dict[str, Any] = {"course_id": course_id, "skill_id": skill}
    return {**teaching, "level": level} if level else teaching


def _requirements(course_id: str, text: str) -> Iterator[dict[str, Any]]:
    """``A; B|C``: A, and one of B and C."""
    for number, group in enumerate(split_list(text, ";"), start=1):
        options = split_list(group, "|")
        for option in options:
            need: dict[str, Any] = {"course_id": course_id, "requires_course_id": option}
            yield {**need, "any_of": str(number)} if len(options) > 1 else need

"""What one request allows: which courses may be planned, and why others may not.

In come a catalogue, a learner's state and the request's bounds on courses; out goes, for any
course, what bars it, in words, and the hours that it counts as.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.recommend.mastery import LearnerState

DEFAULT_HOURS: Final = 10.0
"""Hours that an unknown duration counts as, where no course of the catalogue has one."""

Scorer = Callable[[list[str]], dict[str, float]]
"""Personal fit of courses, higher is better; courses it leaves out fit worst."""


@dataclass(frozen=True)
class Rules:
    """What one request allows.

    Attributes:
        catalogue: All courses.
        state: Where the learner stands.
        excluded: Course ids never to be planned.
        language: Case-folded; None asks nothing.
        allow_in_progress: Whether courses being taken may stand in the plan.
        providers: Case-folded; none asks nothing.
        levels: Case-folded levels of courses; none asks nothing.
        waived: Course ids that count as completed because the request says so.
        pinned: Course ids that cost nothing in choosing.
        withheld: Course id -> the business rule that withholds it.
        demanded: Course id -> the business rule that demands it.
        before: (first, then) -> the business rule that wants them in this order.
    """

    catalogue: Catalogue
    state: LearnerState
    excluded: frozenset[str] = frozenset()
    language: str | None = None
    allow_in_progress: bool = False
    providers: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    waived: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()
    withheld: Mapping[str, str] = field(default_factory=dict)
    demanded: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def barrier(self, course_id: str) -> str | None:
        """Why a course may never be planned, as "is hidden"; None: it may."""
        course = self.catalogue.courses.get(course_id)
        if course is None:
            return "is not in the catalogue"
        return next((why for is_barred, why in self._barriers(course) if is_barred), None)

    def _barriers(self, course: Course) -> tuple[tuple[bool, str], ...]:
        identifier, asked = course.course_id, self.language
        return (
            (identifier in self.waived, "is waived by the request"),
            (identifier in self.state.completed, "is completed already"),
            (course.hidden, "is hidden"),
            (
                identifier in self.withheld,
                f"is withheld by the rule '{self.withheld.get(identifier)}'",
            ),
            (identifier in self.excluded, "is excluded by the request"),
            (
                asked is not None and (course.language or "").casefold() != asked,
                f"is not in the language '{asked}'",
            ),
            (_is_beside(course.provider, self.providers), f"is not by {_any_of(self.providers)}"),
            (_is_beside(course.level, self.levels), f"is not of level {_any_of(self.levels)}"),
            (
                identifier in self.state.enrolled and not self.allow_in_progress,
                "is being taken but not completed yet",
            ),
        )

    def hours(self, course_id: str) -> float:
        """Hours of a course; an unknown duration counts as the median, or a default."""
        hours = self.catalogue.courses[course_id].hours
        if hours is not None:
            return hours
        median = self.catalogue.median_hours
        return DEFAULT_HOURS if median is None else median


def _is_beside(value: str | None, asked: frozenset[str]) -> bool:
    return bool(asked) and (value or "").casefold() not in asked


def _any_of(asked: frozenset[str]) -> str:
    return " or ".join(f"'{one}'" for one in sorted(asked))

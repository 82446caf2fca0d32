"""Stage 5, SERVE: what a learner has taken and holds, from the history.

In come a learner's interactions and assessed skills (rows of the native tables); out goes
one ``LearnerState`` that the planner and the skill gap start from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from graphrec.recommend.catalogue import Catalogue, Levels

ASSESSED: Final = 1.0
"""Confidence in a skill that the request or an assessment says is held."""
FROM_COMPLETION: Final = 0.9
"""Confidence in a skill taught by a completed course."""
FROM_ENROLMENT: Final = 0.5
"""Confidence in a skill taught by a course of which only the enrolment is known."""

ENROLMENTS_COUNT: Final = (
    "This data records no completions: enrolments count as courses taken, and their skills as held."
)


@dataclass(frozen=True)
class LearnerState:
    """Where a learner stands.

    Attributes:
        completed: Courses that count as completed (they may be unknown to the catalogue).
        enrolled: Courses being taken now: enrolled, neither completed nor dropped.
        mastered: Skill id -> highest level held; None: held well enough for any level.
        confidence: Skill id -> 0..1, how sure that is.
        warnings: Assumptions made, one sentence each.
    """

    completed: frozenset[str] = frozenset()
    enrolled: frozenset[str] = frozenset()
    mastered: Levels = field(default_factory=lambda: MappingProxyType({}))
    confidence: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()

    def holds(self, skill_id: str, level: float | None = None) -> bool:
        """Whether a skill is held at ``level`` or above (None: at any level)."""
        return skill_id in self.mastered and is_enough(self.mastered[skill_id], level)


ANONYMOUS: Final = LearnerState()
"""Somebody of whom nothing is known."""


def is_enough(level: float | None, needed: float | None) -> bool:
    """Whether a level meets a needed one; where either is unknown, it does."""
    return level is None or needed is None or level >= needed


def learner_state(
    history_rows: Iterable[Mapping[str, Any]],
    catalogue: Catalogue,
    has_completions: bool,
    holds_rows: Iterable[Mapping[str, Any]] = (),
) -> LearnerState:
    """State of one learner from rows of ``interactions`` and ``holds``.

    Args:
        history_rows: Rows with ``course_id`` and ``type``, in any order (``at`` and ``seq``
            decide whether an enrolment came after a drop; without them the drop wins).
        catalogue: Whose courses teach the skills.
        has_completions: Whether any interaction of the whole data set is "completed". Where
            none is, an enrolment is all that a source ever says of a course taken, and
            counts as its completion.
        holds_rows: Rows with ``skill_id`` and ``level``.
    """
    completed, enrolled = taken_courses(history_rows, has_completions)
    confidence = FROM_COMPLETION
    warnings: tuple[str, ...] = ()
    if not has_completions and completed:
        confidence, warnings = FROM_ENROLMENT, (ENROLMENTS_COUNT,)
    state = LearnerState(enrolled=enrolled, warnings=warnings)
    state = with_completed(state, completed, catalogue, confidence)
    return with_mastered(state, {row["skill_id"]: row.get("level") for row in holds_rows})


def taken_courses(
    history_rows: Iterable[Mapping[str, Any]], has_completions: bool
) -> tuple[frozenset[str], frozenset[str]]:
    """Courses that count as completed, and those being taken (arguments as ``learner_state``)."""
    latest: dict[str, tuple[float, float]] = {}
    dropped: dict[str, tuple[float, float]] = {}
    completed: set[str] = set()
    for row in history_rows:
        course, kind = row["course_id"], row["type"]
        if kind == "completed":
            completed.add(course)
        elif kind in ("enrolled", "dropped"):
            times = latest if kind == "enrolled" else dropped
            times[course] = max(times.get(course, (-1.0, -1.0)), _when(row))
    enrolled = {c for c, when in latest.items() if c not in dropped or when > dropped[c]}
    if not has_completions:
        completed, enrolled = completed | enrolled, set()
    return frozenset(completed), frozenset(enrolled - completed)


def with_completed(
    state: LearnerState, courses: Iterable[str], catalogue: Catalogue, confidence: float
) -> LearnerState:
    """The state after completing ``courses``: their skills are held at the level taught."""
    added = frozenset(courses)
    mastered, sure = dict(state.mastered), dict(state.confidence)
    for course in sorted(added):
        for skill, level in catalogue.skills_of(course).items():
            _raise_to(mastered, skill, level)
            sure[skill] = max(sure.get(skill, 0.0), confidence)
    return LearnerState(
        state.completed | added, state.enrolled - added, mastered, sure, state.warnings
    )


def with_waived(state: LearnerState, courses: Iterable[str]) -> LearnerState:
    """The state with ``courses`` let off: done for every REQUIRES, their skills not shown."""
    added = frozenset(courses)
    return replace(state, completed=state.completed | added, enrolled=state.enrolled - added)


def with_mastered(state: LearnerState, skills: Mapping[str, float | None]) -> LearnerState:
    """The state with ``skills`` held at their levels (None: well enough for anything)."""
    mastered, sure = dict(state.mastered), dict(state.confidence)
    for skill, level in skills.items():
        _raise_to(mastered, skill, level)
        sure[skill] = ASSESSED
    return LearnerState(state.completed, state.enrolled, mastered, sure, state.warnings)


def _when(row: Mapping[str, Any]) -> tuple[float, float]:
    at, seq = row.get("at"), row.get("seq")
    return (-1.0 if at is None else float(at), -1.0 if seq is None else float(seq))


def _raise_to(mastered: dict[str, float | None], skill: str, level: float | None) -> None:
    if skill not in mastered:
        mastered[skill] = level
        return
    held = mastered[skill]
    mastered[skill] = None if held is None or level is None else max(held, level)

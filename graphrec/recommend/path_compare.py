"""What differs between two plans: of two requests, or of one before and after events.

Pure: two answers in, one difference out. How alike the plans are is told by two figures in
0..1, both 1 for the same plan: the Jaccard index of their courses, and the share of pairs of
common courses that stand in the same order (Kendall's tau without ties' correction, moved
from -1..1 to 0..1, where sharing a step is a relation of its own).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import combinations

from pydantic import BaseModel, Field

from graphrec.recommend.path_schemas import PathResponse


class MovedCourse(BaseModel):
    """A course of both plans that comes earlier or later among the courses of both."""

    course_id: str
    from_step: int = Field(description="Its step in the plan before.")
    to_step: int


class PathDifference(BaseModel):
    """What one plan has that another has not; ids in the order of their plan."""

    added: list[str] = Field(description="Course ids that only the new plan has.")
    removed: list[str] = Field(description="Those that only the plan before has.")
    moved: list[MovedCourse]
    hours: float = Field(description="Hours more, or less (negative); unknown ones estimated.")
    finish_days: int | None = Field(description="Days later; None where a plan has no finish.")
    newly_reached: list[str] = Field(description="Targets out of reach before, not now.")
    no_longer_reached: list[str]
    overlap: float = Field(description="Courses of both plans / of either, 0..1.")
    order_agreement: float = Field(description="Pairs of common courses in the same order, 0..1.")


def compare_paths(before: PathResponse, after: PathResponse) -> PathDifference:
    """What ``after`` changes in ``before``."""
    old, new = _step_of(before), _step_of(after)
    common = [course for course in new if course in old]
    missed_before = [note.target for note in before.unreachable]
    missed_after = [note.target for note in after.unreachable]
    return PathDifference(
        added=[course for course in new if course not in old],
        removed=[course for course in old if course not in new],
        moved=_moved(common, old, new),
        hours=round(after.estimated_hours - before.estimated_hours, 6),
        finish_days=_days(before.finish_at, after.finish_at),
        newly_reached=[target for target in missed_before if target not in missed_after],
        no_longer_reached=[target for target in missed_after if target not in missed_before],
        overlap=len(common) / len(old | new) if old or new else 1.0,
        order_agreement=_order_agreement(common, old, new),
    )


def _step_of(path: PathResponse) -> dict[str, int]:
    return {course.course_id: step.order for step in path.steps for course in step.courses}


def _moved(common: list[str], old: Mapping[str, int], new: Mapping[str, int]) -> list[MovedCourse]:
    """Courses whose place differs once the steps are numbered by common courses alone."""
    ranks = []
    for steps in (old, new):
        numbers = {step: rank for rank, step in enumerate(sorted({steps[c] for c in common}))}
        ranks.append({course: numbers[steps[course]] for course in common})
    return [
        MovedCourse(course_id=course, from_step=old[course], to_step=new[course])
        for course in common
        if ranks[0][course] != ranks[1][course]
    ]


def _order_agreement(common: list[str], old: Mapping[str, int], new: Mapping[str, int]) -> float:
    pairs = list(combinations(common, 2))
    if not pairs:
        return 1.0
    same = sum(_sign(old[b] - old[a]) == _sign(new[b] - new[a]) for a, b in pairs)
    return same / len(pairs)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _days(before: str | None, after: str | None) -> int | None:
    if before is None or after is None:
        return None
    return (date.fromisoformat(after[:10]) - date.fromisoformat(before[:10])).days

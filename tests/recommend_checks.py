"""What a recommendation may be and whether its reason is true, worked out apart from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from typing import Any

from graphrec import Recommender
from graphrec.recommend.schemas import RecommendedCourse


class Rules:
    """Who may be given what, worked out from the imported rows alone."""

    def __init__(self, tables: Mapping[str, list[dict[str, Any]]], hidden: Set[str]) -> None:
        self.courses = {row["course_id"] for row in tables["courses"]} - hidden
        self._required: dict[str, dict[Any, set[str]]] = defaultdict(lambda: defaultdict(set))
        for number, row in enumerate(tables["requires"]):
            group = row["any_of"] or number
            self._required[row["course_id"]][group].add(row["requires_course_id"])
        self.completed: dict[str, set[str]] = defaultdict(set)
        self.enrolled: dict[str, set[str]] = defaultdict(set)
        for row in sorted(tables["interactions"], key=lambda r: r["at"]):
            learner, course = row["learner_id"], row["course_id"]
            if row["type"] == "completed":
                self.completed[learner].add(course)
            elif row["type"] == "enrolled":
                self.enrolled[learner].add(course)
            elif row["type"] == "dropped":
                self.enrolled[learner].discard(course)

    def open_to(self, learner: str) -> set[str]:
        """Courses a learner may be given."""
        done = self.completed[learner]
        return {
            course
            for course in self.courses - done - self.enrolled[learner]
            if all(group & done for group in self._required[course].values())
        }


def takers_of(recommender: Recommender) -> dict[str, set[str]]:
    """Who took each course, in any way but viewing, as the graph stands."""
    takers: dict[str, set[str]] = defaultdict(set)
    for row in recommender.store.export("interactions").to_pylist():
        if row["type"] != "viewed":
            takers[row["course_id"]].add(row["learner_id"])
    return takers


def check_reason(
    recommender: Recommender,
    learner: str,
    target_role_id: str | None,
    course: RecommendedCourse,
    takers: dict[str, set[str]],
) -> None:
    """Ask the graph by the named queries whether the reason is true."""
    reason, course_id = course.reason, course.course_id
    assert reason.text
    if reason.because_course_id is not None:
        because = {"course_id": reason.because_course_id}
        assert recommender.query("learner_took_course", {"learner_id": learner, **because})
    if reason.code == "teaches_needed_skill":
        assert reason.role_id == target_role_id
        skill = {"skill_id": reason.skill_id}
        assert recommender.query("course_teaches_skill", {"course_id": course_id, **skill})
        assert recommender.query("role_needs_skill", {"role_id": reason.role_id, **skill})
    elif reason.code == "unlocked_by":
        rows = recommender.query("course_requires", {"course_id": course_id})
        assert reason.because_course_id in {row["requires_course_id"] for row in rows}
    elif reason.code == "co_taken":
        asked = {"course_id": course_id, "other_course_id": reason.because_course_id}
        # The query counts those who only viewed, too; taking is what the reason speaks of.
        assert recommender.query("co_taken", asked)[0]["learners"] >= reason.num_learners
        assert len(takers[course_id] & takers[reason.because_course_id]) == reason.num_learners
        assert str(reason.num_learners) in reason.text
    elif reason.code == "shares_skill":
        for one in (course_id, reason.because_course_id):
            asked = {"course_id": one, "skill_id": reason.skill_id}
            assert recommender.query("course_teaches_skill", asked)
    elif reason.code == "popular":
        assert len(takers[course_id]) == reason.num_learners
        assert str(reason.num_learners) in reason.text
    else:
        assert reason.code == "new"
        assert not takers[course_id]

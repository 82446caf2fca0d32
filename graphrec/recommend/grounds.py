"""What may speak for a course, one kind of reason a method, for one request."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.known import Known
from graphrec.recommend.reason_codes import Evidence, Relation
from graphrec.recommend.schemas import Reason


class Grounds:
    """Reasons that one request may be given; each method gives None where there is none.

    Args:
        catalogue: What teaches, needs and requires what.
        known: Of the learner.
        role_id: The role aimed at.
        is_met: Whether counts are of learners with any event, else of those who took a course.
        tell: Key and parameters of a message -> its words.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        known: Known,
        role_id: str | None,
        *,
        is_met: bool,
        tell: Callable[..., str],
    ) -> None:
        self._catalogue = catalogue
        self._known = known
        self._role_id = role_id
        self._is_met = is_met
        self._suffix = ".met" if is_met else ""
        self._tell = tell

    @cached_property
    def _lacked(self) -> frozenset[str]:
        """Skills that the role needs and the learner does not hold."""
        if self._role_id is None:
            return frozenset()
        needs, state = self._catalogue.role_needs(self._role_id), self._known.state()
        return frozenset(s for s, need in needs.items() if not state.holds(s, need.level))

    def needed_by_role(self, course_id: str) -> Reason | None:
        """The role needs a skill that the course teaches and the learner lacks."""
        if self._role_id is None:
            return None
        skill_id = min(self._lacked & self._catalogue.skills_of(course_id).keys(), default=None)
        if skill_id is None:
            return None
        role, skill = self._catalogue.role_name(self._role_id), self._catalogue.skill_name(skill_id)
        return Reason(
            code="teaches_needed_skill",
            text=self._tell("teaches_needed_skill", role=role, skill=skill),
            role_id=self._role_id,
            skill_id=skill_id,
            evidence=[
                Evidence(from_id=self._role_id, relation="NEEDS", to_id=skill_id),
                Evidence(from_id=course_id, relation="TEACHES", to_id=skill_id),
            ],
        )

    def unlocked(self, course_id: str) -> Reason | None:
        """It requires a course that was completed, the newest of them."""
        groups = self._catalogue.required_groups(course_id)
        if not groups:
            return None
        known = self._known
        for taken in reversed(known.history):
            group = next((g for g in groups if taken in g), ())
            if group and (taken in known.completed or taken in known.recent):
                key = "unlocked_by" if len(group) == 1 else "unlocked_by.any"
                return Reason(
                    code="unlocked_by",
                    text=self._tell(key, course=self._catalogue.course_name(taken)),
                    because_course_id=taken,
                    evidence=[
                        known.done(taken),
                        Evidence(from_id=course_id, relation="REQUIRES", to_id=taken),
                    ],
                )
        return None

    def co_taken(self, course_id: str, taken: str, num_shared: int) -> Reason:
        """So many learners took both this course and one of the history."""
        name = self._catalogue.course_name(taken)
        relation: Relation = "CO_MET_COUNT" if self._is_met else "CO_TOOK_COUNT"
        return Reason(
            code="co_taken",
            text=self._tell("co_taken" + self._suffix, num_learners=num_shared, course=name),
            because_course_id=taken,
            num_learners=num_shared,
            evidence=[
                self._known.met(taken),
                Evidence(from_id=taken, relation=relation, to_id=course_id, count=num_shared),
            ],
        )

    def shares_skill(self, course_id: str) -> Reason | None:
        """It teaches a skill that a course of the history teaches, the newest of them."""
        taught = self._catalogue.skills_of(course_id).keys()
        for taken in reversed(self._known.history):
            skill_id = min(self._catalogue.skills_of(taken).keys() & taught, default=None)
            if skill_id is not None:
                skill = self._catalogue.skill_name(skill_id)
                course = self._catalogue.course_name(taken)
                return Reason(
                    code="shares_skill",
                    text=self._tell("shares_skill", skill=skill, course=course),
                    because_course_id=taken,
                    skill_id=skill_id,
                    evidence=[
                        self._known.met(taken),
                        Evidence(from_id=taken, relation="TEACHES", to_id=skill_id),
                        Evidence(from_id=course_id, relation="TEACHES", to_id=skill_id),
                    ],
                )
        return None

    def popular(self, course_id: str, number: int) -> Reason:
        """So many learners took it, or nobody yet."""
        evidence = [self.count(course_id, number)]
        if number == 0:
            return Reason(code="new", text=self._tell("new"), evidence=evidence)
        return Reason(
            code="popular",
            text=self._tell("popular" + self._suffix, num_learners=number),
            num_learners=number,
            evidence=evidence,
        )

    def explored(self, reason: Reason, course_id: str, number: int) -> Reason:
        """The reason of a course given to explore: that it is, then what speaks for it."""
        key = "explored" if number else "explored.new"
        is_counted = reason.code in ("popular", "new")
        more = [] if is_counted else [self.count(course_id, number)]
        text = self._tell(key, num_learners=number, reason=reason.text)
        return reason.model_copy(update={"text": text, "evidence": [*reason.evidence, *more]})

    def alike(
        self, reason: Reason, course_id: str, number: int, nearest: str, likeness: float
    ) -> Reason:
        """As ``explored``, where no more is known than which course its content is nearest to."""
        key = "explored.alike" if number else "explored.alike_new"
        course = self._catalogue.course_name(nearest)
        alike = Evidence(from_id=course_id, relation="ALIKE", to_id=nearest, score=likeness)
        return reason.model_copy(
            update={
                "text": self._tell(key, num_learners=number, course=course),
                "because_course_id": nearest,
                "evidence": [*reason.evidence, self._known.met(nearest), alike],
            }
        )

    def count(self, course_id: str, number: int) -> Evidence:
        """How many learners took a course."""
        relation: Relation = "MET_COUNT" if self._is_met else "TOOK_COUNT"
        return Evidence(relation=relation, to_id=course_id, count=number)

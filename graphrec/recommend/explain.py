"""Why a course is recommended: the strongest evidence that stands in the graph.

In come courses and what is known of the learner; out goes a reason each, with the facts it
rests on (``graphrec.recommend.reason_codes``) and its words (``graphrec.recommend.messages``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from graphrec.models.content import ContentModel
from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.recommend.explorer import CONTENT
from graphrec.recommend.known import Known
from graphrec.recommend.messages import FALLBACK, say
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.reason_codes import Evidence, Relation
from graphrec.recommend.schemas import Reason

_MIN_SHARED = 3
"""So few learners in common are chance, not a reason."""


class Explainer:
    """Finds a reason for a recommended course; every reason names facts of the graph."""

    def __init__(self, catalogue: Catalogue, trained: TrainedPipeline | None) -> None:
        self._catalogue = catalogue
        self._trained = trained
        self._is_met = trained is None or not trained.has_commitments
        self._suffix = ".met" if self._is_met else ""

    def explain(
        self,
        course_ids: Sequence[str],
        known: Known,
        *,
        target_role_id: str | None,
        num_learners: np.ndarray,
        explored: Sequence[int] = (),
        language: str = FALLBACK,
    ) -> list[Reason]:
        """The best reason for each of some courses.

        Args:
            course_ids: Recommended.
            known: Of the learner.
            target_role_id: The role aimed at.
            num_learners: int [len(course_ids)], who took each, for want of a better reason.
            explored: Positions of courses given to explore.
            language: One of ``messages.languages()``.
        """
        tell = partial(say, language)
        shared, most = self._most_shared(course_ids, known.rows)
        found = [
            self._needed_by_role(course_id, known, target_role_id, tell)
            or self._unlocked(course_id, known, tell)
            or self._co_taken(course_id, shared[n], most[n], known, tell)
            or self._shares_skill(course_id, known, tell)
            or self._popular(course_id, int(num_learners[n]), tell)
            for n, course_id in enumerate(course_ids)
        ]
        for n in explored:
            number = int(num_learners[n])
            found[n] = self._explored(found[n], course_ids[n], number, known, tell)
        return found

    def _explored(
        self, reason: Reason, course_id: str, number: int, known: Known, tell: Callable[..., str]
    ) -> Reason:
        """The reason of a course given to explore: that it is, and what speaks for it."""
        is_weak = reason.code in ("popular", "new")
        evidence = (
            reason.evidence if is_weak else [*reason.evidence, self._taken(course_id, number)]
        )
        near = self._nearest(course_id, known.rows) if is_weak else None
        key = "explored" if number else "explored.new"
        if near is None:
            text = tell(key, num_learners=number, reason=reason.text)
            return reason.model_copy(update={"text": text, "evidence": evidence})
        nearest, likeness = near
        key = "explored.alike" if number else "explored.alike_new"
        alike = Evidence(
            from_id=course_id, relation="ALIKE", to_id=nearest.course_id, score=likeness
        )
        return reason.model_copy(
            update={
                "text": tell(key, num_learners=number, course=nearest.name),
                "because_course_id": nearest.course_id,
                "evidence": [*evidence, known.met(nearest.course_id), alike],
            }
        )

    def _nearest(self, course_id: str, rows: np.ndarray) -> tuple[Course, float] | None:
        """The course of ``rows`` whose content is most like this one's; None: none is alike."""
        content = None if self._trained is None else self._trained.pipeline.models.get(CONTENT)
        if self._trained is None or not isinstance(content, ContentModel) or not len(rows):
            return None
        vectors = content.item_vectors()
        likeness = vectors[rows] @ vectors[self._trained.items.index(course_id)]
        best = int(likeness.argmax())
        course = self._catalogue.courses.get(self._trained.items.id(int(rows[best])))
        if likeness[best] <= 0 or course is None:
            return None
        return course, round(float(likeness[best]), 6)

    def _needed_by_role(
        self, course_id: str, known: Known, role_id: str | None, tell: Callable[..., str]
    ) -> Reason | None:
        if role_id is None:
            return None
        needs = self._catalogue.role_needs(role_id)
        for skill_id in sorted(self._catalogue.skills_of(course_id)):
            need = needs.get(skill_id)
            if need is None or known.state().holds(skill_id, need.level):
                continue
            role, skill = self._catalogue.role_name(role_id), self._catalogue.skill_name(skill_id)
            return Reason(
                code="teaches_needed_skill",
                text=tell("teaches_needed_skill", role=role, skill=skill),
                role_id=role_id,
                skill_id=skill_id,
                evidence=[
                    Evidence(from_id=role_id, relation="NEEDS", to_id=skill_id),
                    Evidence(from_id=course_id, relation="TEACHES", to_id=skill_id),
                ],
            )
        return None

    def _unlocked(self, course_id: str, known: Known, tell: Callable[..., str]) -> Reason | None:
        groups = self._catalogue.required_groups(course_id)
        if not groups:
            return None
        for taken in reversed(known.history):
            group = next((g for g in groups if taken in g), ())
            if group and (taken in known.completed or taken in known.recent):
                key = "unlocked_by" if len(group) == 1 else "unlocked_by.any"
                return Reason(
                    code="unlocked_by",
                    text=tell(key, course=self._catalogue.course_name(taken)),
                    because_course_id=taken,
                    evidence=[
                        known.done(taken),
                        Evidence(from_id=course_id, relation="REQUIRES", to_id=taken),
                    ],
                )
        return None

    def _most_shared(
        self, course_ids: Sequence[str], rows: np.ndarray
    ) -> tuple[list[int], list[int]]:
        """For each course, most learners shared with one of ``rows``, and that row."""
        nobody = [0] * len(course_ids)
        if self._trained is None or not len(rows):
            return nobody, nobody
        items = self._trained.items.indices(course_ids)
        shared = self._trained.num_shared(np.maximum(items, 0), rows)
        shared[items < 0] = 0
        most = shared.argmax(axis=1)
        return shared[np.arange(len(items)), most].astype(int).tolist(), rows[most].tolist()

    def _co_taken(
        self, course_id: str, num_shared: int, row: int, known: Known, tell: Callable[..., str]
    ) -> Reason | None:
        if self._trained is None or num_shared < _MIN_SHARED:
            return None
        taken = self._trained.items.id(row)
        name = self._catalogue.course_name(taken)
        relation: Relation = "CO_MET_COUNT" if self._is_met else "CO_TOOK_COUNT"
        return Reason(
            code="co_taken",
            text=tell("co_taken" + self._suffix, num_learners=num_shared, course=name),
            because_course_id=taken,
            num_learners=num_shared,
            evidence=[
                known.met(taken),
                Evidence(from_id=taken, relation=relation, to_id=course_id, count=num_shared),
            ],
        )

    def _shares_skill(
        self, course_id: str, known: Known, tell: Callable[..., str]
    ) -> Reason | None:
        taught = self._catalogue.skills_of(course_id)
        for taken in reversed(known.history):
            for skill_id in sorted(self._catalogue.skills_of(taken)):
                if skill_id in taught:
                    skill = self._catalogue.skill_name(skill_id)
                    course = self._catalogue.course_name(taken)
                    return Reason(
                        code="shares_skill",
                        text=tell("shares_skill", skill=skill, course=course),
                        because_course_id=taken,
                        skill_id=skill_id,
                        evidence=[
                            known.met(taken),
                            Evidence(from_id=taken, relation="TEACHES", to_id=skill_id),
                            Evidence(from_id=course_id, relation="TEACHES", to_id=skill_id),
                        ],
                    )
        return None

    def _popular(self, course_id: str, number: int, tell: Callable[..., str]) -> Reason:
        evidence = [self._taken(course_id, number)]
        if number == 0:
            return Reason(code="new", text=tell("new"), evidence=evidence)
        return Reason(
            code="popular",
            text=tell("popular" + self._suffix, num_learners=number),
            num_learners=number,
            evidence=evidence,
        )

    def _taken(self, course_id: str, number: int) -> Evidence:
        relation: Relation = "MET_COUNT" if self._is_met else "TOOK_COUNT"
        return Evidence(relation=relation, to_id=course_id, count=number)

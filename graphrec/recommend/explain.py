"""Why a course is recommended: the strongest evidence that stands in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphrec.models.content import ContentModel
from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.recommend.explorer import CONTENT
from graphrec.recommend.mastery import LearnerState
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.schemas import Reason

_MIN_SHARED = 3
"""So few learners in common are chance, not a reason."""


class Explainer:
    """Finds a reason for a recommended course; every reason names edges of the graph."""

    def __init__(self, catalogue: Catalogue, trained: TrainedPipeline | None) -> None:
        self._catalogue = catalogue
        self._trained = trained

    def explain(
        self,
        course_ids: Sequence[str],
        *,
        history: Sequence[str],
        state: Callable[[], LearnerState],
        target_role_id: str | None,
        num_learners: np.ndarray,
        rows: np.ndarray,
        explored: Sequence[int] = (),
    ) -> list[Reason]:
        """The best reason for each of some courses.

        Args:
            course_ids: Recommended.
            history: Courses taken or viewed, oldest first.
            state: Gives what the learner holds; asked only where a role is aimed at.
            target_role_id: The role aimed at.
            num_learners: int [len(course_ids)], who took each, for want of a better reason.
            rows: What the bundle knows of ``history``: dense rows, int64, newest first.
            explored: Positions of courses given to explore.
        """
        shared, most = self._most_shared(course_ids, rows)
        found = [
            self._needed_by_role(course_id, state, target_role_id)
            or self._unlocked(course_id, history)
            or self._co_taken(shared[n], most[n])
            or self._shares_skill(course_id, history)
            or self._popular(course_id, int(num_learners[n]))
            for n, course_id in enumerate(course_ids)
        ]
        for n in explored:
            found[n] = self._explored(found[n], course_ids[n], int(num_learners[n]), rows)
        return found

    def _explored(
        self, reason: Reason, course_id: str, num_learners: int, rows: np.ndarray
    ) -> Reason:
        """The reason of a course given to explore: that it is, and what speaks for it."""
        told = f"New course, {num_learners} learners so far" if num_learners else "New course"
        if reason.code not in ("popular", "new"):
            return reason.model_copy(update={"text": f"{told}. {reason.text}"})
        nearest = self._nearest(course_id, rows)
        if nearest is None:
            return reason.model_copy(update={"text": f"{told}. {reason.text}"})
        text = f"{told}, similar in what it teaches and says to {nearest.name}, which you know."
        return reason.model_copy(update={"text": text, "because_course_id": nearest.course_id})

    def _nearest(self, course_id: str, rows: np.ndarray) -> Course | None:
        """The course of ``rows`` whose content is most like this one's; None: none is alike."""
        content = None if self._trained is None else self._trained.pipeline.models.get(CONTENT)
        if self._trained is None or not isinstance(content, ContentModel) or not len(rows):
            return None
        vectors = content.item_vectors()
        likeness = vectors[rows] @ vectors[self._trained.items.index(course_id)]
        best = int(likeness.argmax())
        if likeness[best] <= 0:
            return None
        return self._catalogue.courses.get(self._trained.items.id(int(rows[best])))

    def _needed_by_role(
        self, course_id: str, state: Callable[[], LearnerState], role_id: str | None
    ) -> Reason | None:
        if role_id is None:
            return None
        needs = self._catalogue.role_needs(role_id)
        for skill_id in sorted(self._catalogue.skills_of(course_id)):
            need = needs.get(skill_id)
            if need is None or state().holds(skill_id, need.level):
                continue
            return Reason(
                code="teaches_needed_skill",
                text=f"{self._catalogue.role_name(role_id)} needs "
                f"{self._catalogue.skill_name(skill_id)}, which this course teaches.",
                role_id=role_id,
                skill_id=skill_id,
            )
        return None

    def _unlocked(self, course_id: str, history: Sequence[str]) -> Reason | None:
        required = {one for group in self._catalogue.required_groups(course_id) for one in group}
        if not required:
            return None
        for taken in reversed(history):
            if taken in required:
                return Reason(
                    code="unlocked_by",
                    text=f"You took {self._catalogue.course_name(taken)}, which it requires.",
                    because_course_id=taken,
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

    def _co_taken(self, num_shared: int, row: int) -> Reason | None:
        if self._trained is None or num_shared < _MIN_SHARED:
            return None
        taken = self._trained.items.id(row)
        return Reason(
            code="co_taken",
            text=f"{num_shared} learners of {self._catalogue.course_name(taken)} took it too.",
            because_course_id=taken,
            num_learners=num_shared,
        )

    def _shares_skill(self, course_id: str, history: Sequence[str]) -> Reason | None:
        taught = self._catalogue.skills_of(course_id)
        for taken in reversed(history):
            for skill_id in sorted(self._catalogue.skills_of(taken)):
                if skill_id in taught:
                    return Reason(
                        code="shares_skill",
                        text=f"It goes on with {self._catalogue.skill_name(skill_id)} "
                        f"from {self._catalogue.course_name(taken)}.",
                        because_course_id=taken,
                        skill_id=skill_id,
                    )
        return None

    def _popular(self, course_id: str, num_learners: int) -> Reason:
        if num_learners == 0:
            return Reason(code="new", text="New in the catalogue: nobody has taken it yet.")
        return Reason(
            code="popular",
            text=f"{num_learners} learners took it.",
            num_learners=num_learners,
        )

"""Why a course is recommended: the strongest evidence that stands in the graph.

In come courses and what is known of the learner; out goes a reason each, with the facts it
rests on (``graphrec.recommend.reason_codes``) and its words (``graphrec.recommend.messages``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from graphrec.models.content import ContentModel
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.explorer import CONTENT
from graphrec.recommend.grounds import Grounds
from graphrec.recommend.known import Known
from graphrec.recommend.messages import FALLBACK, say
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.schemas import Reason

_MIN_SHARED = 3
"""So few learners in common are chance, not a reason."""


class Explainer:
    """Finds a reason for a recommended course; every reason names facts of the graph."""

    def __init__(self, catalogue: Catalogue, trained: TrainedPipeline | None) -> None:
        self._catalogue = catalogue
        self._trained = trained

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
        is_met = self._trained is None or not self._trained.has_commitments
        tell = partial(say, language)
        grounds = Grounds(self._catalogue, known, target_role_id, is_met=is_met, tell=tell)
        shared = self._most_shared(course_ids, known.rows)
        numbers = num_learners.tolist()
        found = [
            grounds.needed_by_role(course_id)
            or grounds.unlocked(course_id)
            or (grounds.co_taken(course_id, *shared[n]) if shared[n][1] >= _MIN_SHARED else None)
            or grounds.shares_skill(course_id)
            or grounds.popular(course_id, numbers[n])
            for n, course_id in enumerate(course_ids)
        ]
        for n in explored:
            course_id, reason = course_ids[n], found[n]
            is_weak = reason.code in ("popular", "new")
            nearest = self._nearest(course_id, known.rows) if is_weak else None
            found[n] = (
                grounds.explored(reason, course_id, numbers[n])
                if nearest is None
                else grounds.alike(reason, course_id, numbers[n], *nearest)
            )
        return found

    def _nearest(self, course_id: str, rows: np.ndarray) -> tuple[str, float] | None:
        """The course of ``rows`` whose content is most like this one's; None: none is alike."""
        content = None if self._trained is None else self._trained.pipeline.models.get(CONTENT)
        if self._trained is None or not isinstance(content, ContentModel) or not len(rows):
            return None
        vectors = content.item_vectors()
        likeness = vectors[rows] @ vectors[self._trained.items.index(course_id)]
        best = int(likeness.argmax())
        nearest = self._trained.items.id(int(rows[best]))
        if likeness[best] <= 0 or not self._catalogue.has_course(nearest):
            return None
        return nearest, round(float(likeness[best]), 6)

    def _most_shared(self, course_ids: Sequence[str], rows: np.ndarray) -> list[tuple[str, int]]:
        """For each course, the one of ``rows`` that most of its learners took too, and how many."""
        if self._trained is None or not len(rows):
            return [("", 0)] * len(course_ids)
        items = self._trained.items.indices(course_ids)
        shared = self._trained.num_shared(np.maximum(items, 0), rows)
        shared[items < 0] = 0
        most = shared.argmax(axis=1)
        numbers = shared[np.arange(len(items)), most].astype(int).tolist()
        return list(zip(self._trained.items.ids(rows[most].tolist()), numbers, strict=True))

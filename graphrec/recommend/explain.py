"""Why a course is recommended: the strongest evidence that stands in the graph.

In come courses and what is known of the learner; out goes a reason each, with the facts it
rests on (``graphrec.recommend.reason_codes``) and its words (``graphrec.recommend.messages``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from graphrec.features.signals import ROLE
from graphrec.models.content import ContentModel
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.explorer import CONTENT
from graphrec.recommend.grounds import Grounds
from graphrec.recommend.known import Known
from graphrec.recommend.messages import FALLBACK, say
from graphrec.recommend.model_io import NEIGHBOURS, TrainedPipeline
from graphrec.recommend.picked import EXPLORATION
from graphrec.recommend.pipeline import POPULARITY
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
        scores: Sequence[Mapping[str, float]],
        explored: Sequence[int] = (),
        language: str = FALLBACK,
    ) -> list[Reason]:
        """The best reason for each of some courses.

        Args:
            course_ids: Recommended.
            known: Of the learner.
            target_role_id: The role aimed at.
            num_learners: int [len(course_ids)], who took each, for want of a better reason.
            scores: What each part has in each score: a reason is given only for what lifts it.
            explored: Positions of courses given to explore.
            language: One of ``messages.languages()``.
        """
        is_met = self._trained is None or not self._trained.has_commitments
        tell = partial(say, language)
        grounds = Grounds(self._catalogue, known, target_role_id, is_met=is_met, tell=tell)
        shared = self._most_shared(course_ids, known.rows)
        numbers = num_learners.tolist()
        found = [
            (grounds.needed_by_role(course_id) if _has_part(scores[n], ROLE) else None)
            or grounds.unlocked(course_id)
            or (
                grounds.co_taken(course_id, *shared[n])
                if _is_co_taken(scores[n], shared[n])
                else None
            )
            or (grounds.shares_skill(course_id) if _leads(scores[n], CONTENT) else None)
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


def _is_co_taken(parts: Mapping[str, float], shared: tuple[str, int]) -> bool:
    """Whether enough learners took a course of the history too, and the score rests on it."""
    return shared[1] >= _MIN_SHARED and _leads(parts, NEIGHBOURS)


def _leads(parts: Mapping[str, float], name: str) -> bool:
    """Whether a part lifts a score, and no less than popularity does."""
    return _has_part(parts, name) and parts.get(name, 0.0) >= parts.get(POPULARITY, 0.0)


def _has_part(parts: Mapping[str, float], name: str) -> bool:
    """Whether a part lifts a score; so may any where a course only got a place.

    Courses given to explore, or to fill a list up, have no parts of their own.
    """
    return parts.get(name, 0.0) > 0 or EXPLORATION in parts or not any(parts.values())

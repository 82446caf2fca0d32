"""Stage 5, SERVE: the ranking layer over a blend: trees that correct its best candidates.

``best_by_blend`` prepares what a ranker learns from and what it is asked for: one code, so that
training and serving cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.features.ranking import Feature, ranking_features
from graphrec.features.ranking_asked import Asked
from graphrec.features.ranking_facts import CourseFacts
from graphrec.features.ranking_tables import CourseColumns
from graphrec.models.blend import Candidates
from graphrec.models.ranker import Ranker
from graphrec.models.ranker_calibration import Isotonic

RANKER: Final = "ranker"
"""What the trees add to a score, a term beside the parts."""

DEPTH: Final = 100
"""Best candidates by the blend that are ranked again."""


@dataclass(frozen=True)
class Blended:
    """Candidates of n learners as the blend ranks them.

    Attributes:
        candidates: Of the learners.
        standard: float32 [nnz, parts], scores standardised over the learner's candidates.
        scores: float32 [nnz], of the blend.
        parts: Names.
    """

    candidates: Candidates
    standard: np.ndarray
    scores: np.ndarray
    parts: tuple[str, ...]


def best_by_blend(
    blended: Blended,
    histories: Histories,
    facts: CourseFacts,
    role_ids: Sequence[str | None],
    moments: np.ndarray | None,
) -> tuple[np.ndarray, Asked]:
    """The best ``DEPTH`` candidates of each learner, as features are computed of them.

    Args:
        blended: Of n learners.
        histories: Of the same.
        facts: Of the courses.
        role_ids: The role each aims at; () where nobody says.
        moments: int64 [n], epoch ms each asks at, -1 unknown; None: each at their last event.

    Returns:
        Positions of the candidates that are kept, int64 [m], learner by learner, best first;
        and what is asked of them.
    """
    owners, items = blended.candidates.owners, blended.candidates.items
    order = np.lexsort((items, -blended.scores, owners))
    kept = order[np.arange(len(order)) - blended.candidates.indptr[:-1][owners] < DEPTH]
    asked = Asked(
        histories,
        owners[kept],
        items[kept],
        blended.standard[kept],
        blended.scores[kept],
        blended.parts,
        moments,
        facts.rows_of_roles(role_ids, len(histories)),
    )
    return kept, asked


@dataclass(frozen=True)
class RankingLayer:
    """A ranker that is on, with what it needs.

    Attributes:
        ranker: Trees.
        features: Their columns.
        facts: Of the courses as they stand now.
        calibrator: Share of a learner's softmax -> probability of being taken next.
    """

    ranker: Ranker
    features: tuple[Feature, ...]
    facts: CourseFacts
    calibrator: Isotonic

    def correction(
        self,
        blended: Blended,
        histories: Histories,
        role_ids: Sequence[str | None] = (),
        moments: np.ndarray | None = None,
    ) -> np.ndarray:
        """What the trees add to the blend's scores, float32 [nnz].

        Candidates beyond the best ``DEPTH`` get the smallest correction of their learner's, so
        that none of them passes one that was looked at.

        Args:
            blended: Of n learners.
            histories: Of the same.
            role_ids: The role each aims at; () where nobody says.
            moments: int64 [n], epoch ms each asks at; None: when the newest event was known.
        """
        if moments is None:
            moments = self.moments(histories)
        kept, asked = best_by_blend(blended, histories, self.facts, role_ids, moments)
        found = self.ranker.correction(ranking_features(asked, self.facts, self.features))
        least = np.full(len(histories), np.inf, np.float32)
        np.minimum.at(least, asked.owners, found)
        corrections = least[blended.candidates.owners]
        corrections[kept] = found
        return np.asarray(corrections, np.float32)

    def moments(self, histories: Histories) -> np.ndarray:
        """When the newest event was known, to the facts or of the learner; int64 [n].

        Not the clock: a catalogue whose events ended is ranked as it was on its last day, and
        the same request has the same answer.
        """
        moments = np.full(len(histories), self.facts.newest, np.int64)
        if histories.times is not None:
            np.maximum.at(moments, histories.owners(), histories.times)
        return moments

    def over(self, facts: CourseFacts) -> RankingLayer | None:
        """The same trees over newer facts; None where these lack what a feature needs."""
        if not {feature.needs for feature in self.features} <= {"", *facts.has}:
            return None
        return replace(self, facts=facts)


def over_now(
    layer: RankingLayer | None, columns: CourseColumns, dataset: Dataset
) -> RankingLayer | None:
    """A layer over what is known now; None without one, or where its features need more."""
    return None if layer is None else layer.over(columns.facts(dataset))

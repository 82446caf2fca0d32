"""Stage 3, TRAIN: a ranker over a composed pipeline, and whether it earns its place.

Ranker and blend are compared on validation learners whom neither learned from: each half is
ranked by what the other half taught. Only a ranker that wins by more than chance is on; the
blend ranks otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from graphrec.features.ranking import Feature, active_features, ranking_features
from graphrec.features.ranking_asked import Asked
from graphrec.features.ranking_facts import CourseFacts
from graphrec.models.blend import Blend, Candidates, standardise
from graphrec.models.ranker import RankerConfig, Trained, train_ranker
from graphrec.models.ranker_calibration import Isotonic
from graphrec.models.ranker_lists import Lists
from graphrec.recommend.compose import Validation, retrieve
from graphrec.recommend.pipeline import Pipeline

DEPTH: Final = 100
"""Best candidates by the blend that are ranked again."""

ERRORS: Final = 2.0
"""Standard errors of the paired difference by which a ranker must win."""


@dataclass(frozen=True)
class Pool:
    """Candidates of a sample with their scores by part.

    Attributes:
        sample: Learners with the item each took next.
        candidates: Of the n learners.
        scores: float32 [nnz, parts].
        facts: Of the courses; ``needs`` of these learners.
        moments: int64 [n], epoch ms each took its item at, -1 unknown; None: nobody's.
        parts: Names.
    """

    sample: Validation
    candidates: Candidates
    scores: np.ndarray
    facts: CourseFacts
    moments: np.ndarray | None
    parts: tuple[str, ...]

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        sample: Validation,
        facts: CourseFacts,
        moments: np.ndarray | None = None,
    ) -> Pool:
        """What a pipeline retrieves for a sample."""
        candidates, scores = retrieve(pipeline, sample)
        return cls(sample, candidates, scores, facts, moments, pipeline.parts)

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that the data allows."""
        return active_features(self.parts, self.facts)

    def blend(self, learners: np.ndarray) -> Blend:
        """The blend that these learners (bool [n]) teach."""
        rows, sizes = learners[self.candidates.owners], np.diff(self.candidates.indptr)
        indptr = np.concatenate([[0], np.cumsum(sizes[learners])]).astype(np.int64)
        return Blend.fit(
            self.parts,
            self.scores[rows],
            Candidates(indptr, self.candidates.items[rows]),
            self.sample.targets[learners],
            self.sample.inputs.lengths[learners],
        )

    def lists(self, blend: Blend, features: Sequence[Feature]) -> Lists:
        """The best ``DEPTH`` candidates of each learner by a blend, with features."""
        inputs, owners, items = self.sample.inputs, self.candidates.owners, self.candidates.items
        blended, _ = blend.score(self.scores, self.candidates, inputs.lengths)
        order = np.lexsort((items, -blended, owners))
        kept = order[np.arange(len(order)) - self.candidates.indptr[:-1][owners] < DEPTH]
        standard = standardise(self.scores, self.candidates)[kept]
        owners, items, blended = owners[kept], items[kept], blended[kept]
        asked = Asked(inputs, owners, items, standard, blended, self.parts, self.moments)
        return Lists(
            ranking_features(asked, self.facts, features),
            blended,
            (items == self.sample.targets[owners]).astype(np.int8),
            np.bincount(owners, minlength=len(inputs)),
        )


@dataclass(frozen=True)
class Decision:
    """Whether a ranker ranks, and why.

    Attributes:
        blend: NDCG@10 of the blend, by two-fold cross-fitting.
        ranker: NDCG@10 of the ranker, on the same learners.
        standard_error: Of the paired difference.
        num_learners: Asked.
        reason: Why there is no ranker to compare, or "".
    """

    blend: float
    ranker: float
    standard_error: float
    num_learners: int
    reason: str = ""

    @property
    def is_on(self) -> bool:
        """Whether the ranker wins by more than chance."""
        return not self.reason and self.ranker - self.blend > ERRORS * self.standard_error

    def describe(self) -> str:
        """One line."""
        if self.reason:
            return f"off, the blend ranks: {self.reason}"
        verdict = "on" if self.is_on else "off, the blend ranks"
        return (
            f"{verdict}: ndcg@10 {self.ranker:.4f} against the blend's {self.blend:.4f} "
            f"(difference {self.ranker - self.blend:+.4f} +-{self.standard_error:.4f})"
        )


@dataclass(frozen=True)
class CrossFitted:
    """Both halves, each ranked by what the other taught; learners stand half by half.

    Attributes:
        lists: Of the first half, and of the second.
        scores: The ranker's, float32 [m] of each.
    """

    lists: tuple[Lists, Lists]
    scores: tuple[np.ndarray, np.ndarray]

    def decide(self) -> Decision:
        """Compare ranker and blend on all learners."""
        halves = list(zip(self.lists, self.scores, strict=True))
        blended = np.concatenate([lists.gains(lists.blended) for lists, _ in halves])
        ranked = np.concatenate([lists.gains(scores) for lists, scores in halves])
        error = float((ranked - blended).std() / np.sqrt(max(len(ranked), 1)))
        return Decision(float(blended.mean()), float(ranked.mean()), error, len(ranked))

    def calibrator(self, halves: Sequence[int] = (0, 1)) -> Isotonic:
        """Probability that a candidate is taken next, by the share of its score."""
        stated = [self.lists[half].softmax(self.scores[half]) for half in halves]
        hits = [self.lists[half].labels > 0 for half in halves]
        return Isotonic.fit(np.concatenate(stated), np.concatenate(hits))


class Folds:
    """A pool cut into halves, once for several sets of features.

    Args:
        pool: Of validation.
        seed: Of the halves.
    """

    def __init__(self, pool: Pool, seed: int = 0) -> None:
        self.features = pool.features
        is_first = np.random.default_rng(seed).random(len(pool.sample.targets)) < 0.5
        self._halves = []
        for asked in (is_first, ~is_first):
            lists = pool.lists(pool.blend(~asked), self.features)
            self._halves.append((lists.take(~asked), lists.take(asked)))

    def rank(self, kept: np.ndarray, config: RankerConfig | None = None) -> CrossFitted:
        """Rank each half by what the other taught, with some of the features (bool [k])."""
        names = tuple(f.name for f, is_kept in zip(self.features, kept, strict=True) if is_kept)
        lists, scores = [], []
        for learned, asked in self._halves:
            trained = train_ranker(learned.columns(kept), names, config)
            lists.append(asked)
            scores.append(trained.ranker.score(asked.columns(kept).features, asked.blended))
        return CrossFitted((lists[0], lists[1]), (scores[0], scores[1]))


def train_on_all(
    pool: Pool, blend: Blend, features: Sequence[Feature], config: RankerConfig | None = None
) -> Trained:
    """The ranker that serves: over the pipeline's own blend, learned from every learner."""
    names = tuple(feature.name for feature in features)
    return train_ranker(pool.lists(blend, features), names, config)

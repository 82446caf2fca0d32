"""Stage 3, TRAIN: a ranker over a composed pipeline, and whether it earns its place.

Ranker and blend are compared on validation learners whom neither learned from: each half is
ranked by what the other half taught. Only a ranker that wins by more than chance is on; the
blend ranks otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from graphrec.errors import MissingExtraError, TrainingError
from graphrec.features.ranking import Feature, active_features, ranking_features
from graphrec.features.ranking_facts import CourseFacts
from graphrec.models.blend import Blend, Candidates, standardise
from graphrec.models.ranker import RankerConfig, Trained, train_ranker
from graphrec.models.ranker_calibration import Isotonic
from graphrec.models.ranker_lists import Lists
from graphrec.recommend.compose import MAX_BLENDED, Report, Validation, retrieve
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranking_layer import Blended, RankingLayer, best_by_blend
from graphrec.recommend.validate import Validated, summary

ERRORS: Final = 2.0
"""Standard errors of the paired difference by which a ranker must win."""


@dataclass(frozen=True)
class Pool:
    """Candidates of a sample with their scores by part.

    Attributes:
        sample: Learners with the item each took next.
        candidates: Of the n learners.
        scores: float32 [nnz, parts].
        facts: Of the courses.
        parts: Names.
    """

    sample: Validation
    candidates: Candidates
    scores: np.ndarray
    facts: CourseFacts
    parts: tuple[str, ...]

    @classmethod
    def of(
        cls,
        pipeline: Pipeline,
        sample: Validation,
        facts: CourseFacts,
        forced: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Pool:
        """What a pipeline retrieves for a sample, or what is forced (as ``learn_blend``)."""
        candidates, scores = retrieve(pipeline, sample, forced=forced)
        return cls(sample, candidates, scores, facts, pipeline.parts)

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
        sample = self.sample
        scores, _ = blend.score(self.scores, self.candidates, sample.inputs.lengths)
        standard = standardise(self.scores, self.candidates)
        _, asked = best_by_blend(
            Blended(self.candidates, standard, scores, self.parts),
            sample.inputs,
            self.facts,
            sample.signals.role_ids,
            sample.moments,
        )
        return Lists(
            ranking_features(asked, self.facts, features),
            asked.blended,
            (asked.items == sample.targets[asked.owners]).astype(np.int8),
            np.bincount(asked.owners, minlength=len(sample.inputs)),
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

    def figures(self) -> dict[str, Any]:
        """For the manifest and for results."""
        if self.reason:
            return {"is_on": False, "reason": self.reason}
        return {
            "is_on": self.is_on,
            "ndcg@10": round(self.ranker, 5),
            "ndcg@10_without": round(self.blend, 5),
            "standard_error": round(self.standard_error, 5),
            "num_validation": self.num_learners,
        }

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
        rankers: What ranked each half.
    """

    lists: tuple[Lists, Lists]
    scores: tuple[np.ndarray, np.ndarray]
    rankers: tuple[Trained, Trained]

    @property
    def gains(self) -> np.ndarray:
        """NDCG@10 of each learner under the ranker, half by half; float64 [n]."""
        halves = zip(self.lists, self.scores, strict=True)
        return np.concatenate([lists.gains(scores) for lists, scores in halves])

    def decide(self) -> Decision:
        """Compare ranker and blend on all learners."""
        blended = np.concatenate([lists.gains(lists.blended) for lists in self.lists])
        ranked = self.gains
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

    Attributes:
        features: The columns of the lists.
        is_first: bool [n], the first half of the learners.
        blends: By which the first half is ranked, and the second.
    """

    def __init__(self, pool: Pool, seed: int = 0) -> None:
        self.features = pool.features
        self.is_first = is_first = (
            np.random.default_rng(seed).random(len(pool.sample.targets)) < 0.5
        )
        self.blends = (pool.blend(~is_first), pool.blend(is_first))
        self._halves = []
        for asked, blend in zip((is_first, ~is_first), self.blends, strict=True):
            lists = pool.lists(blend, self.features)
            self._halves.append((lists.take(~asked), lists.take(asked)))

    def rank(self, kept: np.ndarray, config: RankerConfig | None = None) -> CrossFitted:
        """Rank each half by what the other taught, with some of the features (bool [k])."""
        names = tuple(f.name for f, is_kept in zip(self.features, kept, strict=True) if is_kept)
        lists, scores, rankers = [], [], []
        for learned, asked in self._halves:
            trained = train_ranker(learned.columns(kept), names, config)
            rankers.append(trained)
            lists.append(asked)
            scores.append(trained.ranker.score(asked.columns(kept).features, asked.blended))
        return CrossFitted((lists[0], lists[1]), (scores[0], scores[1]), (rankers[0], rankers[1]))


def train_on_all(
    pool: Pool, blend: Blend, features: Sequence[Feature], config: RankerConfig | None = None
) -> Trained:
    """The ranker that serves: over the pipeline's own blend, learned from every learner."""
    names = tuple(feature.name for feature in features)
    return train_ranker(pool.lists(blend, features), names, config)


@dataclass(frozen=True)
class Halves:
    """A sample of validation, each half asked of a pipeline that the other half taught.

    Attributes:
        sample: n learners.
        is_first: bool [n].
        pipelines: Of the first half, and of the second.
    """

    sample: Validation
    is_first: np.ndarray
    pipelines: tuple[Pipeline, Pipeline]


@dataclass(frozen=True)
class RankingFit:
    """Whether a ranker ranks, and what it is worth on learners it did not learn from.

    Attributes:
        decision: Why it ranks, or why not.
        layer: The ranker, learned from the whole sample; None: the blend ranks.
        validated: Its cross-fitted metrics; None where there is no layer.
        halves: The cross-fitted pipelines; None likewise.
        trained: How the layer's trees came about; None likewise.
    """

    decision: Decision
    layer: RankingLayer | None = None
    validated: Validated | None = None
    halves: Halves | None = None
    trained: Trained | None = None

    def figures(self) -> dict[str, Any]:
        """For the manifest and for results."""
        if self.trained is None:
            return self.decision.figures()
        made = {"num_trees": self.trained.num_trees, "parity": self.trained.parity}
        return self.decision.figures() | made | {"gains": self.trained.gains}


def fit_ranking(
    pipeline: Pipeline,
    validation: Validation,
    facts: CourseFacts,
    *,
    seed: int = 0,
    config: RankerConfig | None = None,
    forced: Callable[[np.ndarray], np.ndarray] | None = None,
    report: Report = lambda line: None,
) -> RankingFit:
    """Learn a ranker over a composed pipeline, and keep it where it beats the blend.

    Args:
        pipeline: With its blend; gets the layer as its ``ranking``, or none.
        validation: What the blend was learned from.
        facts: Of what the models were fitted on.
        seed: Of the sample, as ``compose`` takes it, and of the halves.
        config: How trees are grown.
        forced: As ``learn_blend`` has it, over the rows of the sample.
        report: Told of the decision.
    """
    pipeline.ranking = None
    sample = validation.sample(MAX_BLENDED, seed)
    try:
        found = _fit(pipeline, sample, facts, seed, config, forced)
    except (MissingExtraError, TrainingError) as error:
        found = RankingFit(Decision(0.0, 0.0, 0.0, len(sample.targets), str(error)))
    pipeline.ranking = found.layer
    report(f"ranker: {found.decision.describe()}")
    return found


def _fit(
    pipeline: Pipeline,
    sample: Validation,
    facts: CourseFacts,
    seed: int,
    config: RankerConfig | None,
    forced: Callable[[np.ndarray], np.ndarray] | None,
) -> RankingFit:
    pool = Pool.of(pipeline, sample, facts, forced)
    folds = Folds(pool, seed)
    crossed = folds.rank(np.ones(len(folds.features), bool), config)
    decision = crossed.decide()
    if not decision.is_on:
        return RankingFit(decision)
    calibrator = crossed.calibrator()
    trained = train_on_all(pool, pipeline.blend, folds.features, config)

    def layer(made: Trained) -> RankingLayer:
        return RankingLayer(made.ranker, folds.features, facts, calibrator)

    halves = [
        pipeline.ranked_by(blend, layer(made))
        for blend, made in zip(folds.blends, crossed.rankers, strict=True)
    ]
    asked = Halves(sample, folds.is_first, (halves[0], halves[1]))
    return RankingFit(decision, layer(trained), summary(crossed.gains), asked, trained)

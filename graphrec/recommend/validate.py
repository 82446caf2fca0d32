"""What a composed pipeline is worth on validation, though its blend was learned there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.models.blend import Blend, Candidates
from graphrec.recommend.compose import MAX_BLENDED, Validation, retrieve
from graphrec.recommend.pipeline import Pipeline

_CUTOFF = 10


@dataclass(frozen=True)
class Validated:
    """Cross-fitted validation metrics.

    Attributes:
        metrics: recall@10 and ndcg@10.
        standard_error: Of ndcg@10.
        num_learners: Learners asked.
    """

    metrics: dict[str, float]
    standard_error: float
    num_learners: int

    def describe(self) -> str:
        """One line."""
        told = ", ".join(f"{key} {value:.4f}" for key, value in self.metrics.items())
        return f"{told} (+-{self.standard_error:.4f})"


def validate_pipeline(pipeline: Pipeline, validation: Validation, *, seed: int = 0) -> Validated:
    """Learn the blend on one half and ask the other, both ways (two-fold cross-fitting).

    Args:
        pipeline: Fitted; its own blend is left as it is.
        validation: What the blend is learned from.
        seed: Of the sample and the halves.
    """
    return summary(cross_fitted(pipeline, validation.sample(MAX_BLENDED, seed), seed))


def cross_fitted(pipeline: Pipeline, sample: Validation, seed: int = 0) -> np.ndarray:
    """NDCG@10 of each learner by a blend learned on the other half; float64 [n]."""
    gains = np.zeros(len(sample.targets))
    if not len(gains):
        return gains
    candidates, scores = retrieve(pipeline, sample)
    lengths = sample.inputs.lengths
    in_first = np.random.default_rng(seed).random(len(sample.targets)) < 0.5
    for learn in (in_first, ~in_first):
        rows = learn[candidates.owners]
        blend = Blend.fit(
            pipeline.parts,
            scores[rows],
            _only(candidates, learn),
            sample.targets[learn],
            lengths[learn],
        )
        asked = ~learn
        blended, _ = blend.score(scores[~rows], _only(candidates, asked), lengths[asked])
        gains[asked] = _gains(blended, _only(candidates, asked), sample.targets[asked])
    return gains


def own_gains(pipeline: Pipeline, sample: Validation) -> np.ndarray:
    """NDCG@10 of each learner by the pipeline as it ranks, learned elsewhere; float64 [n]."""
    if not len(sample.targets):
        return np.zeros(0)
    candidates, scores = retrieve(pipeline, sample)
    found = pipeline.score(
        candidates,
        scores,
        sample.inputs,
        role_ids=sample.signals.role_ids,
        moments=sample.moments,
    )
    return _gains(found, candidates, sample.targets)


def summary(gains: np.ndarray) -> Validated:
    """Means over learners of whom each has one right item; zeros without learners."""
    if not len(gains):
        return Validated({"recall@10": 0.0, "ndcg@10": 0.0}, 0.0, 0)
    metrics = {"recall@10": float((gains > 0).mean()), "ndcg@10": float(gains.mean())}
    error = float(gains.std() / np.sqrt(len(gains)))
    return Validated({k: round(v, 5) for k, v in metrics.items()}, error, len(gains))


def _only(candidates: Candidates, learners: np.ndarray) -> Candidates:
    """The candidates of the learners where ``learners`` (bool [n]) holds."""
    sizes = np.diff(candidates.indptr)[learners]
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Candidates(indptr, candidates.items[learners[candidates.owners]])


def _gains(scores: np.ndarray, candidates: Candidates, targets: np.ndarray) -> np.ndarray:
    """NDCG@10 of each learner, float64 [n]; 0 where the target is no candidate."""
    is_target = candidates.items == targets[candidates.owners]
    own = np.full(len(targets), np.inf)
    own[candidates.owners[is_target]] = scores[is_target]
    above = scores >= own[candidates.owners]
    ranks = np.bincount(candidates.owners[above], minlength=len(targets)) - 1
    gains = np.where(ranks < _CUTOFF, 1.0 / np.log2(np.maximum(ranks, 0) + 2.0), 0.0)
    return np.where(np.isfinite(own), gains, 0.0)

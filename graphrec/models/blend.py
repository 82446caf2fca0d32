"""The reranker's blend: which part of the score each model earns, learned on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

L2 = 1e-3
"""Ridge on the weights (on standardised scores): keeps near-twins from cancelling out."""


@dataclass(frozen=True)
class Candidates:
    """Items to rank for each of ``n`` learners, as compressed rows.

    Attributes:
        indptr: int64 [n + 1].
        items: int64 [nnz], ascending within a learner.
    """

    indptr: np.ndarray
    items: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """Learner of each candidate, int64 [nnz]."""
        return np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))


class Blend:
    """A conditional logit over candidates (McFadden 1974).

    ``P(target = i) = softmax_i(sum_m (a_m + b_m * context) * z_m[i])``, where ``z_m`` is
    model ``m``'s score standardised over the learner's candidates and ``context`` the
    log-length of the history, centred: short and long histories trust different models.

    Attributes:
        parts: Names of the models, in the order of ``weights``.
        weights: float64 [2, len(parts)]: ``a`` and ``b``.
        center: Mean of ``log1p(length)`` where the weights were learned.
    """

    def __init__(self, parts: Sequence[str], weights: np.ndarray, center: float = 0.0) -> None:
        self.parts = tuple(parts)
        self.weights = np.asarray(weights, np.float64).reshape(2, len(self.parts))
        self.center = center

    @classmethod
    def fit(
        cls,
        parts: Sequence[str],
        scores: np.ndarray,
        candidates: Candidates,
        targets: np.ndarray,
        lengths: np.ndarray,
    ) -> Blend:
        """Learn the weights by maximum likelihood (convex: one optimum, no seed).

        Args:
            parts: Model names.
            scores: float32 [nnz, len(parts)], of the candidates.
            candidates: Of n learners.
            targets: int [n]; learners whose target is no candidate teach nothing.
            lengths: int [n], history lengths.
        """
        rows, z = _with_target(candidates, targets), standardise(scores, candidates)
        logs = np.log1p(lengths)
        center = float(logs.mean()) if len(logs) else 0.0
        if not rows.any():
            return cls(parts, np.concatenate([np.ones(len(parts)), np.zeros(len(parts))]), center)
        keep = np.repeat(rows, np.diff(candidates.indptr))
        context = (logs - center)[candidates.owners][keep, None]
        features = np.concatenate([z[keep], z[keep] * context], axis=1)
        starts = np.concatenate([[0], np.cumsum(np.diff(candidates.indptr)[rows])[:-1]])
        is_target = candidates.items[keep] == targets[candidates.owners[keep]]
        weights = _maximise(features.astype(np.float64), starts, np.flatnonzero(is_target))
        return cls(parts, weights, center)

    def score(
        self, scores: np.ndarray, candidates: Candidates, lengths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Blended scores of candidates.

        Returns:
            float32 [nnz] scores, and float32 [nnz, len(parts)] the part each model has in
            them (they sum to the score).
        """
        weights = self.weights_for(lengths)[candidates.owners]
        shares = standardise(scores, candidates) * weights
        return shares.sum(axis=1), shares

    def weights_for(self, lengths: np.ndarray) -> np.ndarray:
        """Weight of each part for histories of these lengths (int [n]); float32 [n, parts]."""
        context = (np.log1p(lengths) - self.center)[:, None]
        return np.asarray(self.weights[0] + self.weights[1] * context, np.float32)

    def describe(self) -> dict[str, float]:
        """Weight of each part at the mean history length."""
        return dict(zip(self.parts, self.weights[0].round(4).tolist(), strict=True))

    def state(self) -> dict[str, object]:
        """As JSON."""
        return {
            "parts": list(self.parts),
            "weights": self.weights.tolist(),
            "center": self.center,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, object]) -> Blend:
        """The blend whose ``state()`` this is."""
        return cls(list(state["parts"]), np.asarray(state["weights"]), float(state["center"]))  # type: ignore[call-overload,arg-type]


def standardise(scores: np.ndarray, candidates: Candidates) -> np.ndarray:
    """Scores with mean 0 and deviation 1 over each learner's candidates, float32 [nnz, m]."""
    sizes = np.diff(candidates.indptr)
    filled = np.flatnonzero(sizes)
    if not len(filled):
        return scores.astype(np.float32)
    starts, counts = candidates.indptr[filled], sizes[filled, None]
    mean = np.add.reduceat(scores, starts, axis=0) / counts
    centred = scores - np.repeat(mean, sizes[filled], axis=0)
    deviation = np.sqrt(np.add.reduceat(centred**2, starts, axis=0) / counts)
    # A model that says nothing about a learner (all scores alike, but for the rounding of
    # float32) gets no say.
    rounding = 1e-6 * np.sqrt(mean**2 + deviation**2)
    scale = np.where(deviation > rounding, 1.0 / np.maximum(deviation, 1e-30), 0.0)
    return np.asarray(centred * np.repeat(scale, sizes[filled], axis=0), np.float32)


def _with_target(candidates: Candidates, targets: np.ndarray) -> np.ndarray:
    """Whether a learner's target is among the candidates, bool [n]."""
    found = candidates.items == targets[candidates.owners]
    return np.asarray(np.bincount(candidates.owners[found], minlength=len(targets)) > 0)


def _maximise(features: np.ndarray, starts: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weights [f] of the conditional logit; ``starts`` and ``targets`` are row numbers."""
    num_learners = len(starts)
    sizes = np.diff(np.append(starts, len(features)))
    target_sum = features[targets].sum(axis=0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = features @ weights
        peak = np.maximum.reduceat(logits, starts)
        exp = np.exp(logits - np.repeat(peak, sizes))
        total = np.add.reduceat(exp, starts)
        likelihood = (logits[targets] - peak - np.log(total)).sum()
        expected = (exp / np.repeat(total, sizes)) @ features
        gradient = (expected - target_sum) / num_learners + 2 * L2 * weights
        return -likelihood / num_learners + L2 * float(weights @ weights), gradient

    start = np.zeros(features.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)

"""Lists of candidates with features: what a ranker learns from and is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Lists:
    """Candidates of n learners with features, a learner's rows side by side.

    Attributes:
        features: float32 [m, k].
        blended: float32 [m], the blend's scores.
        labels: int8 [m], 1 for what the learner took next.
        sizes: int64 [n], candidates of each learner.
    """

    features: np.ndarray
    blended: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray

    def take(self, learners: np.ndarray) -> Lists:
        """The lists of the learners marked (bool [n])."""
        rows = np.repeat(learners, self.sizes)
        return Lists(
            self.features[rows], self.blended[rows], self.labels[rows], self.sizes[learners]
        )

    def with_target(self) -> Lists:
        """Only the learners who have their target among the candidates."""
        found = np.bincount(self.owners, self.labels, minlength=len(self.sizes))
        return self.take(found > 0)

    @property
    def owners(self) -> np.ndarray:
        """Learner of each row, int64 [m]."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def columns(self, kept: np.ndarray) -> Lists:
        """The same lists with some of their features (bool [k])."""
        return replace(self, features=np.ascontiguousarray(self.features[:, kept]))

    def gains(self, scores: np.ndarray, k: int = 10) -> np.ndarray:
        """NDCG@k of each learner, ties against the target, 0 without one; float64 [n]."""
        owners, is_target = self.owners, self.labels > 0
        own = np.full(len(self.sizes), np.inf)
        own[owners[is_target]] = scores[is_target]
        above = scores >= own[owners]
        places = np.bincount(owners[above], minlength=len(own)) - 1
        gains = np.where(places < k, 1.0 / np.log2(np.maximum(places, 0) + 2.0), 0.0)
        return np.where(np.isfinite(own), gains, 0.0)

    def softmax(self, scores: np.ndarray) -> np.ndarray:
        """Scores (float32 [m]) as shares of each learner's list, float64 [m]."""
        owners = self.owners
        peak = np.full(len(self.sizes), -np.inf)
        np.maximum.at(peak, owners, scores)
        powers = np.exp(scores - peak[owners])
        totals = np.bincount(owners, powers, minlength=len(self.sizes))
        return np.asarray(powers / totals[owners])

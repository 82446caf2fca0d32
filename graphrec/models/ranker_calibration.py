"""Scores as probabilities: isotonic regression, kept as a few knots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphrec.errors import MissingExtraError


@dataclass(frozen=True)
class Isotonic:
    """A rising function, straight between knots and flat beyond them.

    Attributes:
        stated: float64 [t], ascending.
        found: float64 [t], probabilities.
    """

    stated: np.ndarray
    found: np.ndarray

    @classmethod
    def fit(cls, stated: np.ndarray, is_hit: np.ndarray) -> Isotonic:
        """The best rising function by squared error (pool adjacent violators).

        Args:
            stated: float [m], what a model says, not learned on these rows.
            is_hit: bool [m], what happened.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        try:
            from sklearn.isotonic import IsotonicRegression
        except ImportError as error:
            raise MissingExtraError("scikit-learn", "train") from error
        fitted = IsotonicRegression(y_min=0, y_max=1).fit(stated, is_hit.astype(np.float64))
        return cls(np.asarray(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_))

    def __call__(self, stated: np.ndarray) -> np.ndarray:
        """Probabilities (float64 [m]) of what a model says (float [m])."""
        return np.asarray(np.interp(stated, self.stated, self.found))

    def state(self) -> dict[str, list[float]]:
        """As JSON."""
        return {"stated": self.stated.tolist(), "found": self.found.tolist()}

    @classmethod
    def from_state(cls, state: Mapping[str, list[float]]) -> Isotonic:
        """The function whose ``state()`` this is."""
        return cls(np.asarray(state["stated"]), np.asarray(state["found"]))

"""BPR: matrix factorisation that ranks what was taken above what was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.models.base import EmbeddingModel
from graphrec.models.factors import solve_normal_equations, train_bpr


class BPRConfig(BaseModel):
    """Size of the factors and steps of the gradient."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: int = Field(default=64, ge=1, description="Dimensions without the bias.")
    iterations: int = Field(default=100, ge=1, description="Passes over all pairs.")
    learning_rate: float = Field(default=0.05, gt=0, description="Of the gradient steps.")
    regularisation: float = Field(default=0.01, ge=0, description="Lambda of all parameters.")
    seed: int = Field(default=0, ge=0, description="Of first factors and drawn pairs.")


class BPRModel(EmbeddingModel):
    """Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback".

    Maximises ``sum log sigmoid(s_ui - s_uj) - lambda |theta|^2`` over pairs of an item had
    and one not had, ``s_ui = x_u' y_i + b_i``.
    """

    name: ClassVar[str] = "bpr"

    def __init__(self, factors: np.ndarray | None = None, scale: float = 1.0) -> None:
        self._set_factors(np.zeros((0, 2), np.float32) if factors is None else factors, scale)

    def _set_factors(self, factors: np.ndarray, scale: float = 1.0) -> None:
        self.factors = factors
        self.scale = scale
        self._items = self.factors[:, :-1].astype(np.float64)
        gram = self._items.T @ self._items
        self._gram = gram + 0.1 * max(np.trace(gram), 1e-6) / len(gram) * np.eye(len(gram))

    def fit(self, dataset: Dataset, config: BPRConfig | None = None) -> Self:
        """Take ``iterations`` passes of gradient steps.

        Raises:
            MissingExtraError: ``implicit`` is not installed.
        """
        config = config or BPRConfig()
        matrix = dataset.histories.matrix(dataset.num_items)
        if not matrix.nnz:  # nothing to draw pairs from
            self._set_factors(np.zeros((dataset.num_items, config.factors + 1), np.float32))
            return self
        learners, items = train_bpr(
            matrix,
            factors=config.factors,
            iterations=config.iterations,
            learning_rate=config.learning_rate,
            regularization=config.regularisation,
            random_state=config.seed,
        )
        self._set_factors(items)
        folded = self._fold_in(dataset.histories)
        self.scale = float((folded * learners[:, :-1]).sum() / max((folded**2).sum(), 1e-9))
        return self

    def _fold_in(self, histories: Histories) -> np.ndarray:
        return solve_normal_equations(histories, self._items, self._gram, 0.0)

    def item_vectors(self) -> np.ndarray:
        """Item factors and the bias, float32 [num_items, factors + 1]."""
        return self.factors

    def encode(self, histories: Histories) -> np.ndarray:
        """Learner factors and a one for the bias, float32 [len(histories), factors + 1]."""
        folded = self.scale * self._fold_in(histories)
        return np.concatenate([folded, np.ones((len(folded), 1))], axis=1).astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """``factors`` float32 [num_items, d + 1], ``scale`` float64 [1]."""
        return {"factors": self.factors, "scale": np.array([self.scale])}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        return cls(np.asarray(state["factors"], np.float32), float(state["scale"][0]))

"""ALS: matrix factorisation of implicit feedback by alternating least squares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.models.base import EmbeddingModel
from graphrec.models.factors import solve_normal_equations, train_als


class ALSConfig(BaseModel):
    """Size of the factors and weight of what was taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factors: int = Field(
        default=128,
        ge=1,
        description="Dimensions of a learner's vector; 64 did worse, 256 hardly better.",
    )
    iterations: int = Field(default=15, ge=1, description="Alternations.")
    regularisation: float | None = Field(
        default=None,
        gt=0,
        description="Lambda of both ridges; null: 10, or the mean learners of an item where that "
        "is less, since a ridge above the Gram matrix leaves no factors.",
    )
    alpha: float = Field(
        default=10.0, gt=0, description="Confidence of an item had, beyond that of one not had."
    )
    seed: int = Field(default=0, ge=0, description="Of the first factors.")

    @classmethod
    def tried(cls, seed: int) -> tuple[Self, ...]:
        """What is worth trying on validation: the best alpha lay at 1, 10 or 40 on each set."""
        return tuple(cls(alpha=alpha, seed=seed) for alpha in (1.0, 10.0, 40.0))


class ALSModel(EmbeddingModel):
    """Hu, Koren, Volinsky 2008, "Collaborative filtering for implicit feedback datasets".

    Minimises ``sum_ui c_ui (p_ui - x_u' y_i)^2 + lambda (sum |x_u|^2 + sum |y_i|^2)`` with
    ``p_ui = 1`` and ``c_ui = 1 + alpha`` where learner ``u`` took item ``i``, else 0 and 1.
    A history is folded in exactly, by equation 4:
    ``x_u = (Y'Y + alpha Y_u'Y_u + lambda I)^-1 (1 + alpha) Y_u' 1``.
    """

    name: ClassVar[str] = "als"

    def __init__(
        self, factors: np.ndarray | None = None, regularisation: float = 1.0, alpha: float = 1.0
    ) -> None:
        factors = np.zeros((0, 1), np.float32) if factors is None else factors
        self._set_factors(factors, regularisation, alpha)

    def _set_factors(self, factors: np.ndarray, regularisation: float, alpha: float) -> None:
        self.factors = factors
        self.regularisation = regularisation
        self.alpha = alpha
        Y = factors.astype(np.float64)
        self._gram = Y.T @ Y + regularisation * np.eye(Y.shape[1])

    def fit(self, dataset: Dataset, config: ALSConfig | None = None) -> Self:
        """Alternate ``iterations`` times.

        Raises:
            MissingExtraError: ``implicit`` is not installed.
        """
        config = config or ALSConfig()
        matrix = dataset.histories.matrix(dataset.num_items)
        degrees = np.diff(matrix.tocsc().indptr)
        mean = float(degrees[degrees > 0].mean()) if matrix.nnz else 1.0
        ridge = min(10.0, mean) if config.regularisation is None else config.regularisation
        _, items = train_als(
            (matrix * (1.0 + config.alpha)).astype(np.float32),
            factors=config.factors,
            iterations=config.iterations,
            regularization=ridge,
            random_state=config.seed,
        )
        self._set_factors(items, ridge, config.alpha)
        return self

    def item_vectors(self) -> np.ndarray:
        """Item factors, float32 [num_items, factors]."""
        return self.factors

    def encode(self, histories: Histories) -> np.ndarray:
        """Learner factors by the closed form, float32 [len(histories), factors]."""
        solved = solve_normal_equations(histories, self.factors, self._gram, self.alpha)
        return solved.astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """``factors`` float32 [num_items, d]; ``regularisation`` and ``alpha`` float64 [1]."""
        return {
            "factors": self.factors,
            "regularisation": np.array([self.regularisation]),
            "alpha": np.array([self.alpha]),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        factors = np.asarray(state["factors"], np.float32)
        return cls(factors, float(state["regularisation"][0]), float(state["alpha"][0]))

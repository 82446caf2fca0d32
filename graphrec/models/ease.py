"""EASE: the closed-form linear autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field
from scipy.linalg import lapack

from graphrec.dataset import Dataset
from graphrec.errors import TrainingError
from graphrec.models.itemitem import ItemItemModel


class EASEConfig(BaseModel):
    """Strength of the ridge and size of what is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    regularisation: float | None = Field(
        default=None,
        gt=0,
        description="Lambda of the ridge; null: 1 + the mean learners of an item, since what "
        "it must outweigh is the diagonal of the Gram matrix.",
    )
    num_kept: int = Field(
        default=1_000, ge=1, description="Largest weights kept a row; bounds bundle and memory."
    )
    max_items: int = Field(
        default=25_000, ge=1, description="Above this the dense inverse does not fit in 16 GiB."
    )


class EASEModel(ItemItemModel):
    """Steck 2019, "Embarrassingly shallow autoencoders for sparse data", equation 8.

    ``B = I - P diag(1 / diag(P))`` with ``P = (X'X + lambda I)^-1``. Deviation: small
    weights are dropped (``num_kept`` a row), and ``recency`` may weigh a history at
    scoring time.
    """

    name: ClassVar[str] = "ease"
    ridge: float | None = None  # lambda of the last fit

    def fit(self, dataset: Dataset, config: EASEConfig | None = None) -> Self:
        """Solve for the item-item weights; cubic in the number of items with learners.

        Raises:
            TrainingError: More items than ``max_items``.
        """
        config = config or EASEConfig()
        X = dataset.histories.matrix(dataset.num_items)
        degree = np.asarray(X.sum(axis=0)).ravel()
        taken = np.flatnonzero(degree)
        if len(taken) > config.max_items:
            raise TrainingError(
                f"EASE inverts a dense matrix: {len(taken)} items are more than "
                f"{config.max_items}.",
                remedy="Leave it out with --models, or raise max_items on a larger machine.",
            )
        mean = float(degree[taken].mean()) if len(taken) else 0.0
        ridge = 1.0 + mean if config.regularisation is None else config.regularisation
        self.ridge = ridge
        weights = _solve(sp.csc_array(X)[:, taken], ridge)
        self._set_matrix(_expand(weights, taken, dataset.num_items, config.num_kept))
        return self

    def state(self) -> dict[str, np.ndarray]:
        """The matrix, and the ``ridge``, with which an update fits it again."""
        ridge = np.array([] if self.ridge is None else [self.ridge], np.float64)
        return super().state() | {"ridge": ridge}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        model = super().from_state(state)
        ridge = state.get("ridge", np.zeros(0))
        model.ridge = float(ridge[0]) if len(ridge) else None
        return model


def _solve(X: sp.csc_array, ridge: float) -> np.ndarray:
    """B of the paper for the columns of ``X``; float32 [m, m], diagonal 0."""
    if X.shape[1] == 0:
        return np.zeros((0, 0), np.float32)  # LAPACK refuses it
    gram = np.asfortranarray((X.T @ X).toarray(), dtype=np.float32)
    gram[np.diag_indices_from(gram)] += ridge
    factor, info = lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, info_inverse = lapack.spotri(factor, lower=1, overwrite_c=1)
    if info or info_inverse:
        raise TrainingError(f"the Gram matrix is not positive definite (ridge {ridge:g}).")
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, np.float32)


def _expand(weights: np.ndarray, taken: np.ndarray, num_items: int, num_kept: int) -> Any:
    """Largest weights of each row as a sparse matrix over all items."""
    kept = min(num_kept, weights.shape[1])
    if kept == 0:
        return sp.csr_array((num_items, num_items), dtype=np.float32)
    cols = np.argpartition(-np.abs(weights), kept - 1, axis=1)[:, :kept]
    data = np.take_along_axis(weights, cols, axis=1).ravel()
    rows = np.repeat(taken, kept)
    return sp.csr_array((data, (rows, taken[cols.ravel()])), shape=(num_items, num_items))

"""Models that are one item-item matrix: a history's score is a weighted sum of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from graphrec.dataset import Histories
from graphrec.models.base import Model

DENSE_ITEMS = 8_000
"""Up to so many items a dense matrix (256 MB at the limit) scores faster than a sparse one."""


class ItemItemModel(Model):
    """Score of item ``j`` = sum over the history's items ``i`` of ``weight(age_i) * M[i, j]``.

    ``weight(age) = (1 + age) ** -recency`` with age 0 for the newest item; histories
    whose order means nothing weigh all items the same.

    Attributes:
        matrix: float32 [num_items, num_items], CSR array; row = item had, column = item scored.
        recency: Exponent >= 0; 0 weighs all ages the same.
    """

    def __init__(self, matrix: sp.csr_array | None = None, recency: float = 0.0) -> None:
        self.recency = recency
        self._set_matrix(sp.csr_array((0, 0), dtype=np.float32) if matrix is None else matrix)

    def _set_matrix(self, matrix: Any) -> None:
        self.matrix = matrix
        num_items = matrix.shape[0]
        self._dense = matrix.toarray() if 0 < num_items <= DENSE_ITEMS else None

    def score(self, histories: Histories) -> np.ndarray:
        """Weighted sums of matrix rows, float32 [len(histories), num_items]."""
        if len(histories) == 1 and self._dense is not None:
            # One learner, as in a request: a sparse matrix would cost more than the sum.
            weights = age_weights(histories, self.recency)
            return np.asarray(weights[None, :] @ self._dense[histories.items], np.float32)
        weighted = weighted_matrix(histories, self.matrix.shape[0], self.recency)
        if self._dense is not None:
            return np.asarray(weighted @ self._dense, np.float32)
        return np.asarray((weighted @ self.matrix).toarray(), np.float32)

    def entries(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The matrix at ``rows`` (int [n]) and ``columns`` (int [m]); float32 [n, m]."""
        if self._dense is not None:
            return np.asarray(self._dense[rows[:, None], columns])
        return np.asarray(self.matrix[rows].toarray()[:, columns])

    def state(self) -> dict[str, np.ndarray]:
        """CSR arrays ``data`` float32, ``indices`` int32, ``indptr`` int64, and ``recency``."""
        return {
            "data": self.matrix.data.astype(np.float32, copy=False),
            "indices": self.matrix.indices.astype(np.int32, copy=False),
            "indptr": self.matrix.indptr.astype(np.int64, copy=False),
            "recency": np.array([self.recency], np.float64),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        num_items = len(state["indptr"]) - 1
        arrays = (state["data"], state["indices"], state["indptr"])
        model = cls()
        model.recency = float(state["recency"][0])
        model._set_matrix(sp.csr_array(arrays, shape=(num_items, num_items)))
        return model


def weighted_matrix(histories: Histories, num_items: int, recency: float) -> sp.csr_array:
    """Learner-item matrix with the weight of each item's age, float32 [n, num_items]."""
    weights = age_weights(histories, recency)
    return sp.csr_array(
        (weights, histories.items, histories.indptr), shape=(len(histories), num_items)
    )


def age_weights(histories: Histories, recency: float) -> np.ndarray:
    """``(1 + age) ** -recency`` of each item, 1 where order means nothing; float32 [nnz]."""
    ages = np.repeat(histories.indptr[1:], histories.lengths) - np.arange(len(histories.items))
    exponents = np.where(np.repeat(histories.ordered, histories.lengths), recency, 0.0)
    return np.asarray(ages.astype(np.float64) ** -exponents, np.float32)


def keep_top(matrix: sp.csr_array, k: int) -> sp.csr_array:
    """Keep the ``k`` entries of each row that are largest by magnitude; CSR float32."""
    matrix = sp.csr_array(matrix)
    kept = np.zeros(matrix.nnz, bool)
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        if end - start <= k:
            kept[start:end] = True
            continue
        magnitudes = np.abs(matrix.data[start:end])
        kept[start + np.argpartition(magnitudes, -k)[-k:]] = True
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[kept]
    data = matrix.data[kept].astype(np.float32)
    return sp.csr_array((data, (rows, matrix.indices[kept])), shape=matrix.shape)

"""Exact search with NumPy: the oracle in tests, and the index where ScaNN has no wheel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from graphrec.index.base import IndexConfig, ItemIndex
from graphrec.index.topk import top_k

_MAX_SCORES = 16_000_000  # float32 scores held at once: 64 MB


class ExactIndex(ItemIndex):
    """Compares every query with every item."""

    engine: ClassVar[str] = "exact"

    def __init__(self, vectors: np.ndarray, config: IndexConfig) -> None:
        super().__init__(vectors, config)
        self.kind = "exact"

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.empty((len(queries), k), np.int64)
        best = np.empty((len(queries), k), np.float32)
        step = max(1, _MAX_SCORES // self.num_items)
        for start in range(0, len(queries), step):
            scores = queries[start : start + step] @ self._vectors.T  # [step, num_items]
            for line, of_query in enumerate(scores, start):
                chosen = top_k(of_query, k)
                rows[line], best[line] = chosen, of_query[chosen]
        return rows, best

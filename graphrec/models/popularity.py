"""Popularity: the number of learners of each item, the same for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.models.base import Model


class PopularityModel(Model):
    """Score = number of learners who took the item."""

    name: ClassVar[str] = "popularity"

    def __init__(self, counts: np.ndarray | None = None) -> None:
        self.counts = np.zeros(0, np.float32) if counts is None else counts

    def fit(self, dataset: Dataset) -> Self:
        """Count learners per item."""
        items = dataset.histories.items
        self.counts = np.bincount(items, minlength=dataset.num_items).astype(np.float32)
        return self

    def score(self, histories: Histories) -> np.ndarray:
        """The counts, repeated for each history: float32 [n, num_items]."""
        return np.tile(self.counts, (len(histories), 1))

    def state(self) -> dict[str, np.ndarray]:
        """``counts`` float32 [num_items]."""
        return {"counts": self.counts}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        return cls(np.asarray(state["counts"], np.float32))

"""Stage 3, TRAIN: what a model is to everything around it.

A model is fitted on a ``Dataset`` and scores every item for any history, known learner
or not: new learners and new events are folded in at request time, by construction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from graphrec.dataset import Dataset, Histories


class Model(ABC):
    """A scorer of items by history, with a state of plain arrays."""

    name: ClassVar[str]

    @abstractmethod
    def fit(self, dataset: Dataset) -> Self:
        """Learn from ``dataset.histories`` (all of it: splitting is the caller's)."""

    @abstractmethod
    def score(self, histories: Histories) -> np.ndarray:
        """Scores of all items, float32 [len(histories), num_items]; higher is better.

        Seen items are scored too; excluding them is the caller's.
        """

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to score, as arrays to be saved without pickle."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""


class EmbeddingModel(Model):
    """A model whose score is an inner product, so that an index can search it."""

    @abstractmethod
    def item_vectors(self) -> np.ndarray:
        """float32 [num_items, dim]."""

    @abstractmethod
    def encode(self, histories: Histories) -> np.ndarray:
        """Learner or session vectors, float32 [len(histories), dim]."""

    def score(self, histories: Histories) -> np.ndarray:
        """Inner products of the session vectors with every item vector."""
        return np.asarray(self.encode(histories) @ self.item_vectors().T, np.float32)

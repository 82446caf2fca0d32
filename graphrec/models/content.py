"""Content: courses alike in what they teach and say, whoever took them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.features.text import TextConfig, incidence_matrix, reduce, tfidf_matrix
from graphrec.models.base import EmbeddingModel
from graphrec.models.itemitem import age_weights, weighted_matrix


class ContentConfig(BaseModel):
    """What counts as alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: TextConfig = TextConfig()
    skill_weight: float = Field(
        default=1.0, ge=0, description="Weight of taught skills beside the text's 1."
    )
    recency: float = Field(default=1.0, ge=0, description="Exponent of age in a history.")
    seed: int = Field(default=0, description="Of the randomised SVD.")


class ContentModel(EmbeddingModel):
    """Pazzani and Billsus 2007: a learner is the mean of what they took.

    Items are unit vectors of TF-IDF text and IDF-weighted skills, reduced together; the
    learner is the recency-weighted mean. Reaches courses that nobody has taken.
    """

    name: ClassVar[str] = "content"

    def __init__(self, vectors: np.ndarray | None = None, recency: float = 1.0) -> None:
        self.vectors = np.zeros((0, 1), np.float32) if vectors is None else vectors
        self.recency = recency

    @staticmethod
    def applies_to(dataset: Dataset) -> bool:
        """Whether the items have texts or skills."""
        return bool(dataset.texts) or dataset.item_skill.shape[1] > 0

    def fit(self, dataset: Dataset, config: ContentConfig | None = None) -> Self:
        """Embed the items.

        Raises:
            TrainingError: The items have neither texts nor skills.
        """
        if not self.applies_to(dataset):
            raise TrainingError("content needs texts or skills, and the data has neither.")
        config = config or ContentConfig()
        blocks = []
        if dataset.texts:
            blocks.append(tfidf_matrix(dataset.texts, config.text))
        if dataset.item_skill.shape[1]:
            shape = (dataset.num_items, len(dataset.skills))
            blocks.append(config.skill_weight * incidence_matrix(dataset.item_skill, *shape))
        self.vectors = reduce(sp.csr_array(sp.hstack(blocks)), config.text.dim, config.seed)
        self.recency = config.recency
        return self

    def item_vectors(self) -> np.ndarray:
        """float32 [num_items, dim], unit length; zero where nothing is known."""
        return self.vectors

    def encode(self, histories: Histories) -> np.ndarray:
        """Unit means of the histories' items, float32 [n, dim]; zero for an empty one."""
        if len(histories) == 1:  # one request: cheaper than a sparse matrix
            weights = age_weights(histories, self.recency)
            means = weights[None, :] @ self.vectors[histories.items]
        else:
            means = weighted_matrix(histories, len(self.vectors), self.recency) @ self.vectors
        norms = np.linalg.norm(means, axis=1, keepdims=True)
        return np.asarray(means / np.maximum(norms, 1e-12), np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """``vectors`` float32 [num_items, dim] and ``recency``."""
        return {"vectors": self.vectors, "recency": np.array([self.recency], np.float64)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        return cls(np.asarray(state["vectors"], np.float32), float(state["recency"][0]))

"""Content: courses alike in what they teach and say, whoever took them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.events.splits import hold_out_last
from graphrec.features.encoder import AUTO, TextEncoder, candidates, open_encoders
from graphrec.features.text import TextConfig, incidence_matrix, reduce
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.itemitem import age_weights, weighted_matrix
from graphrec.models.ranking import ranking_metrics
from graphrec.settings import Settings, read_settings

_MAX_ASKED = 2_000
"""Learners by whom an encoder is chosen."""

_MIN_ASKED = 50
"""With fewer the choice would be noise: the simplest encoder stays."""


class ContentConfig(BaseModel):
    """What counts as alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: TextConfig = TextConfig()
    encoder: str | None = Field(
        default=None,
        description="As GRAPHREC_TEXT_ENCODER, which None leaves to decide.",
    )
    skill_weight: float = Field(
        default=1.0, ge=0, description="Weight of taught skills beside the text's 1."
    )
    recency: float = Field(default=1.0, ge=0, description="Exponent of age in a history.")
    seed: int = Field(default=0, description="Of the randomised SVD.")


class ContentModel(EmbeddingModel):
    """Pazzani and Billsus 2007: a learner is the mean of what they took.

    Items are unit vectors of their text and IDF-weighted skills, reduced together; the
    learner is the recency-weighted mean. Reaches courses that nobody has taken. Where
    several encoders could read the texts, the one is kept whose vectors best foretell the
    newest course of the learners in the training histories.

    Attributes:
        vectors: float32 [num_items, dim].
        recency: Exponent of age in a history.
        encoder: What read the texts, or "" where there are none.
    """

    name: ClassVar[str] = "content"

    def __init__(
        self, vectors: np.ndarray | None = None, recency: float = 1.0, encoder: str = ""
    ) -> None:
        self.vectors = np.zeros((0, 1), np.float32) if vectors is None else vectors
        self.recency = recency
        self.encoder = encoder

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
        found = [type(self)(*_embed(dataset, one, config)) for one in _encoders(dataset, config)]
        chosen = found[0] if len(found) == 1 else _best(found, dataset, config.seed)
        self.vectors, self.encoder, self.recency = chosen.vectors, chosen.encoder, config.recency
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
        """``vectors`` float32 [num_items, dim], ``recency`` and the ``encoder``'s name."""
        return {
            "vectors": self.vectors,
            "recency": np.array([self.recency], np.float64),
            "encoder": np.frombuffer(self.encoder.encode(), np.uint8),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        encoder = state.get("encoder", np.zeros(0, np.uint8)).tobytes().decode()
        return cls(np.asarray(state["vectors"], np.float32), float(state["recency"][0]), encoder)


def text_encoder_of(model: Model | None) -> dict[str, str]:
    """The option that a content model was fitted under, and what read its texts in the end."""
    if not isinstance(model, ContentModel):
        return {}
    return {"option": read_settings(Settings).text_encoder, "used": model.encoder}


def _encoders(dataset: Dataset, config: ContentConfig) -> Sequence[TextEncoder | None]:
    """The encoders to try; None alone where there are no texts."""
    if not dataset.texts:
        return (None,)
    settings = read_settings(Settings)
    name = config.encoder or settings.text_encoder
    names = candidates(dataset.texts) if name == AUTO else (name,)
    return open_encoders(names, config.text, settings.text_cache)


def _embed(
    dataset: Dataset, encoder: TextEncoder | None, config: ContentConfig
) -> tuple[np.ndarray, float, str]:
    """Arguments of the model by one encoder."""
    blocks, told = [], ""
    if encoder is not None:
        blocks.append(encoder.encode(dataset.texts))
        told = encoder.name
    if dataset.item_skill.shape[1]:
        shape = (dataset.num_items, len(dataset.skills))
        blocks.append(config.skill_weight * incidence_matrix(dataset.item_skill, *shape))
    stacked = sp.csr_array(sp.hstack(blocks))
    return reduce(stacked, config.text.dim, config.seed), config.recency, told


def _best(models: Sequence[ContentModel], dataset: Dataset, seed: int) -> ContentModel:
    """The model that ranks the newest course of the training histories best."""
    held = hold_out_last(dataset.histories, min_length=2, seed=seed, max_learners=_MAX_ASKED)
    if len(held.rows) < _MIN_ASKED:
        return models[0]
    inputs = held.inputs
    return max(models, key=lambda m: ranking_metrics(m, inputs, held.targets)["ndcg@10"])

"""Stage 3, TRAIN: the sequence model, a causal transformer that predicts the next course.

SASRec (Kang and McAuley 2018): ``score(i | x_1..x_t) = <f(x_1..x_t), e_i> / temperature``
with ``f`` a causal transformer over the same item vectors ``e``. Deviations: Llama's
blocks (rotary positions, RMS norms, gated feed-forward) instead of the paper's; unit item
and session vectors; a softmax over the catalogue instead of one sampled negative; the
vectors begin at an SVD of the learner-item matrix instead of at random.

In come histories; out go session vectors. Training lives in ``sequence_net`` and
``sequence_run``; this file scores through ONNX Runtime with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.errors import BundleDamagedError
from graphrec.models.base import EmbeddingModel

if TYPE_CHECKING:
    import onnxruntime

_MAX_BATCH_TOKENS = 16_384
"""Bounds the memory of one encoder call; larger batches are no faster on a CPU."""


class SequenceConfig(BaseModel):
    """How the sequence model is built and trained; ``for_dataset`` chooses by the data's shape."""

    model_config = ConfigDict(frozen=True)

    embedding_dim: int = Field(64, ge=2, description="Width of items, sessions and blocks.")
    num_blocks: int = Field(2, ge=1, le=12, description="Transformer blocks.")
    num_heads: int = Field(2, ge=1, description="Attention heads; divides embedding_dim evenly.")
    max_len: int = Field(50, ge=1, description="Newest items of a history that are read.")
    dropout: float = Field(0.2, ge=0, lt=1, description="On inputs and each block's outputs.")
    temperature: float = Field(0.07, gt=0, description="Divides the cosines in the softmax.")
    num_negatives: int = Field(
        0, ge=0, description="Sampled items shared by a batch; 0: softmax over all items."
    )
    learning_rate: float = Field(2e-3, gt=0, description="AdamW's step at the top of its schedule.")
    batch_tokens: int = Field(512, ge=1, description="Targets a step.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled L2 penalty on matrices.")
    max_epochs: int = Field(20, ge=1, description="Most epochs; the step falls to 0 at their end.")
    patience: int = Field(3, ge=1, description="Validations without a better result.")
    validate_every: int = Field(1, ge=1, description="Epochs between validations.")
    max_validation: int = Field(10_000, ge=1, description="Most learners validated on.")
    seed: int = Field(0, ge=0, description="Seed of weights, batches, dropout and samples.")

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> SequenceConfig:
        """Defaults by the data's shape; starting points, of which few were compared.

        Few interactions an item want more dropout; few in all want smaller steps and more
        epochs; long histories a longer window; a softmax over all items is taken while an
        epoch of it costs minutes.
        """
        lengths = dataset.histories.lengths[dataset.histories.ordered]
        lengths = lengths[lengths >= 2]
        num_interactions = max(1, int(lengths.sum()))
        num_items = max(1, dataset.num_items)
        median = float(np.median(lengths)) if len(lengths) else 0.0
        batch_tokens = int(np.clip(num_interactions // 100, 128, 512))
        is_small = num_items <= 8_000 or num_items * num_interactions <= 4e9
        return cls(
            max_len=int(np.clip(4 * median, 50, 200)),
            dropout=0.4 if num_interactions < 30 * num_items else 0.2,
            num_negatives=0 if is_small else 2_048,
            learning_rate=2e-3 * float(np.sqrt(batch_tokens / 512)),
            batch_tokens=batch_tokens,
            max_epochs=int(np.clip(10_000_000 // num_interactions, 6, 30)),
        )


class SequenceModel(EmbeddingModel):
    """Unit item vectors, and an encoder of sessions whose output holds the temperature.

    Scores are the softmax's logits.
    """

    name: ClassVar[str] = "sequence"

    def __init__(self, onnx: bytes, item_vectors: np.ndarray) -> None:
        """Take up a trained encoder.

        Args:
            onnx: The encoder as ``sequence_onnx.build_encoder`` makes it.
            item_vectors: float32 [num_items, dim], unit rows.
        """
        self._onnx, self._item_vectors = onnx, item_vectors

    def fit(self, dataset: Dataset) -> Self:
        """Train with the defaults for ``dataset``; some newest items decide when to stop."""
        from graphrec.models.fitting import fit_holding_out

        fitted = fit_holding_out(self.name, dataset)
        assert isinstance(fitted, SequenceModel)  # noqa: S101 - by its name
        self.__init__(fitted._onnx, fitted._item_vectors)  # type: ignore[misc]
        return self

    def item_vectors(self) -> np.ndarray:
        """float32 [num_items, dim]."""
        return self._item_vectors

    def encode(self, histories: Histories) -> np.ndarray:
        """Session vectors of the newest ``max_len`` items, float32 [n, dim].

        Zeros for an empty history: every item then scores the same.
        """
        newest = histories.tail(self.max_len)
        vectors = np.zeros((len(newest), self._item_vectors.shape[1]), np.float32)
        for rows in equal_length_batches(newest.lengths, _MAX_BATCH_TOKENS):
            length = newest.lengths[rows[0]]
            columns = newest.indptr[rows][:, None] + np.arange(length)
            items = newest.items[columns].astype(np.int64) + 1  # 0 is padding
            vectors[rows] = self._session.run(["session"], {"items": items})[0]
        return vectors

    @cached_property
    def max_len(self) -> int:
        """Newest items of a history that are read."""
        return int(self._metadata["max_len"])

    @cached_property
    def _metadata(self) -> dict[str, str]:
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One request is too small to share, and a service's threads are its own.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            return onnxruntime.InferenceSession(self._onnx, options, ["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no public base
            raise BundleDamagedError(
                f"the sequence model's encoder cannot be loaded: {error}",
                remedy="Train again, or go back to an earlier bundle.",
            ) from error

    def state(self) -> dict[str, np.ndarray]:
        """The encoder's ONNX bytes (uint8) and the item vectors."""
        return {"onnx": np.frombuffer(self._onnx, np.uint8), "item_vectors": self._item_vectors}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        return cls(state["onnx"].tobytes(), state["item_vectors"])


def equal_length_batches(lengths: np.ndarray, max_tokens: int) -> list[np.ndarray]:
    """Rows of equal length together, so that no step is spent on padding.

    Args:
        lengths: int64 [n]; rows of length 0 are left out.
        max_tokens: Most tokens of a batch; a longer row stands alone.

    Returns:
        Row numbers of each batch, int64 [rows] each, shortest first.
    """
    order = np.argsort(lengths, kind="stable")
    order = order[np.searchsorted(lengths[order], 1) :]
    changes = np.flatnonzero(np.diff(lengths[order])) + 1
    batches: list[np.ndarray] = []
    for group in np.split(order, changes):
        if len(group):
            step = max(1, max_tokens // int(lengths[group[0]]))
            batches.extend(group[i : i + step] for i in range(0, len(group), step))
    return batches

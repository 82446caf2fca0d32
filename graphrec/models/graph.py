"""Stage 3, TRAIN: the graph model, one table of course vectors that an index can search.

LightGCN (He et al. 2020) over learners, courses and skills: a layer is
``H_l = sum_r w_lr A_r H_(l-1)`` with a normalised adjacency ``A_r`` for each relation
``r``, and the vectors are the weighted sum of the layers. Deviations: a learner has no
vector of their own but is the recency-weighted aggregate of their courses, so that new
learners and new events fold in; the loss is a softmax over courses instead of BPR; each
course has a second vector for the side of the history, which takes up the order in which
courses follow one another.

In come histories; out go vectors. Training lives in ``graph_net`` and ``graph_run``; this
file scores with NumPy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.models.base import EmbeddingModel

NUM_AGES = 64
"""Ages told apart: 0 is a learner's newest item, all older than the last weigh as the last."""

MANY_ITEMS = 8_000
"""Beyond, a target is compared with a sample of the items; up to here with all."""

_NOTHING = np.zeros((1, 0), np.float32)


class GraphConfig(BaseModel):
    """How the graph model is built and trained; ``for_dataset`` chooses by the data's shape."""

    model_config = ConfigDict(frozen=True)

    embedding_dim: int = Field(default=64, ge=2, description="Columns of the item table.")
    num_layers: int = Field(
        default=1, ge=0, le=6, description="Hops item-learner-item of propagation."
    )
    item_exponent: float = Field(
        default=0.5, ge=0, le=1, description="Power of an item's degree that divides its edges."
    )
    learner_exponent: float = Field(
        default=0.5, ge=0, le=1, description="Power of a learner's degree that divides their edges."
    )
    fold_exponent: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Power of the summed weights that divides a history's sum.",
    )
    context_exponent: float = Field(
        default=0.0, ge=0, le=1, description="Power of an item's degree that divides its say."
    )
    half_life_items: float = Field(
        default=4.0,
        gt=0,
        description="Items after which a history's weight has halved, at the start.",
    )
    max_history: int = Field(
        default=128, ge=1, description="Newest items of a history that are read."
    )
    is_cosine: bool = Field(default=False, description="Score by cosine rather than inner product.")
    temperature: float = Field(default=1.0, gt=0, description="Divides the scores in the softmax.")
    num_negatives: int = Field(
        default=0, ge=0, description="Sampled items beside the batch's own targets; 0: all items."
    )
    learning_rate: float = Field(
        default=0.01, gt=0, description="Adam's step at first; it falls to 0."
    )
    warmup_epochs: int = Field(default=0, ge=0, description="Epochs in which the step rises.")
    weight_decay: float = Field(
        default=0.0, ge=0, description="L2 penalty, decoupled from the loss."
    )
    is_set: bool = Field(
        default=False, description="Predict whole sets, for data whose order means nothing."
    )
    dropout: float = Field(default=0.0, ge=0, lt=1, description="Share of history items left out.")
    batch_size: int = Field(default=4096, ge=1, description="Targets a step; of sets, learners.")
    epoch_size: int = Field(default=262_144, ge=1, description="Most targets an epoch.")
    length_exponent: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A learner's share of targets is their length to this power.",
    )
    init_scale: float = Field(default=0.1, gt=0, description="Mean norm of the initial vectors.")
    max_epochs: int = Field(default=12, ge=1, description="Most epochs.")
    patience: int = Field(default=4, ge=1, description="Validations without a better result.")
    validate_every: int = Field(default=1, ge=1, description="Epochs between validations.")
    max_validation: int = Field(default=10_000, ge=1, description="Most learners validated on.")
    seed: int = Field(default=0, ge=0, description="Seed of the samples and the initial vectors.")

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> GraphConfig:
        """Defaults by size, each chosen on validation (mars, mooccube, mooccubex)."""
        histories = dataset.histories
        is_ordered = histories.lengths[histories.ordered].sum() >= len(histories.items) / 2
        if not is_ordered and dataset.num_items > MANY_ITEMS:
            return cls._for_sets(dataset)
        # Small catalogues can afford every item as a negative; small data every interaction.
        batch_size = int(np.clip(len(dataset.histories.items) // 64, 256, 4096))
        return cls(
            num_negatives=0 if dataset.num_items <= MANY_ITEMS else 2_048,
            batch_size=batch_size,
            # .0025 was best with steps of 256 targets, .01 with 4,096.
            learning_rate=0.0025 * (batch_size / 256) ** 0.5,
            length_exponent=0.5 if batch_size == 4096 else 1.0,
            max_epochs=12 if batch_size == 4096 else 20,
        )

    @classmethod
    def _for_sets(cls, dataset: Dataset) -> GraphConfig:
        """Chosen on a tenth of Gowalla's training pairs.

        Small catalogues are as well served one target at a time (MOOCCube's enrolments:
        validation NDCG@10 .333 both ways), and in fewer epochs.
        """
        dim = 256 if len(dataset.histories.items) >= 500_000 else 64
        return cls(
            is_set=True,
            embedding_dim=dim,
            num_layers=2,
            is_cosine=True,
            temperature=0.1,
            context_exponent=0.5,
            dropout=0.5,
            # Of vectors of the same length the columns are the smaller the more there are.
            learning_rate=5e-3 * (64 / dim) ** 0.5,
            warmup_epochs=3,
            batch_size=int(np.clip(len(dataset.histories) // 15, 128, 2_048)),
            max_history=1_000,
            max_epochs=40,
            validate_every=5,
        )


def bags(
    histories: Histories, max_history: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Newest items of each history with their ages.

    Returns:
        ``items`` int64 [nnz], ``offsets`` int64 [n + 1], ``ages`` int64 [nnz] below
        ``NUM_AGES``, or ``NUM_AGES`` where order means nothing, ``owners`` int64 [nnz].
    """
    newest = histories.tail(max_history)
    owners = newest.owners()
    ages = newest.indptr[1:][owners] - 1 - np.arange(len(newest.items))
    ages = np.where(newest.ordered[owners], np.minimum(ages, NUM_AGES - 1), NUM_AGES)
    return newest.items.astype(np.int64), newest.indptr, ages, owners


class GraphModel(EmbeddingModel):
    """Item vectors, and the learner as the weighted aggregate of their items' context vectors.

    The empty model knows nothing until ``fit``; a trained one comes from ``from_state``.
    """

    name: ClassVar[str] = "graph"

    def __init__(
        self,
        vectors: np.ndarray = _NOTHING,
        context: np.ndarray = _NOTHING,
        age_weights: np.ndarray = _NOTHING[0],
        fold: tuple[float, int, bool] = (0.5, 1, False),
    ) -> None:
        """Take up trained arrays.

        Args:
            vectors: float32 [num_items, dim], the table that is searched.
            context: float32 [num_items, dim], what an item adds to a history.
            age_weights: float32 [NUM_AGES + 1], weight by age, the last for unordered ones.
            fold: Fold exponent, most items read, and whether the history is normalised.
        """
        self._vectors, self._context = vectors, context
        self._age_weights, self._fold = age_weights, fold

    def fit(self, dataset: Dataset) -> Self:
        """Train on ``dataset``; each learner's newest item is held out to stop in time."""
        from graphrec.models.fitting import fit_holding_out

        trained = fit_holding_out(self.name, dataset)
        if not isinstance(trained, GraphModel):
            raise TypeError(f"training returned {type(trained).__name__}")
        self.__dict__.update(trained.__dict__)
        return self

    def item_vectors(self) -> np.ndarray:
        """float32 [num_items, dim]."""
        return self._vectors

    def encode(self, histories: Histories) -> np.ndarray:
        """Aggregate of the history, float32 [n, dim]; zeros for an empty one."""
        exponent, max_history, is_cosine = self._fold
        items, offsets, ages, _ = bags(histories, max_history)
        weights = self._age_weights[ages]
        if len(histories) == 1:  # one request: cheaper than a sparse matrix
            total, sums = weights.sum(keepdims=True), weights[None, :] @ self._context[items]
        else:
            shape = (len(histories), len(self._vectors))
            matrix = sp.csr_array((weights, items, offsets), shape=shape)
            total, sums = np.asarray(matrix.sum(axis=1)), matrix @ self._context
        sums = sums / np.maximum(total, 1e-12)[:, None] ** exponent
        if is_cosine:
            sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        encoded: np.ndarray = sums.astype(np.float32, copy=False)
        return encoded

    def state(self) -> dict[str, np.ndarray]:
        """Vectors, context, weights by age and the fold's three numbers."""
        return {
            "vectors": self._vectors,
            "context": self._context,
            "age_weights": self._age_weights,
            "fold": np.asarray(self._fold, np.float64),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        exponent, max_history, is_cosine = state["fold"].tolist()
        fold = (float(exponent), int(max_history), bool(is_cosine))
        return cls(state["vectors"], state["context"], state["age_weights"], fold)

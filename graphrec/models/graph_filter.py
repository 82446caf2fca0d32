"""Graph filter: a closed form for catalogues in which EASE's dense inverse does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.models.base import Model
from graphrec.models.itemitem import keep_top


class GraphFilterConfig(BaseModel):
    """How the spectrum of what learners share is passed on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low_pass: float = Field(
        default=0.5, ge=0, description="Weight of the ideal low-pass filter beside the linear one."
    )
    sharpening: float = Field(
        default=1.0,
        ge=0,
        description="Time for which the result is sharpened: what all share is damped by "
        "exp(-time * eigenvalue).",
    )
    rank: int = Field(default=448, ge=1, description="Leading eigenvectors that are kept.")
    num_neighbours: int = Field(
        default=500, ge=1, description="Entries kept a row of the linear filter; bounds bundles."
    )
    seed: int = Field(default=0, ge=0, description="Of the eigensolver's first vectors.")

    @classmethod
    def tried(cls, seed: int) -> tuple[Self, ...]:
        """What is worth trying on validation: how much low-pass, with sharpening and without."""
        pairs = ((0.2, 0.0), (0.5, 0.0), (0.3, 1.0), (0.5, 1.0), (0.5, 1.5))
        return tuple(cls(low_pass=low, sharpening=time, seed=seed) for low, time in pairs)


class GraphFilterModel(Model):
    """Shen et al. 2021 (GF-CF), equation 17, sharpened by Choi et al. 2023 (BSPM), equation 9.

    ``A = D_u^-1/2 X D_i^-1/2``, ``P = A'A`` with leading eigenvectors ``V`` and values ``L``:
    ``S = x (P + w D_i^-1/2 V V' D_i^1/2) exp(-t P)``. Deviations: the exponential is exact on
    the leading eigenvectors and 1 beyond them (the paper: one Runge-Kutta step on all);
    of ``P`` the largest entries of a row are kept.

    Attributes:
        config: As fitted.
        linear: float32 CSR [num_items, num_items], ``P``.
        vectors: float32 [num_items, rank], ``V``.
        values: float32 [rank], ``L``.
        degrees: float32 [num_items], learners of each item.
    """

    name: ClassVar[str] = "graph_filter"

    def __init__(self, config: GraphFilterConfig | None = None) -> None:
        empty = sp.csr_array((0, 0), dtype=np.float32)
        none = np.zeros(0, np.float32)
        self._set(config or GraphFilterConfig(), empty, none.reshape(0, 0), none, none)

    def fit(self, dataset: Dataset, config: GraphFilterConfig | None = None) -> Self:
        """Count what learners share and solve for the leading eigenvectors.

        Args:
            dataset: At least one interaction; otherwise all items score 0.
            config: None: the config of the last fit, or the default.
        """
        config = config or self.config
        adjacency, degrees = _normalised(dataset)
        linear = keep_top(sp.csr_array(adjacency.T @ adjacency), config.num_neighbours)
        vectors, values = _leading(adjacency, config)
        self._set(config, linear, vectors, values, degrees)
        return self

    def tuned(self, config: GraphFilterConfig) -> Self:
        """The same fit under another ``low_pass`` and ``sharpening``."""
        model = type(self)(config)
        model._set(config, self.linear, self.vectors, self.values, self.degrees)
        return model

    def score(self, histories: Histories) -> np.ndarray:
        """Filtered histories, float32 [len(histories), num_items]."""
        x = histories.matrix(self.linear.shape[0])
        scores = (x @ self.linear).toarray()
        low = (x @ self._down) * np.float32(self.config.low_pass)  # x D_i^-1/2 V, [n, rank]
        blurred = (x @ self.vectors) * self.values + low @ self._coupling
        scores += np.concatenate([low, blurred * self._damping], axis=1) @ self._up
        return np.asarray(scores, np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays of the attributes, the config as float64 and int64 numbers."""
        return {
            "data": self.linear.data.astype(np.float32, copy=False),
            "indices": self.linear.indices.astype(np.int32, copy=False),
            "indptr": self.linear.indptr.astype(np.int64, copy=False),
            "vectors": self.vectors,
            "values": self.values,
            "degrees": self.degrees,
            "weights": np.array([self.config.low_pass, self.config.sharpening], np.float64),
            "sizes": np.array(
                [self.config.rank, self.config.num_neighbours, self.config.seed], np.int64
            ),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """The model whose ``state()`` this is."""
        low_pass, sharpening = state["weights"].tolist()
        rank, num_neighbours, seed = state["sizes"].tolist()
        config = GraphFilterConfig(
            low_pass=low_pass,
            sharpening=sharpening,
            rank=rank,
            num_neighbours=num_neighbours,
            seed=seed,
        )
        num_items = len(state["degrees"])
        arrays = (state["data"], state["indices"], state["indptr"])
        linear = sp.csr_array(arrays, shape=(num_items, num_items))
        model = cls(config)
        model._set(config, linear, state["vectors"], state["values"], state["degrees"])
        return model

    def _set(
        self,
        config: GraphFilterConfig,
        linear: Any,
        vectors: np.ndarray,
        values: np.ndarray,
        degrees: np.ndarray,
    ) -> None:
        self.config, self.linear, self.degrees = config, linear, degrees
        self.vectors, self.values = vectors, values
        root = np.sqrt(degrees)[:, None]
        upwards = vectors * root
        self._down = vectors / np.maximum(root, 1.0)
        self._up = np.ascontiguousarray(np.concatenate([upwards, vectors], axis=1).T)
        self._coupling = upwards.T @ vectors  # V' D_i^1/2 V, [rank, rank]
        self._damping = np.expm1(-config.sharpening * values).astype(np.float32)


def _normalised(dataset: Dataset) -> tuple[sp.csr_array, np.ndarray]:
    """``D_u^-1/2 X D_i^-1/2`` as CSR float32 [n, num_items], and the items' degrees."""
    x = dataset.histories.matrix(dataset.num_items)
    degrees = np.asarray(x.sum(axis=0)).ravel().astype(np.float32)
    lengths = np.maximum(np.diff(x.indptr), 1).astype(np.float32)
    by_entry = np.repeat(lengths, np.diff(x.indptr)) * degrees[x.indices]
    values = (by_entry**-0.5).astype(np.float32)
    return sp.csr_array((values, x.indices, x.indptr), shape=x.shape), degrees


def _leading(adjacency: sp.csr_array, config: GraphFilterConfig) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenvectors of ``A'A``, float32 [num_items, rank], and values, float32 [rank]."""
    rank = min(config.rank, min(adjacency.shape) - 1)
    if rank < 1 or not adjacency.nnz:
        return np.zeros((adjacency.shape[1], 0), np.float32), np.zeros(0, np.float32)
    from sklearn.utils.extmath import randomized_svd

    _, singular, right = randomized_svd(
        sp.csr_matrix(adjacency), rank, n_oversamples=rank // 2, n_iter=4, random_state=config.seed
    )
    return np.ascontiguousarray(right.T, np.float32), (singular**2).astype(np.float32)

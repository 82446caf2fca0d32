"""Stage 3, TRAIN: the graph model's network, typed layers over courses and skills.

In comes PyG ``HeteroData``; out come the vectors of its items, one for what is
recommended and one for what stands in a history.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn

from graphrec.models.graph import NUM_AGES, GraphConfig
from graphrec.models.graph_operators import (
    EdgeType,
    Operator,
    build_operators,
    follow_operator,
    geometric,
    learner_adjacency,
)


class TypedConv(nn.Module):
    """One relation's share of a layer: a learned weight times the relation's operator."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x: Tensor | tuple[Tensor, Tensor], operator: Operator) -> Tensor:
        """Messages to the target nodes, [num_targets, columns]."""
        return self.weight * operator(x[0] if isinstance(x, tuple) else x)


class GraphNet(nn.Module):
    """Item and skill embeddings, typed layers, and the history's side of each item.

    The parameters whose last name is in ``SHARED`` are the same for every dimension; all
    others have a column for each, so that a rank can hold some of the columns only.
    """

    SHARED = ("weight", "layer_weights", "age_logits", "follow_weights")

    def __init__(self, data: Any, config: GraphConfig, initial: Tensor) -> None:
        """Build from ``initial`` item vectors, float32 [num_items, columns]."""
        super().__init__()
        hetero_conv = geometric().nn.HeteroConv
        self.operators = build_operators(data, config)
        self.follow = follow_operator(data)
        num_items, columns = initial.shape
        degrees = torch.bincount(data["item", "rev_took", "learner"].edge_index[0], None, num_items)
        # A course nobody took has no vector of its own, only what its relations bring;
        # as a negative its own vector would only learn to be far from everything.
        self.is_warm = degrees > 0
        self.say = degrees.clamp_min(1).pow(-config.context_exponent)[:, None]
        self.item = nn.Parameter(initial * self.is_warm[:, None])
        self.skill = nn.Parameter(torch.zeros(data["skill"].num_nodes, columns))
        self.context = nn.Parameter(torch.zeros(num_items, columns))
        self.layers = nn.ModuleList(
            hetero_conv({edge_type: TypedConv(_start(edge_type)) for edge_type in self.operators})
            for _ in range(config.num_layers)
        )
        self.layer_weights = nn.Parameter(torch.ones(config.num_layers + 1))
        self.follow_weights = nn.Parameter(torch.ones(2))
        ages = torch.arange(NUM_AGES + 1)
        logits = -ages * (np.log(2) / config.half_life_items)
        self.age_logits = nn.Parameter(torch.where(ages < NUM_AGES, logits, 0.0))

    def vectors(self) -> tuple[Tensor, Tensor]:
        """Item and context vectors, each [num_items, columns]."""
        total = self.propagate()
        context = self.follow_weights[0] * total + self.context
        if self.follow is not None:
            # In place of an item stands, in part, what learners took after it.
            context = context + self.follow_weights[1] * self.follow(total)
        return total, context * self.say

    def propagate(self) -> Tensor:
        """The weighted sum of the layers' item vectors, [num_items, columns]."""
        nodes = {"item": self.item * self.is_warm[:, None], "skill": self.skill}
        total = self.layer_weights[0] * nodes["item"]
        for layer, weight in zip(self.layers, self.layer_weights[1:], strict=True):
            nodes = nodes | layer(nodes, self.operators)
            total = total + weight * nodes["item"]
        return total

    def age_weights(self) -> Tensor:
        """Weight of a history's item by age, float32 [NUM_AGES + 1]."""
        return self.age_logits.exp()


def _start(edge_type: EdgeType) -> float:
    # What learners do weighs most at the start; from there the weights are learned.
    return 1.0 if edge_type[1] == "co_taken" else 0.3


def initial_vectors(data: Any, config: GraphConfig) -> np.ndarray:
    """Truncated SVD of the learners' adjacency, float32 [num_items, embedding_dim].

    Columns are scaled by the root of their singular value, then all together to the mean
    norm ``init_scale``; columns past the rank are small noise.
    """
    rng = np.random.default_rng(config.seed)
    matrix = learner_adjacency(data, config)
    dim, num_items = config.embedding_dim, matrix.shape[1]
    vectors = rng.normal(0, config.init_scale / np.sqrt(dim) / 10, (num_items, dim))
    rank = min(dim, min(matrix.shape) - 1)
    if rank >= 1 and matrix.nnz:
        start = rng.normal(size=min(matrix.shape))
        _, values, right = sp.linalg.svds(matrix.astype(np.float64), rank, v0=start, tol=1e-3)
        leading = right.T * np.sqrt(np.maximum(values, 0))  # [num_items, rank]
        mean_norm = np.linalg.norm(leading, axis=1).mean()
        vectors[:, :rank] += leading * (config.init_scale / max(mean_norm, 1e-12))
    return vectors.astype(np.float32)

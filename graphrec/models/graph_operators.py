"""Stage 3, TRAIN: the heterogeneous graph, and what each relation does to node vectors.

In comes a ``Dataset``; out come PyG ``HeteroData`` and, from its edges, one fixed linear
operator for each relation. Learners hold no vectors: they carry messages from course to
course, so their two half hops make one symmetric operator, kept dense where the catalogue
is small enough for that to be cheaper than the edges.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.dataset import Dataset
from graphrec.models.graph import GraphConfig

EdgeType = tuple[str, str, str]

MAX_DENSE_ITEMS = 6_000
"""Up to here the item-item operator of the learners' hop is kept dense (float32, 144 MB)."""


def geometric() -> Any:
    """The package ``torch_geometric``, imported when first asked for: it takes seconds."""
    with warnings.catch_warnings():  # it compiles with torch.jit, which torch deprecates
        warnings.simplefilter("ignore", FutureWarning)
        import torch_geometric
        import torch_geometric.nn
    return torch_geometric


def hetero_data(dataset: Dataset) -> Any:
    """The dataset as ``torch_geometric.data.HeteroData``.

    Node types learner, item and skill with ``num_nodes``; edge types as int64 [2, E]
    ``edge_index``: took, followed_by (the next item of the same learner, repeats kept),
    teaches, requires, and the reverse of each.
    """
    data = geometric().data.HeteroData()
    data["learner"].num_nodes = len(dataset.histories)
    data["item"].num_nodes = dataset.num_items
    data["skill"].num_nodes = len(dataset.skills)
    histories = dataset.histories
    edges: dict[EdgeType, np.ndarray] = {
        ("learner", "took", "item"): np.stack([histories.owners(), histories.items]),
        ("item", "followed_by", "item"): _transitions(dataset),
        ("item", "teaches", "skill"): dataset.item_skill,
        ("item", "requires", "item"): dataset.item_requires,
        ("skill", "requires", "skill"): dataset.skill_requires,
    }
    for (source, relation, target), edge_index in edges.items():
        forward = torch.from_numpy(np.ascontiguousarray(edge_index, np.int64))  # [2, E]
        data[source, relation, target].edge_index = forward
        data[target, f"rev_{relation}", source].edge_index = forward.flip(0)
    return data


def _transitions(dataset: Dataset) -> np.ndarray:
    histories = dataset.histories
    owners = histories.owners()
    is_pair = (owners[1:] == owners[:-1]) & histories.ordered[owners[1:]]
    return np.stack([histories.items[:-1][is_pair], histories.items[1:][is_pair]])


class _FixedProduct(torch.autograd.Function):
    """``A @ x`` for a fixed A, whose gradient is ``A.T @ grad`` with a transpose kept ready.

    Torch's own backward of a CSR product makes the transpose anew in each step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        """Multiply [m, n] by [n, dim]."""
        ctx.save_for_backward(transposed)
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        """Multiply by the transpose."""
        (transposed,) = ctx.saved_tensors
        return transposed @ grad, None, None


@dataclass(frozen=True)
class Operator:
    """A chain of fixed matrices applied to node vectors, each with its transpose."""

    factors: tuple[tuple[Tensor, Tensor], ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the factors from first to last to ``x`` [n, columns]."""
        for matrix, transposed in self.factors:
            x = _FixedProduct.apply(x, matrix, transposed)
        return x

    def reversed(self) -> Operator:
        """The transposed chain."""
        return Operator(tuple((back, ahead) for ahead, back in reversed(self.factors)))

    @classmethod
    def of(cls, matrix: sp.csr_array) -> Operator:
        """One sparse matrix, float32 [num_targets, num_sources]."""
        return cls(((_tensor(matrix), _tensor(sp.csr_array(matrix.T))),))


def _tensor(matrix: sp.csr_array) -> Tensor:
    with warnings.catch_warnings():  # torch calls its CSR form beta each time
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            size=matrix.shape,
        )


def adjacency(
    data: Any, edge_type: EdgeType, source_exponent: float = 0.5, target_exponent: float = 0.5
) -> sp.csr_array:
    """A relation's adjacency, each edge divided by powers of both ends' degrees.

    Args:
        data: See ``hetero_data``.
        edge_type: Source, relation, target.
        source_exponent: Power of the source's number of targets.
        target_exponent: Power of the target's number of sources.

    Returns:
        float32 [num_targets, num_sources].
    """
    source, target = data[edge_type].edge_index.numpy()
    shape = (data[edge_type[2]].num_nodes, data[edge_type[0]].num_nodes)
    counts = sp.csr_array((np.ones(len(source)), (target, source)), shape=shape)
    into = np.maximum(np.asarray(counts.sum(axis=1)), 1) ** -target_exponent
    out_of = np.maximum(np.asarray(counts.sum(axis=0)), 1) ** -source_exponent
    return sp.csr_array((sp.diags_array(into) @ counts @ sp.diags_array(out_of)).astype(np.float32))


def learner_adjacency(data: Any, config: GraphConfig) -> sp.csr_array:
    """From items to the learners who took them, float32 [num_learners, num_items]."""
    took = ("item", "rev_took", "learner")
    return adjacency(data, took, config.item_exponent, config.learner_exponent)


def build_operators(data: Any, config: GraphConfig) -> dict[EdgeType, Operator]:
    """What a layer applies, for each relation that has edges."""
    operators = {("item", "co_taken", "item"): _learner_hop(learner_adjacency(data, config))}
    for edge_type in (
        ("item", "teaches", "skill"),
        ("item", "requires", "item"),
        ("skill", "requires", "skill"),
    ):
        if data[edge_type].edge_index.shape[1]:
            source, relation, target = edge_type
            operator = Operator.of(adjacency(data, edge_type))
            operators[edge_type] = operator
            operators[target, f"rev_{relation}", source] = operator.reversed()
    return operators


def _learner_hop(half: sp.csr_array) -> Operator:
    if half.shape[1] <= MAX_DENSE_ITEMS:
        dense = torch.from_numpy((half.T @ half).toarray())  # [items, items]
        return Operator(((dense, dense),))
    up = Operator.of(half)
    return Operator(up.factors + up.reversed().factors)


def follow_operator(data: Any) -> Operator | None:
    """From what was taken next to an item, a distribution each row; None without order."""
    edge_type = ("item", "rev_followed_by", "item")
    if not data[edge_type].edge_index.shape[1]:
        return None
    return Operator.of(adjacency(data, edge_type, 0.0, 1.0))

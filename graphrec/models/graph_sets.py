"""Stage 3, TRAIN: the graph model where order means nothing: whole sets are predicted.

Of each learner some of the items are read, and a multinomial over the catalogue is fitted
to all of them (Mult-DAE's loss, Liang et al. 2018, eq. 2), by the softmax over every item:
sampled softmaxes need many times the steps. A step costs three products of matrices; they
are made for some rows at a time, whose logits stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
import torch.distributed as dist
from torch import Tensor

from graphrec.dataset import Dataset
from graphrec.models.collectives import rank_and_size
from graphrec.models.graph import GraphConfig

_CHUNK = 8 * 1024**2
"""Logits held at a time, 32 MB."""


@dataclass(frozen=True)
class SetBatch:
    """Learners as rows.

    Attributes:
        read: float32 CSR [n, num_items], 1 where an item is read.
        wanted: float32 CSR [n, num_items], weights of the items to be predicted; of all
            rows together they sum to 1.
    """

    read: sp.csr_array
    wanted: sp.csr_array


class SetSampler:
    """Goes through the learners with two items or more, in an order drawn each epoch."""

    def __init__(self, dataset: Dataset, config: GraphConfig) -> None:
        self._histories, self._num_items = dataset.histories, dataset.num_items
        self._config = config
        self._matrix = self._entries(np.ones(len(dataset.histories.items), np.float32))
        self._rows = np.flatnonzero(np.diff(self._matrix.indptr) >= 2)

    def _entries(self, values: np.ndarray) -> sp.csr_array:
        """Values of the histories' entries, [learners, num_items]; of repeats the sum."""
        shape = (len(self._histories), self._num_items)
        given = (values.copy(), self._histories.items.copy(), self._histories.indptr.copy())
        matrix = sp.csr_array(given, shape=shape)
        matrix.sum_duplicates()
        return matrix

    def focus(self, is_target: np.ndarray) -> None:
        """Want no other items than these entries of the histories, bool [nnz]."""
        self._matrix = self._entries(is_target.astype(np.float32))
        wanted = np.add.reduceat(np.append(self._matrix.data, 0), self._matrix.indptr[:-1])
        has_two = np.diff(self._matrix.indptr) >= 2
        self._rows = np.flatnonzero(has_two & (wanted > 0))

    def epoch(self, epoch: int) -> Iterator[SetBatch]:
        """Batches of one epoch, the same for the same seed and epoch."""
        rng = np.random.default_rng([self._config.seed, epoch])
        order = rng.permutation(self._rows)
        for start in range(0, len(order), self._config.batch_size):
            rows = np.sort(order[start : start + self._config.batch_size])
            yield self._batch(self._matrix[rows], rng)

    def _batch(self, sets: sp.csr_array, rng: np.random.Generator) -> SetBatch:
        is_wanted = (sets.data > 0).astype(float)
        counts = np.add.reduceat(is_wanted, sets.indptr[:-1])
        shares = counts ** (self._config.length_exponent - 1.0)
        weights = np.repeat(shares, np.diff(sets.indptr)) * is_wanted
        wanted = (weights / weights.sum()).astype(np.float32)
        read = (rng.random(sets.nnz) >= self._config.dropout).astype(np.float32)
        return SetBatch(
            sp.csr_array((read, sets.indices, sets.indptr), shape=sets.shape),
            sp.csr_array((wanted, sets.indices, sets.indptr), shape=sets.shape),
        )


class SumOfRead(torch.autograd.Function):
    """``matrix @ x`` for a matrix of one batch, by SciPy: torch would transpose it anew."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: sp.csr_array) -> Tensor:
        """Multiply [n, m] by [m, dim]."""
        ctx.matrix = matrix
        return torch.from_numpy(matrix @ x.detach().numpy())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Multiply by the transpose."""
        return torch.from_numpy(ctx.matrix.T @ grad.numpy()), None


class SetSoftmax(torch.autograd.Function):
    """Weighted cross-entropy of wanted items among all, summed over a batch.

    The gradient is made with the loss, chunk by chunk, so that no logits are kept.
    """

    @staticmethod
    def forward(
        ctx: Any, learners: Tensor, items: Tensor, wanted: sp.csr_array, excluded: Tensor
    ) -> Tensor:
        """Loss of ``learners`` [n, dim] against ``items`` [num_items, dim], scalar.

        Args:
            ctx: Autograd's.
            learners: Divided by the temperature.
            items: Of all items.
            wanted: See ``SetBatch``.
            excluded: int64 [e], items that do not compete.
        """
        by_learner, by_item = torch.empty_like(learners), torch.zeros_like(items)
        size = max(1, _CHUNK // len(items))
        logits = torch.empty(min(size, len(learners)), len(items))
        loss = 0.0
        for start in range(0, len(learners), size):
            part = learners[start : start + size]
            errors = logits[: len(part)]
            torch.mm(part, items.T, out=errors)
            if rank_and_size()[1] > 1:  # each rank holds some of the columns
                dist.all_reduce(errors)
            errors[:, excluded] = -torch.inf
            loss += _to_errors(errors, sp.csr_array(wanted[start : start + size]))
            torch.mm(errors, items, out=by_learner[start : start + size])
            by_item.addmm_(errors.T, part)
        ctx.save_for_backward(by_learner, by_item)
        return torch.tensor(loss)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients by learners and items."""
        by_learner, by_item = ctx.saved_tensors
        return grad * by_learner, grad * by_item, None, None


def _to_errors(logits: Tensor, wanted: sp.csr_array) -> float:
    """Turn logits [n, num_items] into the loss's gradient by them, in place; the loss."""
    rows = torch.from_numpy(np.repeat(np.arange(len(logits)), np.diff(wanted.indptr)))
    flat = rows * logits.shape[1] + torch.from_numpy(wanted.indices.astype(np.int64))
    weights = torch.from_numpy(wanted.data)
    own = logits.view(-1)[flat]
    peak = logits.amax(1, keepdim=True)
    logits.sub_(peak).exp_()
    total = logits.sum(1, keepdim=True)
    log_total = (peak + total.log()).squeeze(1)
    of_rows = torch.zeros(len(logits)).index_add_(0, rows, weights)
    logits.mul_(of_rows[:, None] / total)
    logits.view(-1).index_add_(0, flat, -weights)
    return float((weights * (log_total[rows] - own)).sum())

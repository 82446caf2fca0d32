"""Stage 3, TRAIN: the graph model's batches: a target and the history it is left out of.

In come histories; out go batches that depend on seed and epoch alone, so that every rank
draws the same ones and a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphrec.dataset import Dataset, Histories
from graphrec.models.graph import GraphConfig, bags


@dataclass(frozen=True)
class Batch:
    """Histories as bags, and for each the column of its target among the candidates.

    Attributes:
        items: int64 [nnz], history items, one bag after the other.
        offsets: int64 [batch + 1].
        ages: int64 [nnz].
        owners: int64 [nnz], the bag of each item.
        targets: int64 [batch], columns of the scores.
        candidates: int64 [candidates], the items that compete.
        masked: Rows and columns of scores that take no part.
    """

    items: Tensor
    offsets: Tensor
    ages: Tensor
    owners: Tensor
    targets: Tensor
    candidates: Tensor
    masked: tuple[Tensor, Tensor]


class BatchSampler:
    """Draws targets by learner, and the items that compete with them."""

    def __init__(self, dataset: Dataset, config: GraphConfig) -> None:
        self._histories, self._config = dataset.histories, config
        self._num_items = dataset.num_items
        self._owners = self._histories.owners()
        self._positions, self._probabilities = self._targets()
        degrees = np.bincount(self._histories.items, minlength=self._num_items)
        self._is_warm = degrees > 0

    def _targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions that can be a target, and the probability of each."""
        histories = self._histories
        age = np.arange(len(histories.items)) - histories.indptr[:-1][self._owners]
        lengths = histories.lengths[self._owners]
        can = np.where(histories.ordered[self._owners], age > 0, lengths > 1)
        positions = np.flatnonzero(can)
        weights = lengths[positions].astype(float) ** (self._config.length_exponent - 1)
        return positions, weights / max(weights.sum(), 1e-12)

    def focus(self, is_target: np.ndarray) -> None:
        """Draw no other targets than these entries of the histories, bool [nnz]."""
        kept = is_target[self._positions]
        weights = self._probabilities[kept]
        self._positions = self._positions[kept]
        self._probabilities = weights / max(weights.sum(), 1e-300)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Batches of one epoch, the same for the same seed and epoch."""
        rng = np.random.default_rng([self._config.seed, epoch])
        num = min(len(self._positions), self._config.epoch_size)
        if not num:
            return
        # With replacement: long histories may give more, short ones fewer than their items.
        drawn = rng.choice(self._positions, num, p=self._probabilities)
        for start in range(0, num, self._config.batch_size):
            yield self.batch(drawn[start : start + self._config.batch_size], rng)

    def batch(self, positions: np.ndarray, rng: np.random.Generator) -> Batch:
        """The batch whose targets stand at ``positions`` of the flat histories."""
        contexts = leave_out(self._histories, self._owners, positions)
        items, offsets, ages, owners = bags(contexts, self._config.max_history)
        targets = self._histories.items[positions].astype(np.int64)
        candidates = self._candidates(targets, rng)
        column = np.full(self._num_items, -1)
        column[candidates] = np.arange(len(candidates))
        rows, seen = contexts.owners(), column[contexts.items]
        # What was taken is never recommended, so it need not lose; a repeat is no loss either.
        is_masked = (seen >= 0) & (seen != column[targets][rows])
        if self._config.dropout:
            kept = rng.random(len(items)) >= self._config.dropout
            items, ages, owners = items[kept], ages[kept], owners[kept]
            offsets = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=len(targets)))])
        return Batch(
            items=torch.from_numpy(items),
            offsets=torch.from_numpy(offsets),
            ages=torch.from_numpy(ages),
            owners=torch.from_numpy(owners),
            targets=torch.from_numpy(column[targets]),
            candidates=torch.from_numpy(candidates),
            masked=(torch.from_numpy(rows[is_masked]), torch.from_numpy(seen[is_masked])),
        )

    def _candidates(self, targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Items that compete: all that anyone took, or the batch's targets and a sample."""
        if not self._config.num_negatives:
            return np.flatnonzero(self._is_warm)
        sample = rng.integers(0, self._num_items, self._config.num_negatives)
        return np.unique(np.concatenate([targets, sample[self._is_warm[sample]]]))


def leave_out(histories: Histories, owners: np.ndarray, positions: np.ndarray) -> Histories:
    """Each target's history without it: what came before, or the rest where order is unknown.

    Args:
        histories: All histories.
        owners: Learner of each item, int64 [nnz].
        positions: Where the targets stand in ``histories.items``, int64 [n].
    """
    rows = owners[positions]
    ordered = histories.ordered[rows]
    starts = histories.indptr[rows]
    lengths = np.where(ordered, positions - starts, histories.lengths[rows] - 1)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    flat = np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])
    # Past the target, where its later neighbours are read, skip it.
    flat += flat >= np.repeat(np.where(ordered, len(histories.items), positions), lengths)
    return Histories(indptr, histories.items[flat], None, ordered)

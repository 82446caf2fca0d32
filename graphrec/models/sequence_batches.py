"""Stage 3, TRAIN: batches of the sequence model: windows of like length, and their targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graphrec.dataset import Histories
from graphrec.models.sequence import SequenceConfig


@dataclass(frozen=True)
class Batch:
    """One rank's part of a step.

    Attributes:
        inputs: int64 [windows, length], items + 1, padded with 0 on the right.
        targets: int64 [t], the item that follows each input, row by row.
        hidden: Two int64 [p]: numbers of targets, and candidates left out for them.
        candidates: int64 [c], sampled items, ascending; None: all items.
        correction: float32 [c], minus log of each candidate's chance to be one; [0] for all.
        num_targets: Targets of the whole step, of all ranks.
    """

    inputs: np.ndarray
    targets: np.ndarray
    hidden: tuple[np.ndarray, np.ndarray]
    candidates: np.ndarray | None
    correction: np.ndarray
    num_targets: int


class WindowSampler:
    """Cuts ordered histories into windows; each epoch goes once through all of them."""

    def __init__(self, histories: Histories, num_items: int, config: SequenceConfig) -> None:
        """Cut windows of ``max_len`` targets, newest first; the oldest takes what is left.

        Args:
            histories: Of which the ordered ones with two items or more are read.
            num_items: Items of the catalogue.
            config: See ``SequenceConfig``.
        """
        self._config, self._num_items = config, num_items
        kept = histories.take(histories.ordered & (histories.lengths >= 2))
        self._items = kept.items.astype(np.int64)
        counts = np.maximum(kept.lengths - 1, 0)  # targets of each learner
        windows = -(-counts // config.max_len)
        owners = np.repeat(np.arange(len(kept)), windows)
        first = np.concatenate([[0], np.cumsum(windows)])[:-1]
        newest = kept.indptr[1:][owners] - 1
        number = np.arange(len(owners)) - first[owners]
        self._stops = newest - number * config.max_len  # one past the last input
        self._lengths = np.minimum(self._stops - kept.indptr[owners], config.max_len)
        self._begins = kept.indptr[owners]  # where the learner's history begins
        # Between the frequent, which matter most, and all, which each epoch should meet.
        weights = np.sqrt(np.bincount(self._items, minlength=num_items) + 1.0)
        self._proposal = weights / weights.sum()

    def steps(self) -> int:
        """Steps of one epoch: about the same for each."""
        return max(1, -(-int(self._lengths.sum()) // self._config.batch_tokens))

    def epoch(self, seed: tuple[int, ...], rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """One rank's part of every step of an epoch, the steps being the same on each rank."""
        rng = np.random.default_rng(seed)
        order = np.lexsort((rng.random(len(self._lengths)), self._lengths))
        steps = self._cut(order)
        for step in rng.permutation(len(steps)):
            yield self._batch(steps[step], rng, rank, size)

    def _cut(self, order: np.ndarray) -> list[np.ndarray]:
        """Consecutive windows up to ``batch_tokens`` targets (one window at least)."""
        steps, begin = [], 0
        while begin < len(order):
            # Ascending lengths: as many as would fit if all were as long as the longest.
            count = max(1, self._config.batch_tokens // int(self._lengths[order[begin]]))
            longest = int(self._lengths[order[min(begin + count, len(order)) - 1]])
            count = max(1, self._config.batch_tokens // longest)
            steps.append(order[begin : begin + count])
            begin += count
        return steps

    def _batch(self, windows: np.ndarray, rng: np.random.Generator, rank: int, size: int) -> Batch:
        num_targets = int(self._lengths[windows].sum())
        candidates, correction = self._candidates(rng)
        mine = windows[rank::size]
        is_input, positions = self._positions(mine)
        inputs = np.zeros(is_input.shape, np.int64)
        inputs[is_input] = self._items[positions] + 1
        targets = self._items[positions + 1]
        begins = np.repeat(self._begins[mine], self._lengths[mine])
        rows, hidden = self._seen(positions, begins, targets)
        if candidates is not None:
            rows = np.concatenate([rows, np.arange(len(targets))])
            hidden = np.concatenate([hidden, targets])  # a target is no negative of its own
            places = np.full(self._num_items, -1)
            places[candidates] = np.arange(len(candidates))
            is_candidate = places[hidden] >= 0
            rows, hidden = rows[is_candidate], places[hidden[is_candidate]]
        return Batch(inputs, targets, (rows, hidden), candidates, correction, num_targets)

    def _positions(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a batch has inputs, bool [windows, length], and their places in ``_items``."""
        lengths = self._lengths[windows]
        columns = np.arange(lengths.max(initial=1))
        is_input = columns < lengths[:, None]
        return is_input, ((self._stops[windows] - lengths)[:, None] + columns)[is_input]

    def _seen(
        self, positions: np.ndarray, begins: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of target number and an item of its learner's whole earlier history."""
        counts = positions - begins + 1
        rows = np.repeat(np.arange(len(positions)), counts)
        ends = np.cumsum(counts)
        items = self._items[np.arange(len(rows)) - (ends - counts)[rows] + begins[rows]]
        is_other = items != targets[rows]  # where histories repeat items, a target stays one
        return rows[is_other], items[is_other]

    def _candidates(self, rng: np.random.Generator) -> tuple[np.ndarray | None, np.ndarray]:
        """Sampled items, and what makes the sum over them an estimate of the whole sum.

        The targets of other learners are no candidates: what else one's own history holds
        would count as unwanted far more often than it is drawn.
        """
        count = self._config.num_negatives
        if count == 0:
            return None, np.zeros(0, np.float32)
        drawn = np.unique(rng.choice(self._num_items, count, p=self._proposal))
        chance = -np.expm1(count * np.log1p(-self._proposal[drawn]))
        return drawn, -np.log(chance).astype(np.float32)

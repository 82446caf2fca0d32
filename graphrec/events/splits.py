"""Splits that never let a model see what comes later than what it is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.dataset import Histories


@dataclass(frozen=True)
class HeldOut:
    """Histories with one item of some learners held out.

    Attributes:
        train: Histories without the held-out items; same learners, same order.
        rows: int64 [m]; the learners who have a target.
        targets: int32 [m]; the item held out of each.
        times: int64 [m], epoch ms at which each took its target, -1 where unknown; None
            where no interaction has a time.
    """

    train: Histories
    rows: np.ndarray
    targets: np.ndarray
    times: np.ndarray | None = None

    @property
    def inputs(self) -> Histories:
        """What is known of the learners ``rows`` when their target is asked."""
        return self.train.take(self.rows)


def hold_out_last(
    histories: Histories, *, min_length: int, seed: int, max_learners: int | None = None
) -> HeldOut:
    """Hold out one item of each learner with at least ``min_length`` items.

    The last one; where a learner's order means nothing, a random one.

    Args:
        histories: All that is known.
        min_length: Shorter histories stay whole.
        seed: Of the random choices.
        max_learners: Hold out of no more than so many, chosen at random; None: all.
    """
    generator = np.random.default_rng(seed)
    lengths = histories.lengths
    rows = np.flatnonzero(lengths >= max(min_length, 1))
    random = generator.integers(0, np.maximum(lengths, 1))
    if max_learners is not None and len(rows) > max_learners:
        rows = np.sort(generator.choice(rows, max_learners, replace=False))
    offsets, random = lengths[rows] - 1, random[rows]
    offsets = np.where(histories.ordered[rows], offsets, random)
    held = histories.indptr[rows] + offsets
    kept = np.ones(len(histories.items), bool)
    kept[held] = False
    indptr = np.concatenate([[0], np.cumsum(kept)])[histories.indptr]
    times = histories.times
    train = Histories(
        indptr,
        histories.items[kept],
        None if times is None else times[kept],
        histories.is_ordered,
    )
    return HeldOut(train, rows, histories.items[held], None if times is None else times[held])

"""Old and new catalogue side by side: what is new to a pipeline, and what it knows of the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.features.signals import LearnerSignals
from graphrec.ids import IdMap
from graphrec.models.carry_over import Growth
from graphrec.recommend.compose import Validation

MAX_HELD = 2_000
"""Learners whose newest event is asked for; more would be missed in training."""


@dataclass(frozen=True)
class Held:
    """New events held out, and what is left.

    Attributes:
        train: All histories without them.
        is_new: bool [nnz of train].
        rows: int64 [n], learners asked.
        targets: int64 [n].
        times: int64 [n] epoch ms, or None.
    """

    train: Histories
    is_new: np.ndarray
    rows: np.ndarray
    targets: np.ndarray
    times: np.ndarray | None


def new_entries(old: Dataset, new: Dataset) -> np.ndarray:
    """Entries of the new histories that the old ones do not hold, bool [nnz]."""
    learners, items = _old_rows(old.learners, new.learners), _old_rows(old.items, new.items)
    owners, taken = learners[new.histories.owners()], items[new.histories.items]
    known = old.histories.owners() * old.num_items + old.histories.items
    is_known = np.isin(owners * old.num_items + taken, known)
    return np.asarray(~(is_known & (owners >= 0) & (taken >= 0)))


def growth(old: Dataset, new: Dataset, is_new: np.ndarray, content: np.ndarray | None) -> Growth:
    """How the tables of vectors of the old dataset stand to the new one."""
    rows = _old_rows(old.items, new.items)
    had = np.append(np.bincount(old.histories.items, minlength=old.num_items) > 0, False)
    return Growth(rows, _old_rows(old.skills, new.skills), had[rows], is_new, content)


def _old_rows(old: IdMap, new: IdMap) -> np.ndarray:
    """Old row of each new id, int64, -1 where there is none."""
    return old.indices(new)


def hold_out_new(histories: Histories, is_new: np.ndarray, seed: int) -> Held:
    """Hold out the newest event of half of the learners with new ones.

    Of learners in order the last entry, where it is new (one that came late stands among
    older ones, and what follows it would give it away); of others a random new one.

    Args:
        histories: All that is known now.
        is_new: bool [nnz].
        seed: Of the random choices.
    """
    rng = np.random.default_rng([seed, 5])
    owners, lengths = histories.owners(), histories.lengths
    places = np.flatnonzero(is_new)
    # The last new entry of each learner, of those without an order after a shuffle.
    shuffled = rng.random(len(places))
    late = np.where(histories.ordered[owners[places]], places, shuffled)
    places = places[np.lexsort((late, owners[places]))]
    is_last = np.append(np.diff(owners[places]) != 0, True) if len(places) else np.zeros(0, bool)
    places = places[is_last]
    rows = owners[places]
    at_end = places == histories.indptr[1:][rows] - 1
    can = (lengths[rows] >= 2) & (at_end | ~histories.ordered[rows])
    places = places[can]
    chosen = np.sort(rng.choice(places, min(len(places) // 2, MAX_HELD), replace=False))
    kept = np.ones(len(histories.items), bool)
    kept[chosen] = False
    times = None if histories.times is None else histories.times[chosen]
    return Held(
        histories.keep(kept),
        is_new[kept],
        owners[chosen],
        histories.items[chosen].astype(np.int64),
        times,
    )


def as_known_before(asked: Validation, item_rows: np.ndarray, num_old: int) -> Validation:
    """The same questions in the old catalogue, as a bundle that was not updated hears them.

    Args:
        asked: In rows of the new catalogue.
        item_rows: int64 [num_items], old row of each item, -1 of a new one.
        num_old: Items of the old catalogue.

    Returns:
        Histories without new courses; a target that is new becomes -1, which nobody finds.
    """
    signals = asked.signals
    new_rows = np.zeros(num_old, np.int64)
    new_rows[item_rows[item_rows >= 0]] = np.flatnonzero(item_rows >= 0)
    roles = None if signals.roles is None else signals.roles.over(new_rows)
    views = None if signals.views is None else in_rows(signals.views, item_rows)
    before = LearnerSignals(num_old, views, roles, signals.role_ids)
    inputs = in_rows(asked.inputs, item_rows)
    return Validation(inputs, item_rows[asked.targets], before, asked.moments)


def in_rows(histories: Histories, item_rows: np.ndarray) -> Histories:
    """Histories by other item rows; entries of items without one are left out."""
    mapped = item_rows[histories.items]
    kept = histories.keep(mapped >= 0)
    return replace(kept, items=mapped[mapped >= 0].astype(np.int32))

"""From interaction rows to histories: the one transform, for training and for serving.

What counts as taking a course is read off the data: where learners enrol, complete or
drop, those (and ratings) are the history and views are a weaker signal beside it; where
there are only views and ratings, they are the history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.dataset import Histories
from graphrec.schema import INTERACTION_TYPES

TYPE_CODES = {name: code for code, name in enumerate(INTERACTION_TYPES)}
_COMMITTED = [TYPE_CODES[name] for name in ("enrolled", "completed", "dropped")]
UNKNOWN = int(np.iinfo(np.int64).min)
"""Time or sequence number that the source does not give."""


@dataclass(frozen=True)
class InteractionArrays:
    """Interactions as columns.

    Attributes:
        learners: int64 [m], dense.
        items: int64 [m], dense.
        types: int8 [m], codes of ``TYPE_CODES``.
        times: int64 [m], epoch ms; the smallest int64 where unknown.
        seqs: int64 [m]; the smallest int64 where unknown.
    """

    learners: np.ndarray
    items: np.ndarray
    types: np.ndarray
    times: np.ndarray
    seqs: np.ndarray

    def take(self, mask: np.ndarray) -> InteractionArrays:
        """The rows where ``mask`` (bool [m]) holds."""
        columns = (self.learners, self.items, self.types, self.times, self.seqs)
        return InteractionArrays(*(column[mask] for column in columns))


def has_commitments(types: np.ndarray) -> bool:
    """Whether learners enrol, complete or drop in this data."""
    return bool(np.isin(types, _COMMITTED).any())


def split_signals(
    rows: InteractionArrays, *, committed: bool
) -> tuple[InteractionArrays, InteractionArrays | None]:
    """What is history, and what is a weaker signal beside it (None: nothing is)."""
    if not committed:
        return rows, None
    is_view = rows.types == TYPE_CODES["viewed"]
    return rows.take(~is_view), rows.take(is_view)


def build_histories(rows: InteractionArrays, num_learners: int) -> Histories:
    """Each learner's items, each once at its first occurrence, oldest first.

    A learner is ordered when all of their rows have a time, or all have a sequence
    number; otherwise the items come by index and the order means nothing.
    """
    timed = _all_per_learner(rows.learners, rows.times != UNKNOWN, num_learners)
    numbered = _all_per_learner(rows.learners, rows.seqs != UNKNOWN, num_learners)
    primary = np.where(timed[rows.learners], rows.times, rows.seqs)
    is_ordered = timed | numbered
    meant = is_ordered[rows.learners]
    primary, seqs = np.where(meant, primary, 0), np.where(meant, rows.seqs, 0)
    # Ties in time are broken by seq, then by item, so that row order never matters.
    order = np.lexsort((rows.times, rows.items, seqs, primary, rows.learners))
    learners, items, times = rows.learners[order], rows.items[order], rows.times[order]
    stride = int(items.max()) + 1 if len(items) else 1
    _, first = np.unique(learners * stride + items, return_index=True)
    first.sort()
    learners, items, times = learners[first], items[first], times[first]
    lengths = np.bincount(learners, minlength=num_learners)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    known = bool((times != UNKNOWN).any())
    return Histories(
        indptr,
        items.astype(np.int32),
        np.where(times == UNKNOWN, -1, times) if known else None,
        is_ordered | (lengths <= 1),
    )


def _all_per_learner(learners: np.ndarray, flags: np.ndarray, num_learners: int) -> np.ndarray:
    """Whether ``flags`` holds in all rows of a learner, bool [num_learners]."""
    missing = np.bincount(learners[~flags], minlength=num_learners)
    return np.asarray(missing == 0)

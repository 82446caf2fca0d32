"""What models see: learners' histories and the items' relations as dense indices.

In come native tables or a bare interaction file (readers elsewhere); every model, split
and protocol works on this one form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from graphrec.ids import IdMap


@dataclass(frozen=True)
class Histories:
    """Item sequences of ``n`` learners, oldest first, as compressed rows.

    Attributes:
        indptr: int64 [n + 1]; learner ``u`` owns ``items[indptr[u]:indptr[u + 1]]``.
        items: int32 [nnz], dense item indices.
        times: int64 [nnz] epoch ms, or None where no interaction has one; -1: unknown.
        is_ordered: bool [n]; False where the order of a learner's items means nothing.
    """

    indptr: np.ndarray
    items: np.ndarray
    times: np.ndarray | None = None
    is_ordered: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.items[self.indptr[row] : self.indptr[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """Number of items of each learner, int64 [n]."""
        return np.diff(self.indptr)

    @property
    def ordered(self) -> np.ndarray:
        """``is_ordered``, with True for all where it was not given; bool [n]."""
        return np.ones(len(self), bool) if self.is_ordered is None else self.is_ordered

    @classmethod
    def from_lists(cls, rows: Sequence[Sequence[int] | np.ndarray]) -> Histories:
        """Histories of a few learners given as lists of item indices, oldest first."""
        lengths = np.fromiter((len(r) for r in rows), np.int64, len(rows))
        items = np.concatenate([np.zeros(0, np.int32), *(np.asarray(r, np.int32) for r in rows)])
        return cls(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), items)

    def take(self, rows: np.ndarray) -> Histories:
        """Histories of the learners ``rows`` (int or bool [m]), in that order."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        lengths = self.lengths[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        flat = np.repeat(self.indptr[rows] - indptr[:-1], lengths) + np.arange(indptr[-1])
        return Histories(
            indptr,
            self.items[flat],
            None if self.times is None else self.times[flat],
            None if self.is_ordered is None else self.is_ordered[rows],
        )

    def tail(self, max_len: int) -> Histories:
        """Each learner's newest ``max_len`` items."""
        lengths = np.minimum(self.lengths, max_len)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        flat = np.repeat(self.indptr[1:] - lengths - indptr[:-1], lengths) + np.arange(indptr[-1])
        times = None if self.times is None else self.times[flat]
        return replace(self, indptr=indptr, items=self.items[flat], times=times)

    def keep(self, mask: np.ndarray) -> Histories:
        """The same learners with the entries where ``mask`` (bool [nnz]) holds."""
        indptr = np.concatenate([[0], np.cumsum(mask)]).astype(np.int64)[self.indptr]
        times = None if self.times is None else self.times[mask]
        return replace(self, indptr=indptr, items=self.items[mask], times=times)

    def matrix(self, num_items: int) -> sp.csr_array:
        """Binary learner-item matrix, float32 [n, num_items]; repeats count once."""
        values = np.ones(len(self.items), np.float32)
        shape = (len(self), num_items)
        # A copy: what follows sorts in place, and the order of a history means something.
        matrix = sp.csr_array((values, self.items, self.indptr), shape=shape, copy=True)
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        return matrix

    def owners(self) -> np.ndarray:
        """Learner index of each entry of ``items``, int64 [nnz]."""
        return np.repeat(np.arange(len(self)), self.lengths)


_NO_EDGES = np.zeros((2, 0), np.int64)


@dataclass(frozen=True)
class Dataset:
    """Histories over items, with what is known of the items.

    Attributes:
        learners: Learner ids by row of ``histories``.
        items: Course ids by dense index (all courses, those without learners too).
        histories: What each learner took, oldest first, each item once.
        skills: Skill ids by dense index; empty where there are none.
        item_skill: int64 [2, E]: item, skill taught.
        item_requires: int64 [2, E]: item, item it requires.
        skill_requires: int64 [2, E]: skill, skill it requires.
        texts: Title and description of each item, or [] where there are none.
        views: Weaker signals by the same learners (page views, video watches) where
            stronger ones exist, or None.
        eligible: bool [num_items]; False for hidden items; None: all.
    """

    learners: IdMap
    items: IdMap
    histories: Histories
    skills: IdMap = field(default_factory=lambda: IdMap([]))
    item_skill: np.ndarray = field(default_factory=lambda: _NO_EDGES)
    item_requires: np.ndarray = field(default_factory=lambda: _NO_EDGES)
    skill_requires: np.ndarray = field(default_factory=lambda: _NO_EDGES)
    texts: list[str] = field(default_factory=list)
    views: Histories | None = None
    eligible: np.ndarray | None = None

    @property
    def has_commitments(self) -> bool:
        """Whether learners enrol, complete or drop, so that views are not what they took."""
        return self.views is not None

    @property
    def num_items(self) -> int:
        """Number of items, those without learners too."""
        return len(self.items)

    def with_histories(self, histories: Histories) -> Dataset:
        """The same items with other histories of the same learners (a split)."""
        return replace(self, histories=histories)

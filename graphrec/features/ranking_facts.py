"""What the ranking layer knows of courses: counts by moment, skills, levels, hours."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from graphrec.dataset import Dataset, Histories

DAY_MS = 86_400_000
WINDOW_MS = 30 * DAY_MS
"""Trend compares this window before a moment with the one before it."""


@dataclass(frozen=True)
class CourseFacts:
    """Facts of courses, from what is learned from and never from what is held out.

    Attributes:
        dataset: Histories with times, skills and requirements.
        hours: float32 [num_items], 0 unknown; None: nobody says.
        levels: float32 [num_items], -1 unknown; None: nobody says.
        needs: float32 [n, num_skills] of the learners asked: what their target role needs;
            None: no roles.
    """

    dataset: Dataset
    hours: np.ndarray | None = None
    levels: np.ndarray | None = None
    needs: sp.csr_array | None = field(default=None)

    @property
    def has(self) -> frozenset[str]:
        """What the data has, by the words of ``Feature.needs``."""
        told = {
            "times": len(self._event_items) > 0,
            "skills": self.dataset.item_skill.shape[1] > 0,
            "prerequisites": self.dataset.item_requires.shape[1] > 0,
            "hours": self.hours is not None and bool((self.hours > 0).any()),
            "levels": self.levels is not None and bool((self.levels >= 0).any()),
            "roles": self.needs is not None and self.needs.nnz > 0,
        }
        return frozenset(name for name, holds in told.items() if holds)

    @cached_property
    def _events(self) -> tuple[np.ndarray, np.ndarray]:
        """Items and times of the events whose time is known, by item and then time."""
        histories = self.dataset.histories
        if histories.times is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        is_known = histories.times >= 0
        items, times = histories.items[is_known].astype(np.int64), histories.times[is_known]
        order = np.lexsort((times, items))
        return items[order], times[order]

    @property
    def _event_items(self) -> np.ndarray:
        return self._events[0]

    @cached_property
    def _times(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct times, and one ascending key of item and time of each event."""
        items, times = self._events
        distinct, places = np.unique(times, return_inverse=True)
        return distinct, items * (len(distinct) + 1) + places

    @cached_property
    def first_times(self) -> np.ndarray:
        """Epoch ms of each item's first event, -1 without; int64 [num_items]."""
        items, times = self._events
        found = np.full(self.dataset.num_items, -1, np.int64)
        firsts, places = np.unique(items, return_index=True)
        found[firsts] = times[places]
        return found

    def taken(self, items: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Events on items (int [m]) before moments (epoch ms [m]); int64 [m]."""
        distinct, keys = self._times
        base = items.astype(np.int64) * (len(distinct) + 1)
        until = np.searchsorted(distinct, moments)  # so many distinct times are earlier
        return np.asarray(np.searchsorted(keys, base + until) - np.searchsorted(keys, base))

    def trend(self, items: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """Log-ratio of the events of the last window to those of the one before; [m]."""
        by = [self.taken(items, moments - back * WINDOW_MS) for back in range(3)]
        return np.asarray(np.log1p(by[0] - by[1]) - np.log1p(by[1] - by[2]), np.float32)

    @cached_property
    def _teaches(self) -> sp.csr_array:
        """Item by skill, 1 where taught; float32."""
        return _binary(self.dataset.item_skill, self.dataset.num_items, len(self.dataset.skills))

    @cached_property
    def num_skills(self) -> np.ndarray:
        """Skills each item teaches, float32 [num_items]."""
        return np.asarray(self._teaches.sum(axis=1), np.float32)

    def skill_share(
        self, histories: Histories, owners: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """Share of the skills of items (int [m]) that the owner's courses teach; [m]."""
        mine = self._held(histories)[owners]
        shared = np.asarray(mine.multiply(self._teaches[items]).sum(axis=1))
        return np.asarray(shared / np.maximum(self.num_skills[items], 1), np.float32)

    def _held(self, histories: Histories) -> sp.csr_array:
        """Learner by skill, 1 where a course taken teaches it."""
        held = sp.csr_array(histories.matrix(self.dataset.num_items) @ self._teaches)
        held.data[:] = 1.0
        return held

    def readiness(self, histories: Histories, owners: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Share of required courses taken, 1 where none is required; float32 [m]."""
        size = self.dataset.num_items
        requires = _binary(self.dataset.item_requires, size, size)
        wanted = np.asarray(requires.sum(axis=1))[items]
        taken = histories.matrix(size)[owners]
        met = np.asarray(taken.multiply(requires[items]).sum(axis=1))
        return np.where(wanted > 0, met / np.maximum(wanted, 1), 1).astype(np.float32)

    def gap_per_hour(
        self, histories: Histories, owners: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """Share of the role's needs, not yet held, that items teach, by hour; [m]."""
        assert self.needs is not None  # noqa: S101 - active only with roles
        held = self._held(histories)
        missing = sp.csr_array(self.needs - self.needs.multiply(held))
        closed = np.asarray(missing[owners].multiply(self._teaches[items]).sum(axis=1))
        wanted = np.asarray(self.needs.sum(axis=1))[owners]
        hours = np.ones(len(items)) if self.hours is None else np.maximum(self.hours[items], 1)
        return np.asarray(closed / np.maximum(wanted, 1) / hours, np.float32)

    @cached_property
    def log_hours(self) -> np.ndarray:
        """Log of 1 + hours, float32 [num_items]."""
        none = np.zeros(self.dataset.num_items, np.float32)
        return none if self.hours is None else np.log1p(self.hours)

    def level_step(self, histories: Histories, owners: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Level of items minus the mean of the courses taken, 0 unknown; float32 [m]."""
        assert self.levels is not None  # noqa: S101 - active only with levels
        levels = self.levels[histories.items]
        is_known, rows = levels >= 0, histories.owners()
        counts = np.bincount(rows[is_known], minlength=len(histories))
        totals = np.bincount(rows[is_known], levels[is_known], minlength=len(histories))
        mean = totals / np.maximum(counts, 1)
        is_told = (self.levels[items] >= 0) & (counts[owners] > 0)
        return np.where(is_told, self.levels[items] - mean[owners], 0).astype(np.float32)


def _binary(edges: np.ndarray, rows: int, columns: int) -> sp.csr_array:
    """A matrix with 1 at each edge (int [2, E]), float32."""
    ones = np.ones(edges.shape[1], np.float32)
    matrix = sp.csr_array((ones, (edges[0], edges[1])), shape=(rows, columns))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix

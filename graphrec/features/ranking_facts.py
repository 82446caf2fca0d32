"""What the ranking layer knows of courses: counts by moment, skills, levels, hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import scipy.sparse as sp

from graphrec.dataset import Dataset, Histories

DAY_MS = 86_400_000
WINDOW_MS = 30 * DAY_MS
"""Trend compares this window before a moment with the one before it."""

_NO_EDGES = np.zeros((2, 0), np.int64)


@dataclass(frozen=True)
class CourseFacts:
    """Facts of courses, from what is learned from and never from what is held out.

    Attributes:
        num_items: Courses.
        event_counts: int64 [num_items], events of each course whose time is known.
        event_times: int64 [e] epoch ms, course by course, ascending within one.
        item_skill: int64 [2, E]: course, skill taught.
        item_requires: int64 [2, E]: course, course it requires.
        hours: float32 [num_items], 0 unknown; None: nobody says.
        levels: float32 [num_items], -1 unknown; None: nobody says.
        role_ids: Of the catalogue.
        role_needs: int64 [2, E]: row of ``role_ids``, skill it needs.
    """

    num_items: int
    event_counts: np.ndarray
    event_times: np.ndarray
    item_skill: np.ndarray
    item_requires: np.ndarray
    hours: np.ndarray | None = None
    levels: np.ndarray | None = None
    role_ids: tuple[str, ...] = ()
    role_needs: np.ndarray = field(default_factory=lambda: _NO_EDGES)

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        *,
        hours: np.ndarray | None = None,
        levels: np.ndarray | None = None,
        role_ids: Sequence[str] = (),
        role_needs: np.ndarray = _NO_EDGES,
    ) -> Self:
        """Facts of a dataset's courses; what is not in a dataset is given beside it."""
        histories = dataset.histories
        known = np.zeros(len(histories.items), bool)
        times = np.zeros(len(histories.items), np.int64)
        if histories.times is not None:
            known, times = histories.times >= 0, histories.times
        items, times = histories.items[known], times[known]
        return cls(
            dataset.num_items,
            np.bincount(items, minlength=dataset.num_items).astype(np.int64),
            times[np.lexsort((times, items))],
            dataset.item_skill,
            dataset.item_requires,
            hours,
            levels,
            tuple(role_ids),
            role_needs,
        )

    def state(self) -> dict[str, np.ndarray]:
        """As arrays, without ``role_ids``."""
        arrays = {
            "event_counts": self.event_counts,
            "event_times": self.event_times,
            "item_skill": self.item_skill,
            "item_requires": self.item_requires,
            "role_needs": self.role_needs,
        }
        optional = {"hours": self.hours, "levels": self.levels}
        return arrays | {name: array for name, array in optional.items() if array is not None}

    @classmethod
    def from_state(cls, arrays: Mapping[str, np.ndarray], role_ids: Sequence[str]) -> Self:
        """The facts whose ``state()`` this is.

        Raises:
            ValueError: They do not fit together.
        """
        counts, times = arrays["event_counts"], arrays["event_times"]
        num_items = len(counts)
        for name, size in (("item_skill", num_items), ("role_needs", len(role_ids))):
            if arrays[name].shape[1] and int(arrays[name][0].max()) >= size:
                raise ValueError(f"{name} names a row beyond {size}")
        if int(counts.sum()) != len(times):
            raise ValueError(f"{len(times)} times for {int(counts.sum())} events")
        return cls(
            num_items,
            counts,
            times,
            arrays["item_skill"],
            arrays["item_requires"],
            arrays.get("hours"),
            arrays.get("levels"),
            tuple(role_ids),
            arrays["role_needs"],
        )

    @cached_property
    def has(self) -> frozenset[str]:
        """What the data has, by the words of ``Feature.needs``."""
        told = {
            "times": len(self.event_times) > 0,
            "skills": self.item_skill.shape[1] > 0,
            "prerequisites": self.item_requires.shape[1] > 0,
            "hours": self.hours is not None and bool((self.hours > 0).any()),
            "levels": self.levels is not None and bool((self.levels >= 0).any()),
            "roles": self.role_needs.shape[1] > 0,
        }
        return frozenset(name for name, holds in told.items() if holds)

    @cached_property
    def newest(self) -> int:
        """Epoch ms of the newest event, -1 without."""
        return int(self.event_times.max(initial=-1))

    def rows_of_roles(self, role_ids: Sequence[str | None], num: int) -> np.ndarray:
        """Row of each learner's role, -1 where it is unknown; int64 [num].

        Args:
            role_ids: The role each of ``num`` learners aims at; () where nobody says.
            num: Learners.
        """
        rows = [self._role_rows.get(role_id or "", -1) for role_id in role_ids]
        return np.asarray(rows, np.int64) if rows else np.full(num, -1, np.int64)

    @cached_property
    def _role_rows(self) -> dict[str, int]:
        return {role_id: row for row, role_id in enumerate(self.role_ids)}

    @cached_property
    def _times(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct times, and one ascending key of item and time of each event."""
        distinct, places = np.unique(self.event_times, return_inverse=True)
        items = np.repeat(np.arange(self.num_items), self.event_counts)
        return distinct, items * (len(distinct) + 1) + places

    @cached_property
    def first_times(self) -> np.ndarray:
        """Epoch ms of each item's first event, -1 without; int64 [num_items]."""
        found = np.full(self.num_items, -1, np.int64)
        has_any = self.event_counts > 0
        starts = np.cumsum(self.event_counts) - self.event_counts
        found[has_any] = self.event_times[starts[has_any]]
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
    def _size(self) -> int:
        """Skills that anything here names."""
        edges = (self.item_skill[1], self.role_needs[1])
        return 1 + max(int(skills.max(initial=-1)) for skills in edges)

    @cached_property
    def _teaches(self) -> sp.csr_array:
        """Item by skill, 1 where taught; float32."""
        return _binary(self.item_skill, self.num_items, self._size)

    @cached_property
    def _requires(self) -> sp.csr_array:
        return _binary(self.item_requires, self.num_items, self.num_items)

    @cached_property
    def _needs(self) -> sp.csr_array:
        """Role by skill, 1 where needed, and a last row of zeros: the role of nobody."""
        return _binary(self.role_needs, len(self.role_ids) + 1, self._size)

    @cached_property
    def num_skills(self) -> np.ndarray:
        """Skills each item teaches, float32 [num_items]."""
        return np.asarray(self._teaches.sum(axis=1), np.float32)

    def held(self, histories: Histories) -> sp.csr_array:
        """Learner by skill, 1 where a course taken teaches it; float32."""
        held = sp.csr_array(histories.matrix(self.num_items) @ self._teaches)
        held.data[:] = 1.0
        return held

    def skill_share(self, held: sp.csr_array, owners: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Share of the skills of items (int [m]) that their owner holds; float32 [m]."""
        shared = _overlap(self._teaches, items, held, owners)
        return np.asarray(shared / np.maximum(self.num_skills[items], 1), np.float32)

    def readiness(self, histories: Histories, owners: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Share of required courses taken, 1 where none is required; float32 [m]."""
        wanted = np.diff(self._requires.indptr)[items]
        met = _overlap(self._requires, items, histories.matrix(self.num_items), owners)
        return np.where(wanted > 0, met / np.maximum(wanted, 1), 1).astype(np.float32)

    def gap_per_hour(
        self, roles: np.ndarray, held: sp.csr_array, owners: np.ndarray, items: np.ndarray
    ) -> np.ndarray:
        """Share of the role's needs, not yet held, that items teach, by hour; float32 [m].

        Args:
            roles: int [n], row of each learner's role, -1 without one.
            held: As ``held`` gives it.
            owners: int [m].
            items: int [m].
        """
        needs = self._needs[np.where(roles < 0, len(self.role_ids), roles)]
        closed = _overlap(self._teaches, items, sp.csr_array(needs - needs.multiply(held)), owners)
        wanted = np.diff(needs.indptr)[owners]
        hours = np.ones(len(items)) if self.hours is None else np.maximum(self.hours[items], 1)
        return np.asarray(closed / np.maximum(wanted, 1) / hours, np.float32)

    @cached_property
    def log_hours(self) -> np.ndarray:
        """Log of 1 + hours, float32 [num_items]."""
        none = np.zeros(self.num_items, np.float32)
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


_CELLS = 10_000_000
"""Of the dense rows of learners that are looked into at once."""


def _overlap(
    matrix: sp.csr_array, items: np.ndarray, given: sp.csr_array, owners: np.ndarray
) -> np.ndarray:
    """Inner products of rows of two matrices with the same columns.

    Args:
        matrix: Binary [num_items, c].
        items: int [m], rows of ``matrix``.
        given: float32 [n, c].
        owners: int [m], rows of ``given``, ascending.

    Returns:
        float32 [m].
    """
    found = np.zeros(len(items), np.float32)
    step = int(np.clip(_CELLS // max(matrix.shape[1], 1), 1, 256))
    for start in range(0, given.shape[0], step):
        low, high = np.searchsorted(owners, [start, start + step])
        rows = items[low:high]
        dense = given[start : start + step].toarray()
        counts = np.diff(matrix.indptr)[rows]
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0)
        columns = matrix.indices[places + np.repeat(matrix.indptr[rows] - ends + counts, counts)]
        of = np.repeat(np.arange(len(rows)), counts)
        values = dense[owners[low:high][of] - start, columns]
        found[low:high] = np.bincount(of, values, minlength=len(rows))
    return found


def _binary(edges: np.ndarray, rows: int, columns: int) -> sp.csr_array:
    """A matrix with 1 at each edge (int [2, E]), float32."""
    ones = np.ones(edges.shape[1], np.float32)
    matrix = sp.csr_array((ones, (edges[0], edges[1])), shape=(rows, columns))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix

"""What a snapshot holds that an older one does not: row by row, not by time.

Events come late and out of order, so that nothing can be told from when they happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.schema import TABLES

EDGES = ("teaches", "requires", "skill_prerequisites", "needs")
"""Tables of edges, in the order in which they are told."""

Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class Changes:
    """How many rows are new, by what they are.

    Attributes:
        interactions: Events.
        learners: Learners, with events or without.
        courses: Courses.
        edges: Edges, by table; only tables with new ones.
        changed_courses: Known courses of which something else is said.
        gone_interactions: Events of the older snapshot that are no longer there.
        gone_courses: Ids of the courses that are no longer there.
    """

    interactions: int = 0
    learners: int = 0
    courses: int = 0
    edges: Mapping[str, int] = field(default_factory=dict)
    changed_courses: int = 0
    gone_interactions: int = 0
    gone_courses: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether the models would be asked to learn nothing."""
        counts = (self.interactions, self.courses, self.changed_courses, self.gone_interactions)
        return not any(counts) and not self.edges and not self.gone_courses

    def describe(self) -> str:
        """One line."""
        told = [
            (self.interactions, "interactions"),
            (self.learners, "learners"),
            (self.courses, "courses"),
            (sum(self.edges.values()), "edges"),
        ]
        line = ", ".join(f"{number:,} {what}" for number, what in told)
        changed = f"; {self.changed_courses:,} courses changed" * bool(self.changed_courses)
        gone = f"; {self.gone_interactions:,} interactions gone" * bool(self.gone_interactions)
        return f"{line} new{changed}{gone}"

    def as_json(self) -> dict[str, Any]:
        """What is new, as a manifest tells it."""
        return {
            "interactions": self.interactions,
            "learners": self.learners,
            "courses": self.courses,
            "edges": dict(self.edges),
            "changed_courses": self.changed_courses,
            "gone_interactions": self.gone_interactions,
        }


def find_changes(old: Tables, new: Tables) -> Changes:
    """Compare the native tables of two snapshots.

    Args:
        old: Native tables (``graphrec.schema``); absent ones count as empty.
        new: The same of the later snapshot.
    """
    events = _hashes(old, "interactions"), _hashes(new, "interactions")
    ids = _hashes(old, "courses"), _hashes(new, "courses")
    whole = _hashes(old, "courses", whole=True), _hashes(new, "courses", whole=True)
    is_known = np.isin(ids[1], ids[0])
    edges = {name: _count(_hashes(new, name), _hashes(old, name)) for name in EDGES}
    gone = ~np.isin(ids[0], ids[1])
    courses = _ids(old, "courses")
    return Changes(
        interactions=_count(events[1], events[0]),
        learners=_count(_hashes(new, "learners"), _hashes(old, "learners")),
        courses=int((~is_known).sum()),
        edges={name: count for name, count in edges.items() if count},
        changed_courses=int((is_known & ~np.isin(whole[1], whole[0])).sum()),
        gone_interactions=_count(events[0], events[1]),
        gone_courses=tuple(courses[row] for row in np.flatnonzero(gone)),
    )


def _count(rows: np.ndarray, others: np.ndarray) -> int:
    """How many of ``rows`` are not among ``others``."""
    return int((~np.isin(rows, others)).sum())


def _ids(tables: Tables, name: str) -> list[str]:
    table = tables.get(name)
    return [] if table is None else table[TABLES[name].key[0]].to_pylist()


def _hashes(tables: Tables, name: str, *, whole: bool = False) -> np.ndarray:
    """A 64-bit hash of each row's key, or of the whole row; uint64 [rows]."""
    table = tables.get(name)
    if table is None or not table.num_rows:
        return np.zeros(0, np.uint64)
    columns = table.schema.names if whole else TABLES[name].key
    total = np.zeros(table.num_rows, np.uint64)
    for column in columns:
        # Of the same values the same bits, whether nulls stand beside them or not.
        kind = table.schema.field(column).type
        if pa.types.is_string(kind):
            encoded = pc.fill_null(table[column], "\0").combine_chunks().dictionary_encode()
            words = np.asarray(encoded.dictionary.to_pylist(), object)
            parts = pd.util.hash_array(words, categorize=False)[encoded.indices.to_numpy()]
        else:
            lowest = np.finfo(float).min if pa.types.is_floating(kind) else None
            values = _filled(table[column], lowest)
            parts = pd.util.hash_array(values)
        total = total * np.uint64(1_000_003) ^ parts
    return total


def _filled(column: pa.ChunkedArray, lowest: float | None) -> np.ndarray:
    if lowest is not None:
        return np.asarray(pc.fill_null(column, lowest).to_numpy())
    whole = column.cast(pa.int64())
    return np.asarray(pc.fill_null(whole, int(np.iinfo(np.int64).min)).to_numpy())

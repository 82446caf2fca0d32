"""All learners' interactions as columns in memory: a look-up costs microseconds, not queries.

Only where one process owns the graph, which then knows of every change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from graphrec.schema import INTERACTION_TYPES

MAX_ROWS = 5_000_000
"""Interactions kept, some 30 bytes each; a larger graph is asked learner by learner."""


class LearnerTable:
    """Rows of every learner, as exported.

    Args:
        tables: ``learners``, ``interactions`` and ``holds``, as the graph exports them.
    """

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        interactions = tables["interactions"]
        owners = interactions["learner_id"].combine_chunks().dictionary_encode()
        codes = owners.indices.to_numpy(zero_copy_only=False)
        courses = interactions["course_id"].combine_chunks().dictionary_encode()
        self._courses = courses.dictionary.to_pylist()
        course = courses.indices.to_numpy(zero_copy_only=False)
        kind = _positions(interactions["type"], pa.array(INTERACTION_TYPES))
        at, seq = _nullable(interactions["at"]), _nullable(interactions["seq"])
        # The order of the query learner_history, so that both ways say the same.
        moments = [np.where(known, values, -1) for values, known in filter(None, (seq, at))]
        names = _ranks(INTERACTION_TYPES)[kind], _ranks(self._courses)[course]
        order = np.lexsort((*names, *moments, codes))
        self._course, self._type = course[order], kind[order].astype(np.int8)
        self._at, self._seq = _reordered(at, order), _reordered(seq, order)
        ends = np.cumsum(np.bincount(codes, minlength=len(owners.dictionary)))
        self._spans = dict(
            zip(
                owners.dictionary.to_pylist(),
                zip(np.append([0], ends[:-1]).tolist(), ends.tolist(), strict=True),
                strict=True,
            )
        )
        self._profiles = {row["learner_id"]: row for row in tables["learners"].to_pylist()}
        self._holds: dict[str, list[dict[str, Any]]] = {}
        for row in tables["holds"].to_pylist():
            self._holds.setdefault(row["learner_id"], []).append(row)

    def profile(self, learner_id: str) -> dict[str, Any] | None:
        """Roles of a learner; None for an unknown one."""
        return self._profiles.get(learner_id)

    def by_last_activity(self) -> list[str]:
        """Learners with interactions, the latest active first where times are known."""
        ids = list(self._spans)
        if self._at is None or not ids:
            return ids
        starts = [start for start, _ in self._spans.values()]
        latest = np.maximum.reduceat(self._at[0], starts)
        return [ids[row] for row in np.argsort(-latest, kind="stable")]

    def holds(self, learner_id: str) -> list[dict[str, Any]]:
        """Assessed skills of a learner."""
        return self._holds.get(learner_id, [])

    def rows(self, learner_id: str) -> list[dict[str, Any]]:
        """Interactions of a learner: course_id, type, at, seq."""
        start, end = self._spans.get(learner_id, (0, 0))
        columns = (self._course, self._type)
        course, kind = (column[start:end].tolist() for column in columns)
        at, seq = (_pylist(column, start, end) for column in (self._at, self._seq))
        return [
            {"course_id": self._courses[c], "type": INTERACTION_TYPES[t], "at": a, "seq": s}
            for c, t, a, s in zip(course, kind, at, seq, strict=True)
        ]


_Nullable = tuple[np.ndarray, np.ndarray] | None


def _positions(column: pa.ChunkedArray, names: pa.Array) -> np.ndarray:
    """Position of each value among ``names``, int64."""
    encoded = column.combine_chunks().dictionary_encode()
    lookup = np.array([names.index(value).as_py() for value in encoded.dictionary], np.int64)
    return np.asarray(lookup[encoded.indices.to_numpy(zero_copy_only=False)])


def _ranks(names: Sequence[str]) -> np.ndarray:
    """Place of each name in sorted order, int64 [n]."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks


def _nullable(column: pa.ChunkedArray) -> _Nullable:
    """Values int64 and whether they are known; None where none is."""
    if column.null_count == len(column):
        return None
    return column.fill_null(0).to_numpy(), column.is_valid().to_numpy()


def _reordered(column: _Nullable, order: np.ndarray) -> _Nullable:
    return None if column is None else (column[0][order], column[1][order])


def _pylist(column: _Nullable, start: int, end: int) -> list[int | None]:
    if column is None:
        return [None] * (end - start)
    values, known = (part[start:end].tolist() for part in column)
    return [value if is_known else None for value, is_known in zip(values, known, strict=True)]

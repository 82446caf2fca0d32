"""Stage 1, EVENTS: the one place where rows of a source are found good or refused.

In comes a ``SourceBatch``; out go rows of the full native schema that may be written.
Every other row is in the quarantine, with its file, line and reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.events.quarantine import Quarantine
from graphrec.events.schema import (
    MAX_AT_MS,
    MAX_ID_CHARS,
    MIN_AT_MS,
    MIN_PUBLISHED_MS,
)
from graphrec.events.source import SourceBatch
from graphrec.events.values import as_mask, single, to_float, to_text, to_time, to_truth, to_whole
from graphrec.schema import INTERACTION_TYPES, TABLES, TableSpec

_TIMES = frozenset({"at", "published_at"})
_IDS = frozenset({"role_id", "target_role_id", "event_id", "any_of"})


@dataclass(frozen=True)
class CheckedBatch:
    """Rows that may be written.

    Attributes:
        table: Name of the native table.
        rows: Full native schema.
        file: The source's file.
        lines: int64 [rows], where each row starts.
        given: The columns that the source has; the others are null throughout.
        implied: Node table -> distinct ids named here and known nowhere, to be created.
    """

    table: str
    rows: pa.Table
    file: str
    lines: np.ndarray
    given: frozenset[str]
    implied: Mapping[str, pa.Array]


class Faults:
    """The first reason against each row of a batch.

    Args:
        num_rows: Rows of the batch.
    """

    def __init__(self, num_rows: int) -> None:
        self.reasons = np.full(num_rows, None, dtype=object)

    def mark(self, bad: np.ndarray, reason: str) -> None:
        """Note ``reason`` for the rows of the bool [rows] mask that have none yet."""
        if bad.any():
            self.reasons[bad & ~self.mask] = reason

    @property
    def mask(self) -> np.ndarray:
        """Mask of the rows (bool), true where there is a reason."""
        return np.asarray(self.reasons != None, dtype=bool)  # noqa: E711 - elementwise

    def quarantine(self, batch: SourceBatch, quarantine: Quarantine) -> None:
        """Write every marked row, as the source has it, to the quarantine."""
        rows = np.flatnonzero(self.mask)
        if not rows.size:
            return
        refused = batch.rows.take(pa.array(rows)).to_pylist()
        for row, values in zip(rows, refused, strict=True):
            line = int(batch.lines[row])
            quarantine.add(batch.table, batch.file, line, str(self.reasons[row]), values)


def check_batch(
    batch: SourceBatch,
    known: Mapping[str, pa.Array],
    implied: Collection[str],
    quarantine: Quarantine,
) -> CheckedBatch:
    """Type, check and refer the rows of a batch.

    Args:
        batch: Rows as a reader yields them.
        known: Node table -> the ids that exist, in the graph or earlier in the source.
        implied: Node tables whose unknown ids are to be created, not refused.
        quarantine: Takes the refused rows.

    Returns:
        The good rows, in their order.
    """
    spec = TABLES[batch.table]
    faults = Faults(batch.rows.num_rows)
    rows = _typed(spec, batch.rows, faults)
    for name in spec.required:
        faults.mark(as_mask(pc.is_null(rows.column(name))), f"{name} is empty")
    _check_ranges(rows, faults)
    created = _check_references(spec, rows, known, implied, faults)
    faults.quarantine(batch, quarantine)
    good = ~faults.mask
    return CheckedBatch(
        batch.table,
        rows.filter(pa.array(good)),
        batch.file,
        batch.lines[good],
        frozenset(batch.rows.column_names) & frozenset(spec.schema.names),
        created,
    )


def _typed(spec: TableSpec, rows: pa.Table, faults: Faults) -> pa.Table:
    columns = []
    for field in spec.schema:
        if field.name not in rows.column_names:
            columns.append(pa.nulls(rows.num_rows, field.type))
            continue
        read, said = _converter(field)
        values, bad = read(single(rows.column(field.name)))
        faults.mark(bad, f"{field.name} is not {said}")
        columns.append(values)
    return pa.table(columns, schema=spec.schema)


def _converter(field: pa.Field) -> tuple[Callable[[pa.Array], tuple[pa.Array, np.ndarray]], str]:
    if field.name in _TIMES:
        return to_time, "a time (epoch milliseconds or ISO 8601)"
    if pa.types.is_integer(field.type):
        return to_whole, "a whole number"
    if pa.types.is_floating(field.type):
        return to_float, "a finite number"
    if pa.types.is_boolean(field.type):
        return to_truth, "true or false"
    return to_text, "text"


def _check_ranges(rows: pa.Table, faults: Faults) -> None:
    for name in rows.column_names:
        column = rows.column(name)
        if pa.types.is_string(column.type):
            _check_text(name, column, faults)
    checks = {
        "hours": (0.0, None, "is negative"),
        "seq": (0, None, "is negative"),
        "progress": (0.0, 1.0, "is outside 0..1"),
        "at": (MIN_AT_MS, MAX_AT_MS, "is outside the years 1970 to 2100"),
        "published_at": (MIN_PUBLISHED_MS, MAX_AT_MS, "is outside the years 1800 to 2100"),
    }
    for name in checks.keys() & set(rows.column_names):
        low, high, said = checks[name]
        outside = pc.less(rows.column(name), low)
        if high is not None:
            outside = pc.or_(outside, pc.greater(rows.column(name), high))
        faults.mark(as_mask(outside), f"{name} {said}")


def _check_text(name: str, column: pa.ChunkedArray, faults: Faults) -> None:
    if name == "type":
        known = pc.is_in(column, value_set=pa.array(INTERACTION_TYPES))
        faults.mark(
            as_mask(pc.and_(pc.is_valid(column), pc.invert(known))),
            f"type is not one of {', '.join(INTERACTION_TYPES)}",
        )
    elif name.endswith("_id") or name in _IDS:
        long = pc.greater(pc.utf8_length(column), MAX_ID_CHARS)
        faults.mark(as_mask(long), f"{name} is longer than {MAX_ID_CHARS} characters")
        control = pc.match_substring_regex(column, r"\p{Cc}")
        faults.mark(as_mask(control), f"{name} holds a control character")
        padded = pc.match_substring_regex(column, r"^\s|\s$")
        faults.mark(as_mask(padded), f"{name} begins or ends with white space")
    else:
        faults.mark(as_mask(pc.match_substring(column, "\0")), f"{name} holds a zero character")


def _check_references(
    spec: TableSpec,
    rows: pa.Table,
    known: Mapping[str, pa.Array],
    implied: Collection[str],
    faults: Faults,
) -> dict[str, pa.Array]:
    unknown: dict[str, list[pa.ChunkedArray]] = {}
    dangling: list[tuple[str, str, pa.ChunkedArray]] = []
    for name, table in spec.references.items():
        if table == "learners":  # created by what names them
            continue
        column = rows.column(name)
        is_known = pc.is_in(column, value_set=known[table])
        missing = pc.and_(pc.is_valid(column), pc.invert(is_known))
        if table in implied:
            dangling.append((name, table, missing))
        else:
            faults.mark(as_mask(missing), f"{name} is not among the {table}")
    for name, table, missing in dangling:  # of good rows only, so after every other check
        named = rows.column(name).filter(pa.array(as_mask(missing) & ~faults.mask))
        unknown.setdefault(table, []).append(named)
    return {
        table: pc.unique(pa.chunked_array([c for n in named for c in n.chunks], pa.string()))
        for table, named in unknown.items()
    }

"""Stage 2, GRAPH: native rows made ready for an engine, matched by key, and back again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graphrec.errors import InputError
from graphrec.schema import INTERACTION_TYPES, TABLES, TableSpec

_UNIT = "\x1f"  # between the parts of a key; never inside an id that a reader lets pass
_ABSENT = "\x00"


def prepare(table: str, rows: pa.Table) -> pa.Table:
    """Check rows and give each key once, the last row of it winning.

    Args:
        table: Native table.
        rows: Its columns, in any order; a column left out is null.

    Returns:
        ``TABLES[table].schema``, "" read as null.

    Raises:
        InputError: An unknown table or column, an empty required value, an unknown type.
    """
    spec = spec_of(table)
    unknown = set(rows.column_names) - set(spec.schema.names)
    if unknown:
        raise InputError(f"'{sorted(unknown)[0]}' is no column of {table}.", where=table)
    clean = _conform(spec, rows)
    for name in spec.required:
        if clean[name].null_count:
            raise InputError(
                f"A row without {name}.", where=table, remedy="Every row needs its ids."
            )
    if table == "interactions":
        kinds = pc.is_in(clean["type"], pa.array(INTERACTION_TYPES))
        if not pc.all(kinds, min_count=0).as_py():
            wrong = clean.filter(pc.invert(kinds))["type"][0].as_py()
            raise InputError(
                f"'{wrong}' is no type of interaction.",
                where="interactions.type",
                remedy=f"One of: {', '.join(INTERACTION_TYPES)}.",
            )
    return _last_of_each(table, clean)


def spec_of(table: str) -> TableSpec:
    """The declaration of a native table.

    Raises:
        InputError: There is no such table.
    """
    if table not in TABLES:
        raise InputError(f"There is no table '{table}'.", remedy=f"One of: {', '.join(TABLES)}.")
    return TABLES[table]


def _conform(spec: TableSpec, rows: pa.Table) -> pa.Table:
    columns = []
    for column in spec.schema:
        if column.name not in rows.column_names:
            columns.append(pa.nulls(rows.num_rows, column.type))
            continue
        values = rows[column.name].cast(column.type)
        if pa.types.is_string(column.type):
            values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
        columns.append(values)
    return pa.table(columns, schema=spec.schema)


def _last_of_each(table: str, rows: pa.Table) -> pa.Table:
    # Both engines answer a key that comes twice in one batch differently: so it never does.
    keys = row_keys(table, rows)
    if pc.count_distinct(keys).as_py() == rows.num_rows:
        return rows
    last = (
        pa.table({"key": keys, "row": pa.array(range(rows.num_rows), pa.int64())})
        .group_by("key")
        .aggregate([("row", "max")])
    )
    return rows.take(last["row_max"].sort())


def row_keys(table: str, rows: pa.Table) -> pa.ChunkedArray:
    """What identifies each row in the graph, string [rows].

    An interaction that brings an event id is that event, of that learner, whatever else it
    says; without one it is what it says.
    """
    keys = joined(rows, TABLES[table].key)
    if table == "interactions":
        event = pc.binary_join_element_wise(rows["learner_id"], rows["event_id"], _UNIT)
        keys = pc.coalesce(event, keys)
    return keys


def joined(rows: pa.Table, columns: Sequence[str] | None = None) -> pa.ChunkedArray:
    """Columns (None: all) as one string a row that tells rows apart, string [rows]."""
    names = rows.column_names if columns is None else columns
    parts = [pc.fill_null(rows[name].cast(pa.string()), _ABSENT) for name in names]
    return pc.binary_join_element_wise(*parts, _UNIT)


def relation_keys(rows: pa.Table) -> pa.Array:
    """The ``key`` property of each interaction, string [rows]: its event id, else a hash."""
    digests = (
        key if event else hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        for key, event in _keys_and_events(rows)
    )
    return pa.array(digests, pa.string())


def _keys_and_events(rows: pa.Table) -> Iterator[tuple[str, bool]]:
    keys = row_keys("interactions", rows)
    for batch in pa.table({"key": keys, "event": rows["event_id"]}).to_batches():
        for key, event in zip(
            batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True
        ):
            yield (event, True) if event is not None else (key, False)


def matching(table: str, stored: pa.Table, rows: pa.Table) -> pa.Table:
    """Those of ``stored`` whose key is a key of ``rows``."""
    wanted = row_keys(table, rows)
    return stored.filter(pc.is_in(row_keys(table, stored), value_set=wanted))


def from_engine(table: str, rows: pa.Table) -> pa.Table:
    """What an engine returned, as ``TABLES[table].schema``: "" is null again."""
    clean = _conform(TABLES[table], rows)
    if table == "interactions":
        kind = clean.schema.get_field_index("type")
        clean = clean.set_column(kind, "type", pc.utf8_lower(clean["type"]))
    return clean


def ordered(table: str, rows: pa.Table) -> pa.Table:
    """Rows sorted by their key, nulls last: the same on every engine."""
    keys = [(name, "ascending") for name in TABLES[table].key]
    return rows.take(pc.sort_indices(rows, sort_keys=keys)).combine_chunks()


def for_engine(rows: pa.Table) -> pa.Table:
    """Rows as an engine takes them: null strings are ""."""
    columns = [
        pc.fill_null(rows[f.name], "") if pa.types.is_string(f.type) else rows[f.name]
        for f in rows.schema
    ]
    return pa.table(columns, schema=rows.schema)


def batches(rows: pa.Table, size: int) -> Iterator[list[dict[str, Any]]]:
    """Plain rows, at most ``size`` a time, never an empty batch."""
    for start in range(0, rows.num_rows, size):
        yield rows.slice(start, size).to_pylist()

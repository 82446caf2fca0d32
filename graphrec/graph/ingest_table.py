"""Stage 2, GRAPH: one table of an import: duplicates, conflicts, and what the graph has."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from graphrec.events.quarantine import Quarantine
from graphrec.events.validate import CheckedBatch
from graphrec.graph.ingest_keys import SeenRows, hash_rows
from graphrec.graph.store import GraphStore
from graphrec.schema import TableSpec

LOOKUP_ROWS = 1_000
"""Up to so many rows are looked up in the graph; more are compared with one export of it."""


class TableCounts(BaseModel):
    """Rows of one table: ``read`` is the sum of written, unchanged, duplicates, quarantined."""

    read: int = 0
    written: int = 0
    updated: int = 0
    """Of those written, the ones that were in the graph with other values."""
    unchanged: int = 0
    duplicates: int = 0
    quarantined: int = 0


class TableImport:
    """Takes the checked batches of one table.

    Args:
        store: The graph.
        spec: The table.
        quarantine: Takes rows that contradict an earlier row of the source.
        is_new: Whether the graph held no row of the table when the import began.
    """

    def __init__(
        self, store: GraphStore, spec: TableSpec, quarantine: Quarantine, *, is_new: bool
    ) -> None:
        self.counts = TableCounts()
        self._store = store
        self._spec = spec
        self._quarantine = quarantine
        self._is_new = is_new
        self._seen = SeenRows()
        self._files: list[str] = []
        self._stored: dict[tuple[str, ...], SeenRows] = {}

    def take(self, batch: CheckedBatch) -> None:
        """Write the rows of a batch that are new to the graph, or other than there."""
        if not batch.rows.num_rows:
            return
        keys = self._keys(batch.rows)
        values = hash_rows(batch.rows, self._spec.schema.names)
        places = self._places(batch)
        fresh = self._drop_repeated(batch, keys, values, places)
        self._seen.add(keys[fresh], values[fresh], places[fresh])
        self._write(batch, fresh, keys)

    def _keys(self, rows: pa.Table) -> np.ndarray:
        """Hashes of what identifies each row: its event id where it has one, else its key."""
        keys = hash_rows(rows, self._spec.key)
        if "event_id" not in rows.column_names:
            return keys
        events = hash_rows(rows, ["learner_id", "event_id"])
        return np.where(pc.is_valid(rows.column("event_id")).to_numpy(), events, keys)

    def _places(self, batch: CheckedBatch) -> np.ndarray:
        if batch.file not in self._files:
            self._files.append(batch.file)
        return (np.int64(self._files.index(batch.file)) << np.int64(40)) | batch.lines

    def _place(self, place: int) -> str:
        return f"{self._files[place >> 40]}:{place & ((1 << 40) - 1)}"

    def _drop_repeated(
        self, batch: CheckedBatch, keys: np.ndarray, values: np.ndarray, places: np.ndarray
    ) -> np.ndarray:
        """Rows (int64) whose key is new; repetitions are counted, contradictions refused."""
        repeated, same, earlier = _compare(self._seen, keys, values, places)
        self.counts.duplicates += int((repeated & same).sum())
        for row in np.flatnonzero(repeated & ~same):
            self._refuse(batch, int(row), "conflicts with an earlier row", earlier)
        return np.flatnonzero(~repeated)

    def _refuse(self, batch: CheckedBatch, row: int, reason: str, earlier: np.ndarray) -> None:
        values = batch.rows.slice(row, 1).to_pylist()[0]
        values["earlier"] = self._place(int(earlier[row]))
        self._quarantine.add(self._spec.name, batch.file, int(batch.lines[row]), reason, values)
        self.counts.quarantined += 1

    def _write(self, batch: CheckedBatch, fresh: np.ndarray, keys: np.ndarray) -> None:
        rows = batch.rows.take(pa.array(fresh))
        if self._is_new or not rows.num_rows:
            num_updated = 0
        else:
            rows, num_updated = self._changed(rows, keys[fresh], batch.given)
        self.counts.unchanged += len(fresh) - rows.num_rows
        if rows.num_rows:
            self._store.write(self._spec.name, rows)
        self.counts.written += rows.num_rows
        self.counts.updated += num_updated

    def _changed(
        self, rows: pa.Table, keys: np.ndarray, given: frozenset[str]
    ) -> tuple[pa.Table, int]:
        """Rows that the graph lacks or has otherwise, and how many of the latter."""
        names = sorted(given)
        if rows.num_rows > LOOKUP_ROWS:
            is_stored, stored_values, _ = self._stored_rows(names).find(keys)
            is_same = is_stored & (hash_rows(rows, names) == stored_values)
            rows, keys = rows.filter(pa.array(~is_same)), keys[~is_same]
            if not (is_stored & ~is_same).any():
                return rows, 0
        stored = self._store.existing(self._spec.name, rows)
        if not stored.num_rows:
            return rows, 0
        stored_keys = self._keys(stored)
        order = np.argsort(stored_keys)
        at = np.minimum(np.searchsorted(stored_keys, keys, sorter=order), len(order) - 1)
        match = order[at]
        is_stored = stored_keys[match] == keys
        rows = self._keep_absent(rows, stored.take(pa.array(match)), is_stored, given)
        every = self._spec.schema.names
        is_same = is_stored & (hash_rows(rows, every) == hash_rows(stored, every)[match])
        return rows.filter(pa.array(~is_same)), int((is_stored & ~is_same).sum())

    def _stored_rows(self, names: list[str]) -> SeenRows:
        """What the graph held when the import came to this table: one export, as hashes."""
        key = tuple(names)
        if key not in self._stored:
            stored = self._store.export(self._spec.name)
            held = SeenRows()
            places = np.zeros(stored.num_rows, dtype=np.int64)
            held.add(self._keys(stored), hash_rows(stored, names), places)
            self._stored = {key: held}  # files of one table rarely differ in their columns
        return self._stored[key]

    def _keep_absent(
        self, rows: pa.Table, stored: pa.Table, is_stored: np.ndarray, given: frozenset[str]
    ) -> pa.Table:
        """Fill columns that the source lacks with what the graph has."""
        for position, field in enumerate(self._spec.schema):
            if field.name not in given:
                column = pc.if_else(
                    pa.array(is_stored), stored.column(field.name), rows.column(field.name)
                )
                rows = rows.set_column(position, field, column)
        return rows


def _compare(
    seen: SeenRows, keys: np.ndarray, values: np.ndarray, places: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare rows with those of their key seen before, or with the first in this batch.

    Args:
        seen: Rows of earlier batches.
        keys: uint64 [n], hashes of the keys.
        values: uint64 [n], hashes of what must not differ within a key.
        places: int64 [n], where each row stands.

    Returns:
        Bool [n], whether there was an earlier row; bool [n], whether its values are the
        same; int64 [n], its place.
    """
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    is_seen, seen_values, seen_places = seen.find(keys)
    is_first = np.zeros(len(keys), dtype=bool)
    is_first[first] = True
    against = np.where(is_seen, seen_values, values[first][group])
    earlier = np.where(is_seen, seen_places, places[first][group])
    return is_seen | ~is_first, against == values, earlier

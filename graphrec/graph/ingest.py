"""Stage 2, GRAPH: a source's rows into the graph, in batches, idempotently.

In come ``SourceBatch`` es; out go transactions of rows that are new or changed, and an
``ImportSummary`` that accounts for every row: written, unchanged, duplicate, quarantined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from graphrec.events.source import Reader, ReadLog, SourceBatch
from graphrec.events.validate import CheckedBatch, check_batch
from graphrec.graph.ingest_cycles import PrerequisiteCycle, prerequisite_cycles
from graphrec.graph.ingest_table import TableCounts, TableImport
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

DEFAULT_BATCH_ROWS = 250_000
_NODES = tuple(name for name, spec in TABLES.items() if spec.node and name != "learners")
_CYCLIC = ("requires", "skill_prerequisites")
_EARLY_MS = 315_532_800_000  # 1980

Progress = Callable[[str, int], None]
"""Called with a table and the rows of it read so far."""


class QuarantineCount(BaseModel):
    """How many rows were refused for a reason, and the first places (``file:line``)."""

    model_config = ConfigDict(frozen=True)

    reason: str
    count: int
    examples: list[str]


class ImportSummary(BaseModel):
    """What became of every row of a source."""

    model_config = ConfigDict(frozen=True)

    source: str
    tables: dict[str, TableCounts]
    quarantined: list[QuarantineCount]
    quarantine_file: str | None = Field(description="None where nothing was refused.")
    cycles: list[PrerequisiteCycle]
    notes: list[str]
    warnings: list[str]
    graph: dict[str, int] = Field(description="Rows of each table in the graph afterwards.")
    seconds: float


def ingest(
    store: GraphStore,
    reader: Reader,
    *,
    batch_rows: int = DEFAULT_BATCH_ROWS,
    progress: Progress | None = None,
) -> ImportSummary:
    """Write what a reader yields; run again, it changes nothing.

    Each batch is a transaction: stopped in the middle, whole batches stay, and the same
    import again completes them. Within one source the first row of a key wins and a later
    one that says otherwise is quarantined; against the graph the source wins, and columns
    that it lacks keep their stored values.

    Args:
        store: The graph, migrated.
        reader: A reader whose ``check`` has passed.
        batch_rows: Rows a transaction at most.
        progress: Called after each batch.
    """
    started = time.perf_counter()
    run = _Run(store, reader.log, reader.implied)
    try:
        for batch in _rebatched(reader.batches(), batch_rows):
            run.take(batch)
            if progress:
                progress(batch.table, run.tables[batch.table].counts.read)
    finally:
        reader.log.quarantine.close()
    return run.summary(reader.source, time.perf_counter() - started)


def _rebatched(batches: Iterator[SourceBatch], batch_rows: int) -> Iterator[SourceBatch]:
    """The same rows in batches as large as may be: a transaction costs more than its rows."""
    held: list[SourceBatch] = []
    for batch in batches:
        rows = batch.rows.num_rows + sum(b.rows.num_rows for b in held)
        if held and (rows > batch_rows or not _belong_together(held[0], batch)):
            yield _joined(held)
            held = []
        for start in range(0, batch.rows.num_rows - batch_rows, batch_rows):
            yield _part(batch, start, start + batch_rows)
        rest = batch.rows.num_rows % batch_rows or min(batch_rows, batch.rows.num_rows)
        held.append(_part(batch, batch.rows.num_rows - rest, batch.rows.num_rows))
    if held:
        yield _joined(held)


def _belong_together(one: SourceBatch, other: SourceBatch) -> bool:
    return (one.table, one.file, one.rows.schema) == (other.table, other.file, other.rows.schema)


def _part(batch: SourceBatch, start: int, stop: int) -> SourceBatch:
    rows = batch.rows.slice(start, stop - start)
    return SourceBatch(batch.table, rows, batch.file, batch.lines[start:stop])


def _joined(held: list[SourceBatch]) -> SourceBatch:
    rows = pa.concat_tables(batch.rows for batch in held)
    lines = np.concatenate([batch.lines for batch in held])
    return SourceBatch(held[0].table, rows, held[0].file, lines)


class _Run:
    """One import: the ids known so far, and the state of each table."""

    def __init__(self, store: GraphStore, log: ReadLog, implied: frozenset[str]) -> None:
        self._store = store
        self._log = log
        self._implied = implied
        self._stored = store.counts()
        self.tables: dict[str, TableImport] = {}
        self._known = {name: self._stored_ids(name) for name in _NODES}
        self._num_created = dict.fromkeys(implied, 0)
        self._num_early = 0

    def _stored_ids(self, table: str) -> pa.Array:
        if not self._stored.get(table):
            return pa.array([], pa.string())
        return self._store.export(table).column(TABLES[table].key[0]).combine_chunks()

    def take(self, batch: SourceBatch) -> None:
        """Check a batch and write what is new in it."""
        table = self._table(batch.table)
        table.counts.read += batch.rows.num_rows
        checked = check_batch(batch, self._known, self._implied, self._log.quarantine)
        table.counts.quarantined += batch.rows.num_rows - checked.rows.num_rows
        for node_table, ids in checked.implied.items():
            self._create(node_table, ids)
        table.take(checked)
        if batch.table in self._known:
            ids = checked.rows.column(TABLES[batch.table].key[0])
            self._learn(batch.table, ids.combine_chunks())
        if "at" in checked.given:
            early = pc.sum(pc.less(checked.rows.column("at"), _EARLY_MS)).as_py()
            self._num_early += early or 0

    def _table(self, name: str) -> TableImport:
        if name not in self.tables:
            is_new = not self._stored.get(name)
            self.tables[name] = TableImport(
                self._store, TABLES[name], self._log.quarantine, is_new=is_new
            )
        return self.tables[name]

    def _create(self, table: str, ids: pa.Array) -> None:
        if not len(ids):
            return
        key = TABLES[table].key[0]
        columns = [
            ids if field.name == key else pa.nulls(len(ids), field.type)
            for field in TABLES[table].schema
        ]
        nodes = self._table(table)
        rows = pa.table(columns, schema=TABLES[table].schema)
        lines = np.zeros(len(ids), dtype=np.int64)
        nodes.counts.read += len(ids)
        nodes.take(CheckedBatch(table, rows, "(implied)", lines, frozenset([key]), {}))
        self._num_created[table] += len(ids)
        self._learn(table, ids)

    def _learn(self, table: str, ids: pa.Array) -> None:
        # An engine that answers is_in needs each value once.
        both = pa.chunked_array([self._known[table], ids], pa.string())
        self._known[table] = pc.unique(both)

    def summary(self, source: str, seconds: float) -> ImportSummary:
        """Account for everything taken."""
        quarantine, log = self._log.quarantine, self._log
        for name, num in quarantine.by_table.items():
            counts = self._table(name).counts
            counts.read += num - counts.quarantined  # lines that never became a row
            counts.quarantined = num
        for table, num in self._num_created.items():
            if num:
                log.warn(f"{num} {table} are named only by relations: created without a name")
        if self._num_early:
            log.warn(
                f"{self._num_early} times are before 1980; `at` is in milliseconds:"
                " multiply seconds by 1000"
            )
        reasons = [
            QuarantineCount(reason=r.reason, count=r.count, examples=r.examples)
            for r in quarantine.reasons
        ]
        return ImportSummary(
            source=source,
            tables={name: self.tables[name].counts for name in TABLES if name in self.tables},
            quarantined=reasons,
            quarantine_file=str(quarantine.path) if len(quarantine) else None,
            cycles=self._cycles(),
            notes=log.notes,
            warnings=log.warnings,
            graph=self._store.counts(),
            seconds=round(seconds, 3),
        )

    def _cycles(self) -> list[PrerequisiteCycle]:
        touched = [name for name in _CYCLIC if name in self.tables]
        return [
            cycle
            for name in touched
            for cycle in prerequisite_cycles(name, self._store.export(name))
        ]

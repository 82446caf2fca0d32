"""Stage 2, GRAPH: the embedded graph, LadybugDB in a folder; the only file that imports it.

One process owns the folder; inside it, any thread may read at any time (each reader sees a
snapshot), and writes queue behind one lock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import ladybug
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.errors import GraphrecError, QueryError, QueryLimitError, StoreError
from graphrec.graph import statements
from graphrec.graph.engine import EngineSession, MappedStore
from graphrec.graph.guests import Guests, is_full
from graphrec.graph.mapping import NODES, RELATIONS, NodeMap, RelationMap
from graphrec.graph.migrations import migrations
from graphrec.graph.own_query_rows import Limits, OwnAnswer
from graphrec.graph.owner import Owner
from graphrec.graph.rows import batches, joined
from graphrec.graph.store import Row

T = TypeVar("T")

MERGE_BATCH = 5_000
"""Rows of one UNWIND."""

COPY_FROM = 20_000
"""From so many rows on, COPY (200,000 rows/s, but a checkpoint a commit) beats MERGE."""

PLANS_HOLD_FOR = 5_000
"""Rows written after which connections are renewed: each caches its plans, and one made for
an empty table scans a full one (400 ms instead of 6)."""

SPARE_THREADS = 6
"""Threads of the engine above the processor's: each query holds one, and with a thread a core
two slow ones would keep every other reader waiting for seconds."""

_ARROW_CHUNK = 65_536


class LadybugStore(MappedStore):
    """The graph in a folder of this machine.

    Args:
        path: Folder; created where missing.
        buffer_mb: MiB of page cache.
        max_gb: GiB of address space the file may grow to.

    Raises:
        StoreOwnedError: Another process owns the folder.
        StoreError: The folder cannot be opened as a graph.
    """

    engine = "ladybug"

    def __init__(self, path: Path, *, buffer_mb: int = 1024, max_gb: int = 64) -> None:
        super().__init__()
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._owner = Owner(self.path)
        try:
            self._database = ladybug.Database(
                self.path / "graph.lbug",
                buffer_pool_size=buffer_mb << 20,
                max_db_size=max_gb << 30,
                max_num_threads=(os.cpu_count() or 1) + SPARE_THREADS,
            )
        except RuntimeError as error:
            self._owner.release()
            raise StoreError(
                f"The graph cannot be opened: {error}",
                where=str(self.path),
                remedy="Import again into another --store, or restore this folder from a copy.",
            ) from error
        self._idle: list[Any] = []
        self._pool = threading.Lock()
        self._write = threading.RLock()
        self._guests = Guests()
        self._closed = False
        self._written = 0
        self._generation = 0

    def migrate(self) -> None:
        """Bring the schema to the newest version; idempotent."""
        with self._write, self._connection() as session:
            session.rows(
                "CREATE NODE TABLE IF NOT EXISTS GraphMeta(id STRING PRIMARY KEY, version INT64)",
                {},
            )
            found = session.rows("MATCH (m:GraphMeta {id: 'schema'}) RETURN m.version AS v", {})
            done = found[0]["v"] if found else 0
            for version, texts in migrations(self.engine):
                if version > done:
                    with session.transaction("BEGIN TRANSACTION"):
                        self._migrate(session, version, texts)

    @staticmethod
    def _migrate(session: _Session, version: int, texts: list[str]) -> None:
        macros = {m["name"].lower() for m in session.rows("CALL show_macros() RETURN *", {})}
        for text in texts:
            is_macro = text.startswith("CREATE MACRO ")
            if is_macro and text.split()[2].partition("(")[0].lower() in macros:
                continue
            session.rows(text, {})
        session.rows(
            "MERGE (m:GraphMeta {id: 'schema'}) SET m.version = $version", {"version": version}
        )

    def _reading(self, work: Callable[[EngineSession], T]) -> T:
        return self._guests.beside(lambda: self._read_once(work))

    def _read_once(self, work: Callable[[EngineSession], T]) -> T:
        with self._connection() as session, session.transaction("BEGIN TRANSACTION READ ONLY"):
            return work(session)

    def _writing(self, work: Callable[[EngineSession], T]) -> T:
        return self._guests.beside(lambda: self._write_once(work))

    def _write_once(self, work: Callable[[EngineSession], T]) -> T:
        with self._write, self._connection() as session:
            with session.transaction("BEGIN TRANSACTION"):
                result = work(session)
            self._written += session.changed
            if self._written >= PLANS_HOLD_FOR:
                self._written = 0
                self._renew_connections()
            return result

    def _reading_own(self, text: str, values: Mapping[str, Any], limits: Limits) -> OwnAnswer:
        # A connection of its own: its timeout and its plans are no concern of the others.
        with self._pool:
            if self._closed:
                raise StoreError("This graph has been closed.", where=str(self.path))
            connection = ladybug.Connection(self._database, num_threads=1)
        with self._guests.enter(connection) as guest:
            connection.set_query_timeout(limits.timeout_ms)
            session = _Session(connection)
            try:
                with session.transaction("BEGIN TRANSACTION READ ONLY"):
                    return session.own(text, values, limits)
            except QueryError as error:
                if guest.is_evicted:
                    raise limits.too_large() from error
                raise _own_error(error, limits) from error

    def _renew_connections(self) -> None:
        with self._pool:
            self._generation += 1
            stale, self._idle = self._idle, []
        for connection in stale:
            connection.close()

    def clear(self) -> None:
        """Remove every node and relation; the schema stays."""
        # Deleting a million relations one by one takes a minute, dropping their table none.
        names = [rel.type for relations in RELATIONS.values() for rel in relations]
        names += [link.type for node in NODES.values() for link in node.links]
        names += [node.label for node in NODES.values()]
        with self._write, self._connection() as session:
            with session.transaction("BEGIN TRANSACTION"):
                for name in names:
                    session.rows(f"DROP TABLE IF EXISTS {name}", {})
                session.rows("MATCH (m:GraphMeta) DELETE m", {})
            self.migrate()

    def close(self) -> None:
        """Close the database and give the folder up; idempotent."""
        with self._write, self._pool:
            if self._closed:
                return
            self._closed = True
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._database.close()
            self._owner.release()

    @contextmanager
    def _connection(self) -> Iterator[_Session]:
        with self._pool:
            if self._closed:
                raise StoreError("This graph has been closed.", where=str(self.path))
            connection = self._idle.pop() if self._idle else None
            generation = self._generation
        if connection is None:
            # One thread each: a large export on more would stall every other reader.
            connection = ladybug.Connection(self._database, num_threads=1)
        try:
            yield _Session(connection)
        finally:
            with self._pool:
                keep = not self._closed and generation == self._generation
                if keep:
                    self._idle.append(connection)
            if not keep:
                connection.close()


class _Session:
    """One connection, used by one thread at a time."""

    point_lookups = 8  # .4 ms each by equality, 6 ms for all of them by IN

    def __init__(self, connection: Any) -> None:
        self.changed = 0
        self._connection = connection

    @contextmanager
    def transaction(self, begin: str) -> Iterator[None]:
        self.rows(begin, {})
        try:
            yield
            self.rows("COMMIT", {})
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        try:
            self.rows("ROLLBACK", {})
        except QueryError as error:
            if "No active transaction" not in str(error):  # an error has already ended it
                raise

    def _execute(self, text: str, parameters: Mapping[str, Any]) -> Any:
        try:
            return self._connection.execute(text, dict(parameters))
        except (RuntimeError, ValueError) as error:  # ValueError: a parameter's list
            raise QueryError(f"The graph engine refused: {error}") from error

    def rows(self, text: str, parameters: Mapping[str, Any]) -> list[Row]:
        result = self._execute(text, parameters)
        try:
            return list(result.rows_as_dict())
        finally:
            result.close()

    def own(self, text: str, parameters: Mapping[str, Any], limits: Limits) -> OwnAnswer:
        result = self._execute(text, parameters)
        try:
            return limits.collect(result.get_column_names(), _each(result))
        finally:
            result.close()

    def fetch(self, text: str, parameters: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
        result = self._execute(text, parameters)
        try:
            return result.get_as_arrow(_ARROW_CHUNK).rename_columns(schema.names).cast(schema)
        finally:
            result.close()

    def fetch_relations(self, relations: Sequence[RelationMap], schema: pa.Schema) -> pa.Table:
        return self.fetch(statements.select_relations(relations), {}, schema)

    def put_nodes(self, node: NodeMap, rows: pa.Table) -> None:
        rest = rows
        if rows.num_rows >= COPY_FROM:
            schema = pa.schema([(node.id_column, pa.string())])
            stored = self.fetch(f"MATCH (n:{node.label}) RETURN n.id AS id", {}, schema)
            fresh, rest = _split(rows, stored, [node.id_column])
            self._copy(node.label, fresh)
        self._merge(statements.upsert_node(node), rest, node.label)

    def put_relations(self, rel: RelationMap, rows: pa.Table) -> None:
        names = [rel.source_column, rel.target_column, *rel.identity, *rel.properties]
        rows = rows.select(names)
        rest = rows
        if rows.num_rows >= COPY_FROM:
            fresh, rest = self._split_relations(rel, rows)
            self._copy(rel.type, fresh)
        self._merge(statements.upsert_relation(rel), rest, rel.type)

    def _split_relations(self, rel: RelationMap, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Rows that are new, and rows that stand there already but say something else."""
        if not self.rows(statements.count_relations(rel), {})[0]["n"]:
            return rows, rows.slice(0, 0)
        columns = [f"a.id AS {rel.source_column}", f"b.id AS {rel.target_column}"]
        columns += [f"r.{name} AS {name}" for name in (*rel.identity, *rel.properties)]
        text = (
            f"MATCH (a:{rel.source})-[r:{rel.type}]->(b:{rel.target}) RETURN {', '.join(columns)}"
        )
        stored = self.fetch(text, {}, rows.schema)
        fresh, known = _split(rows, stored, [rel.source_column, rel.target_column, *rel.identity])
        return fresh, _split(known, stored, rows.column_names)[0]

    def _copy(self, name: str, rows: pa.Table) -> None:
        if rows.num_rows:
            self.changed += rows.num_rows
            try:
                self.rows(f"COPY {name} FROM $rows", {"rows": rows.combine_chunks()})
            except QueryError as error:
                if "Unable to find primary key" in str(error):
                    raise statements.dangling(name, 1) from error
                raise

    def _merge(self, text: str, rows: pa.Table, name: str) -> None:
        self.changed += rows.num_rows
        for batch in batches(rows, MERGE_BATCH):
            written = self.rows(text, {"rows": batch})[0]["written"]
            if written != len(batch):
                raise statements.dangling(name, len(batch) - written)


def _each(result: Any) -> Iterator[list[Any]]:
    while result.has_next():
        yield result.get_next()


def _own_error(error: QueryError, limits: Limits) -> GraphrecError:
    if isinstance(error, QueryLimitError):
        return error
    said = str(error.__cause__ or error)
    if said.startswith("Interrupted"):
        return limits.too_slow()
    if is_full(error):
        return limits.too_large()
    return limits.not_understood(said)


def _split(rows: pa.Table, stored: pa.Table, columns: list[str]) -> tuple[pa.Table, pa.Table]:
    """Rows whose ``columns`` are not among ``stored``, and those whose are."""
    known = pc.is_in(joined(rows, columns), value_set=joined(stored, columns))
    return rows.filter(pc.invert(known)), rows.filter(known)

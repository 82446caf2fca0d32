"""Stage 2, GRAPH: what both adapters do alike, over the few things an engine must offer.

An adapter gives an ``EngineSession`` (fetch a table, change rows) inside a transaction;
everything else (upserts by key, look-ups, exports, named queries) is here, once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from graphrec.graph import statements
from graphrec.graph.mapping import NODES, RELATIONS, NodeMap, RelationMap
from graphrec.graph.own_query import read_own
from graphrec.graph.own_query_rows import DEFAULT_ROWS, DEFAULT_TIMEOUT_S, Limits, OwnAnswer
from graphrec.graph.queries import QueryLibrary
from graphrec.graph.recursion import answer
from graphrec.graph.rows import from_engine, matching, ordered, prepare, spec_of
from graphrec.graph.store import GraphStore, Row
from graphrec.graph.writing import change_rows, write_nodes, write_relations

LOOKUP_IDS = 1_000
"""Up to so many nodes are looked up by id; more are answered by one export."""

T = TypeVar("T")


class EngineSession(Protocol):
    """One transaction of an engine.

    Attributes:
        point_lookups: Up to so many nodes it is quicker to ask for one after the other.
    """

    point_lookups: int

    def fetch(self, text: str, parameters: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
        """Rows of a read text; its columns are those of ``schema``, in order."""

    def fetch_relations(self, relations: Sequence[RelationMap], schema: pa.Schema) -> pa.Table:
        """All relations of one table, in any order."""

    def rows(self, text: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Rows of a text as plain dictionaries."""

    def put_nodes(self, node: NodeMap, rows: pa.Table) -> None:
        """Insert or replace nodes; strings are not null, ids are unique."""

    def put_relations(self, rel: RelationMap, rows: pa.Table) -> None:
        """Insert or replace relations.

        Raises:
            StoreError: An id referred to does not exist.
        """


class MappedStore(GraphStore):
    """A store that keeps the native tables by ``graphrec.graph.mapping``.

    Args:
        library: Named queries; None: those of the package.
    """

    def __init__(self, library: QueryLibrary | None = None) -> None:
        self.library = library or QueryLibrary.load()

    @abstractmethod
    def _reading(self, work: Callable[[EngineSession], T]) -> T:
        """Do ``work`` in one read transaction."""

    @abstractmethod
    def _writing(self, work: Callable[[EngineSession], T]) -> T:
        """Do ``work`` in one write transaction: all of it, or nothing."""

    def run(self, name: str, /, **parameters: Any) -> list[Row]:
        """Run a named query; see ``GraphStore.run``."""
        query = self.library.get(name)
        values = query.values(parameters)
        return self._reading(lambda session: answer(session, query, values))

    @abstractmethod
    def _reading_own(self, text: str, values: Mapping[str, Any], limits: Limits) -> OwnAnswer:
        """Run a checked text of somebody's own, read-only, within its limits."""

    def run_own(
        self,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = DEFAULT_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> OwnAnswer:
        """Run a read-only text of somebody's own; see ``GraphStore.run_own``."""
        own = read_own(text, self.engine)
        values = own.values(parameters or {})
        return self._reading_own(own.text, values, Limits(max_rows, timeout_s))

    def write(self, table: str, rows: pa.Table) -> None:
        """Insert or replace rows in one transaction; see ``GraphStore.write``."""
        clean = prepare(table, rows)
        if not clean.num_rows:
            return
        if table in NODES:
            self._writing(lambda session: write_nodes(session, NODES[table], clean))
        else:
            self._writing(lambda session: write_relations(session, RELATIONS[table], clean))

    def change(self, removed: Mapping[str, pa.Table], written: Mapping[str, pa.Table]) -> None:
        """Remove and write rows in one transaction; see ``GraphStore.change``."""
        gone = {name: prepare(name, rows) for name, rows in removed.items()}
        clean = {name: prepare(name, rows) for name, rows in written.items()}
        self._writing(lambda session: change_rows(session, gone, clean))

    def learner_records(self, table: str, ids: Sequence[str]) -> dict[str, int]:
        """Relations of learners to nodes; see ``GraphStore.learner_records``."""
        if not ids:
            return {}
        text = statements.count_learner_records(NODES[table])
        rows = self._reading(lambda session: session.rows(text, {"ids": list(ids)}))
        return {row["id"]: int(row["n"]) for row in rows}

    def existing(self, table: str, rows: pa.Table) -> pa.Table:
        """Stored rows under the keys of ``rows``; see ``GraphStore.existing``."""
        clean = prepare(table, rows)
        return self._reading(lambda session: stored_under(session, table, clean))

    def export(self, table: str) -> pa.Table:
        """All rows of a table, sorted; see ``GraphStore.export``."""
        spec_of(table)
        return ordered(table, self._reading(lambda session: select(session, table)))

    def export_snapshot(self, tables: Sequence[str]) -> Mapping[str, pa.Table]:
        """Several tables as of one moment; see ``GraphStore.export_snapshot``."""
        for table in tables:
            spec_of(table)
        raw = self._reading(lambda session: {t: select(session, t) for t in tables})
        return {table: ordered(table, rows) for table, rows in raw.items()}

    def counts(self) -> dict[str, int]:
        """Rows per native table."""
        return self._reading(_count)


def stored_under(session: EngineSession, table: str, rows: pa.Table) -> pa.Table:
    """Stored rows whose key is a key of ``rows`` (prepared)."""
    if not rows.num_rows:
        return rows
    ids = pc.unique(rows[_source_column(table)])
    few = ids.to_pylist() if len(ids) <= LOOKUP_IDS else None
    return matching(table, select(session, table, few), rows)


def _source_column(table: str) -> str:
    return NODES[table].id_column if table in NODES else RELATIONS[table][0].source_column


def select(session: EngineSession, table: str, ids: list[str] | None = None) -> pa.Table:
    """Rows of a table in any order: all, or those whose (source) node is among ``ids``."""
    if table in NODES:
        return from_engine(table, _select_nodes(session, NODES[table], ids))
    return from_engine(table, select_relations(session, RELATIONS[table], ids))


def _select_nodes(session: EngineSession, node: NodeMap, ids: list[str] | None) -> pa.Table:
    full = spec_of(node.table).schema
    own = pa.schema([full.field(name) for name in (node.id_column, *node.properties)])
    text = statements.select_nodes(node, by_ids=ids is not None)
    rows = session.fetch(text, {} if ids is None else {"ids": ids}, own)
    for link in node.links:
        linked = select_relations(session, (statements.link_relation(node, link),), ids)
        rows = rows.join(linked, node.id_column)
    return rows


def select_relations(
    session: EngineSession, relations: Sequence[RelationMap], ids: list[str] | None
) -> pa.Table:
    """Relations of one table: all, or those that start at ``ids``."""
    schema = relation_schema(relations)
    if ids is None:
        return session.fetch_relations(relations, schema)
    if len(ids) > session.point_lookups:
        text = statements.select_relations(relations, where=statements.BY_IDS)
        return session.fetch(text, {"ids": ids}, schema)
    text = statements.select_relations(relations, where=statements.BY_ID)
    parts = [session.fetch(text, {"id": one}, schema) for one in ids]
    return pa.concat_tables([schema.empty_table(), *parts])


def relation_schema(relations: Sequence[RelationMap]) -> pa.Schema:
    """Columns that ``statements.select_relations`` returns."""
    rel, full = relations[0], spec_of(relations[0].table).schema
    names = [rel.source_column, rel.target_column]
    names += [name for name in (*rel.identity, *rel.properties) if name != "key"]
    names += ["type"] if len(relations) > 1 else []
    return pa.schema([full.field(name) for name in names])


def _count(session: EngineSession) -> dict[str, int]:
    counts = {}
    for table in (*NODES, *RELATIONS):
        texts = (
            [statements.count_nodes(NODES[table])]
            if table in NODES
            else [statements.count_relations(rel) for rel in RELATIONS[table]]
        )
        counts[table] = sum(int(session.rows(text, {})[0]["n"]) for text in texts)
    return counts

"""Stage 2, GRAPH: the port that LadybugDB and Neo4j implement.

In come native tables (``graphrec.schema``) and named queries (``cypher/``); out go rows
and Arrow tables. Nothing above this port knows which engine it speaks to.

Nodes: ``Learner {id}``, ``Course {id, title, description, level, hours, language,
provider, published_at, hidden}``, ``Skill {id, name, description}``, ``Role {id, name,
description}``. Relations: ``(:Learner)-[:ENROLLED|COMPLETED|VIEWED|RATED|DROPPED {key, at,
seq, score, progress, event_id}]->(:Course)``, ``(:Course)-[:TEACHES {level}]->(:Skill)``,
``(:Course)-[:REQUIRES {any_of}]->(:Course)`` (from the course to what it requires),
``(:Skill)-[:PREREQUISITE_OF]->(:Skill)`` (from the prerequisite to what needs it),
``(:Role)-[:NEEDS {level, essential}]->(:Skill)``, ``(:Learner)-[:TARGETS]->(:Role)``,
``(:Learner)-[:IN_ROLE]->(:Role)``, ``(:Learner)-[:HOLDS {level, at}]->(:Skill)``.
Ids are the source's, verbatim. Absent strings are "" in the graph and null in tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from graphrec.graph.own_query_rows import DEFAULT_ROWS, DEFAULT_TIMEOUT_S, OwnAnswer

Row = dict[str, Any]


class GraphStore(ABC):
    """A property graph that holds the native tables and answers named queries."""

    engine: str  # "ladybug" or "neo4j"

    @abstractmethod
    def migrate(self) -> None:
        """Create or upgrade the schema; idempotent."""

    @abstractmethod
    def run(self, name: str, /, **parameters: Any) -> list[Row]:
        """Run the query ``cypher/{name}.cypher`` and return its rows.

        Raises:
            ParameterError: A parameter is missing, unknown or of the wrong type.
            QueryError: There is no such query, or the engine refused it.
            StoreUnavailableError: The server cannot be reached.
        """

    @abstractmethod
    def run_own(
        self,
        text: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = DEFAULT_ROWS,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> OwnAnswer:
        """Run a read-only text of somebody's own; see ``graphrec.graph.own_query``.

        Args:
            text: One Cypher statement of this engine.
            parameters: Every ``$name`` of the text, without the ``$``.
            max_rows: Rows to return; where there are more, the answer says so.
            timeout_s: Seconds after which it is stopped.

        Raises:
            ParameterError: It does not only read, cannot be bounded or understood, or a
                parameter is missing or unknown.
            QueryLimitError: It was stopped for its time or memory.
            StoreUnavailableError: The server cannot be reached.
        """

    @abstractmethod
    def write(self, table: str, rows: pa.Table) -> None:
        """Insert or replace the rows of a native table, in one transaction.

        Rows have ``TABLES[table].schema``, keys are unique within ``rows``, and every id
        referred to exists already, but for learners, which interactions and holds create.
        Afterwards each row stands in the graph once, whatever stood there before under
        its key.
        """

    @abstractmethod
    def change(self, removed: Mapping[str, pa.Table], written: Mapping[str, pa.Table]) -> None:
        """Remove rows of native tables and write others, all in one transaction.

        Args:
            removed: Table -> rows, of which only the key counts; not interactions. A node
                to which anything but ``removed`` is tied stays, and the change is refused.
            written: Table -> rows as ``write`` takes them.

        Raises:
            StoreError: Something else is tied to a node to remove, or an id does not exist.
        """

    @abstractmethod
    def learner_records(self, table: str, ids: Sequence[str]) -> dict[str, int]:
        """How many relations learners have to nodes of ``table``; ids with none are left out."""

    @abstractmethod
    def existing(self, table: str, rows: pa.Table) -> pa.Table:
        """The rows already stored under the keys of ``rows``: same schema, any order.

        A large ``rows`` is answered by one export, a small one by keyed look-ups.
        """

    @abstractmethod
    def export(self, table: str) -> pa.Table:
        """All rows of a native table, ``TABLES[table].schema``, sorted by its key.

        Identical for both engines, so that a snapshot's hash is too.
        """

    @abstractmethod
    def export_snapshot(self, tables: Sequence[str]) -> Mapping[str, pa.Table]:
        """Export several tables in one read transaction.

        The embedded graph answers as of one moment. Neo4j reads what is committed when it
        passes: beside a writer, part of a write may be in and part not, so take snapshots
        to train from while no import runs.
        """

    @abstractmethod
    def counts(self) -> dict[str, int]:
        """Rows per native table."""

    @abstractmethod
    def clear(self) -> None:
        """Remove every node and relation (tests, ``import --replace``)."""

    @abstractmethod
    def close(self) -> None:
        """Release the engine; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def open_store(settings: Any, *, path: Path | None = None) -> GraphStore:
    """Open the graph that the settings name, migrated and ready.

    Args:
        settings: ``graphrec.settings.Settings``.
        path: Instead of the settings' embedded folder.

    Raises:
        StoreOwnedError: Another process owns the embedded graph.
        StoreUnavailableError: Neo4j does not answer.
        MissingExtraError: The Neo4j driver is not installed.
    """
    if settings.graph_url:
        from graphrec.graph.neo4j import Neo4jStore

        store: GraphStore = Neo4jStore.from_settings(settings)
    else:
        from graphrec.graph.ladybug import LadybugStore

        store = LadybugStore(
            path or settings.graph_dir,
            buffer_mb=settings.graph_buffer_mb,
            max_gb=settings.graph_max_gb,
        )
    store.migrate()
    return store

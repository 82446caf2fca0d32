"""Stage 2, GRAPH: the same graph in Neo4j over Bolt; the only file that imports its driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pyarrow as pa

from graphrec.errors import MissingExtraError, QueryError, StoreError, StoreUnavailableError
from graphrec.graph import statements
from graphrec.graph.engine import EngineSession, MappedStore
from graphrec.graph.mapping import NODES, NodeMap, RelationMap
from graphrec.graph.migrations import migrations
from graphrec.graph.own_query_rows import Limits, OwnAnswer
from graphrec.graph.rows import batches
from graphrec.graph.store import Row

try:
    import neo4j
    from neo4j import exceptions
except ImportError:
    raise MissingExtraError("neo4j", "neo4j") from None

if TYPE_CHECKING:
    from graphrec.settings import Settings

T = TypeVar("T")

UNWIND_BATCH = 10_000
"""Rows of one UNWIND."""

_SCHEMES = tuple(f"{kind}{tls}://" for kind in ("bolt", "neo4j") for tls in ("", "+s", "+ssc"))
_ARROW_CHUNK = 100_000


class Neo4jStore(MappedStore):
    """The graph in a Neo4j database.

    Args:
        url: ``bolt://host:7687``, ``neo4j://...``; with TLS ``neo4j+s://`` or ``bolt+s://``.
        user: User name.
        password: "" for a server without authentication.
        database: Database name.
        timeout_s: Seconds to wait for a connection.

    Raises:
        StoreUnavailableError: The server does not answer.
        StoreError: The URL is wrong, or the server refuses the credentials.
    """

    engine = "neo4j"

    def __init__(
        self,
        url: str,
        *,
        user: str = "neo4j",
        password: str = "",
        database: str = "neo4j",
        timeout_s: float = 15.0,
    ) -> None:
        super().__init__()
        self._database = database
        self._where = url
        if not url.startswith(_SCHEMES):
            raise self._no_address("it must begin with bolt:// or neo4j://, +s with TLS.")
        try:
            self._driver = neo4j.GraphDatabase.driver(
                url,
                auth=(user, password) if password else None,
                connection_timeout=timeout_s,
                connection_acquisition_timeout=timeout_s * 2,
                max_transaction_retry_time=timeout_s,
                notifications_min_severity="OFF",
                user_agent="graphrec",
            )
        except (exceptions.ConfigurationError, ValueError) as error:
            raise self._no_address(str(error)) from None
        try:
            with self._translated():
                self._driver.verify_connectivity()
        except BaseException:
            self._driver.close()
            raise

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open the graph that ``GRAPHREC_GRAPH_URL`` and its companions name."""
        return cls(
            settings.graph_url,
            user=settings.graph_user,
            password=settings.graph_password.get_secret_value(),
            database=settings.graph_database,
        )

    def migrate(self) -> None:
        """Bring constraints and indexes to the newest version; idempotent."""
        with self._translated(), self._driver.session(database=self._database) as session:
            found = session.run("MATCH (m:GraphMeta {id: 'schema'}) RETURN m.version AS v")
            done = max((record["v"] for record in found), default=0)
            for version, texts in migrations(self.engine):
                if version <= done:
                    continue
                for text in texts:
                    session.run(text).consume()
                session.run(
                    "MERGE (m:GraphMeta {id: 'schema'}) SET m.version = $version", version=version
                ).consume()

    def _reading(self, work: Callable[[EngineSession], T]) -> T:
        with self._translated(), self._driver.session(database=self._database) as session:
            return session.execute_read(lambda transaction: work(_Session(transaction)))

    def _reading_own(self, text: str, values: Mapping[str, Any], limits: Limits) -> OwnAnswer:
        with (
            self._translated(),
            self._driver.session(
                database=self._database, default_access_mode=neo4j.READ_ACCESS
            ) as session,
            session.begin_transaction(timeout=limits.timeout_s) as transaction,
        ):
            try:
                result = transaction.run(text, dict(values))
                return limits.collect(result.keys(), (record.values() for record in result))
            except exceptions.Neo4jError as error:
                raise _own_error(error, limits) from error

    def _writing(self, work: Callable[[EngineSession], T]) -> T:
        with self._translated(), self._driver.session(database=self._database) as session:
            return session.execute_write(lambda transaction: work(_Session(transaction)))

    def clear(self) -> None:
        """Remove every node and relation, a batch a transaction; the schema stays."""
        with self._translated(), self._driver.session(database=self._database) as session:
            for node in NODES.values():
                text = (
                    f"MATCH (n:{node.label}) CALL (n) {{ DETACH DELETE n }} "
                    "IN TRANSACTIONS OF 10000 ROWS"
                )
                session.run(text).consume()

    def close(self) -> None:
        """Close the driver's connections; idempotent."""
        self._driver.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exceptions.AuthError as error:
            raise StoreError(
                f"Neo4j refuses the credentials: {error.message}",
                where=self._where,
                remedy="Set GRAPHREC_GRAPH_USER and GRAPHREC_GRAPH_PASSWORD.",
            ) from error
        except (exceptions.ServiceUnavailable, exceptions.SessionExpired) as error:
            raise self._unavailable(error) from error
        except exceptions.TransientError as error:
            raise self._unavailable(error) from error
        except exceptions.Neo4jError as error:
            raise QueryError(f"The graph engine refused: {error.message}") from error
        except exceptions.DriverError as error:
            raise self._unavailable(error) from error

    def _no_address(self, why: str) -> StoreError:
        return StoreError(
            f"This is no address of a Neo4j server: {why}",
            where=self._where,
            remedy="Write GRAPHREC_GRAPH_URL=bolt://host:7687 or neo4j+s://host.",
        )

    def _unavailable(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(
            f"Neo4j does not answer: {error}",
            where=self._where,
            remedy="Start it ('make neo4j' starts a local one) or correct GRAPHREC_GRAPH_URL.",
        )


def _own_error(error: exceptions.Neo4jError, limits: Limits) -> Exception:
    code = error.code or ""
    if "TransactionTimedOut" in code or code.endswith(".Terminated"):
        return limits.too_slow()
    if "OutOfMemory" in code:
        return limits.too_large()
    if code.startswith("Neo.ClientError.") and not code.startswith("Neo.ClientError.Security."):
        return limits.not_understood(error.message or code)
    return error


class _Session:
    """One managed transaction; the driver may run it again after a transient error."""

    point_lookups = 0  # a round trip each

    def __init__(self, transaction: neo4j.ManagedTransaction) -> None:
        self._transaction = transaction

    def rows(self, text: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self._transaction.run(text, dict(parameters)).data()

    def fetch(self, text: str, parameters: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
        result = self._transaction.run(text, dict(parameters))
        return _to_arrow((record.values() for record in result), schema)

    def fetch_relations(self, relations: Sequence[RelationMap], schema: pa.Schema) -> pa.Table:
        # Grouped by their source, a million relations take 7 s instead of 27.
        text = statements.collect_relations(relations)
        result = self._transaction.run(text)
        rows = ([source, *rest] for source, found in result for rest in found)
        return _to_arrow(rows, schema)

    def put_nodes(self, node: NodeMap, rows: pa.Table) -> None:
        self._merge(statements.upsert_node(node), rows, node.label)

    def put_relations(self, rel: RelationMap, rows: pa.Table) -> None:
        self._merge(statements.upsert_relation(rel), rows, rel.type)

    def _merge(self, text: str, rows: pa.Table, name: str) -> None:
        for batch in batches(rows, UNWIND_BATCH):
            written = self.rows(text, {"rows": batch})[0]["written"]
            if written != len(batch):
                raise statements.dangling(name, len(batch) - written)


def _to_arrow(rows: Iterator[list[Any]], schema: pa.Schema) -> pa.Table:
    """Rows, streamed, as Arrow; never more than a chunk of them as Python values."""
    chunks: list[pa.RecordBatch] = []
    waiting: list[list[Any]] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _ARROW_CHUNK:
            chunks.append(_batch(waiting, schema))
            waiting = []
    if waiting:
        chunks.append(_batch(waiting, schema))
    return pa.Table.from_batches(chunks, schema=schema)


def _batch(rows: list[list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)

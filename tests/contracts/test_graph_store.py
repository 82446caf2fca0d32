"""Both adapters keep the contract, and answer alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import pyarrow as pa
import pytest
from academy import PARAMETERS, fill
from graph_store_contract import QUERIES, GraphStoreContract

from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.neo4j import Neo4jStore
from graphrec.graph.snapshot import write_snapshot
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES


def _open(folder: Path) -> LadybugStore:
    store = LadybugStore(folder, buffer_mb=256, max_gb=8)
    store.migrate()
    return store


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[GraphStore]:
    with _open(tmp_path / "graph") as store:
        yield store


@pytest.fixture(scope="module")
def embedded_academy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    with _open(tmp_path_factory.mktemp("academy")) as store:
        fill(store)
        yield store


class _Server:
    """The one database of Neo4j, and whether the academy stands in it untouched."""

    def __init__(self, store: GraphStore) -> None:
        self.store = store
        self.holds_academy = False


@pytest.fixture(scope="module")
def server(neo4j_url: str) -> Iterator[_Server]:
    with Neo4jStore(neo4j_url) as store:
        store.migrate()
        yield _Server(store)


@pytest.fixture
def remote(server: _Server) -> GraphStore:
    server.holds_academy = False
    server.store.clear()
    return server.store


class TestLadybug(GraphStoreContract):
    """The embedded graph."""

    @pytest.fixture
    def store(self, embedded: GraphStore) -> GraphStore:
        return embedded

    @pytest.fixture
    def asked(self, embedded_academy: GraphStore) -> GraphStore:
        return embedded_academy


@pytest.mark.neo4j
class TestNeo4j(GraphStoreContract):
    """Neo4j over Bolt."""

    reads_snapshots = False  # read committed: a read may meet half of another's commit

    @pytest.fixture
    def store(self, remote: GraphStore) -> GraphStore:
        return remote

    @pytest.fixture
    def asked(self, server: _Server) -> GraphStore:
        if not server.holds_academy:
            server.store.clear()
            fill(server.store)
            server.holds_academy = True
        return server.store


@pytest.mark.neo4j
def test_every_query_has_the_same_answer_on_both(embedded: GraphStore, remote: GraphStore) -> None:
    for store in (embedded, remote):
        fill(store)
    for name in QUERIES:
        parameters = PARAMETERS.get(name, {})
        assert embedded.run(name, **parameters) == remote.run(name, **parameters), name


@pytest.mark.neo4j
def test_a_snapshot_has_the_same_hash_from_both(
    embedded: GraphStore, remote: GraphStore, tmp_path: Path
) -> None:
    hashes = set()
    for store in (embedded, remote):
        fill(store)
        hashes.add(write_snapshot(store, tmp_path / store.engine).hash)
    assert len(hashes) == 1


@pytest.mark.neo4j
@pytest.mark.parametrize("seed", range(3))
def test_random_graphs_equal_on_both_and_by_networkx(
    embedded: GraphStore, remote: GraphStore, seed: int
) -> None:
    tables = _random_tables(random.Random(seed))
    for store in (embedded, remote):
        for name, rows in tables.items():
            store.write(name, rows)
    for name in TABLES:
        assert embedded.export(name).equals(remote.export(name)), name
    ids = tables["courses"]["course_id"].to_pylist()
    for name in QUERIES:
        for parameters in _questions(name, ids[:6]):
            assert embedded.run(name, **parameters) == remote.run(name, **parameters), name
    _check_by_networkx(embedded, tables)


def _questions(name: str, ids: list[str]) -> list[dict[str, Any]]:
    given = PARAMETERS.get(name)
    if given is None:
        return [{}]
    return [
        {k: f"{k[0]}{course_id[1:]}" if k.endswith("_id") else v for k, v in given.items()}
        for course_id in ids
    ]


def _check_by_networkx(store: GraphStore, tables: dict[str, pa.Table]) -> None:
    edges = tables["requires"].select(["course_id", "requires_course_id"]).to_pylist()
    graph = nx.DiGraph([tuple(edge.values()) for edge in edges])
    for course_id in list(graph)[:8]:
        rows = store.run("prerequisite_closure", course_id=course_id)
        depths = nx.single_source_shortest_path_length(graph, course_id)
        expected = {node: depth for node, depth in depths.items() if depth}
        assert {row["course_id"]: row["depth"] for row in rows} == expected
    cycles = [r for r in store.run("prerequisite_cycles") if r["kind"] == "course"]
    groups = [set(c) for c in nx.strongly_connected_components(graph)]
    cyclic = [c for c in groups if len(c) > 1 or any(graph.has_edge(n, n) for n in c)]
    assert sorted(map(sorted, cyclic)) == sorted(row["members"] for row in cycles)
    for row in cycles:
        assert nx.is_path(graph, [*row["path"], row["path"][0]])


def _random_tables(chance: random.Random) -> dict[str, pa.Table]:
    """Thirty of each node and relations at random: self-loops, circles, repeats, nulls."""
    number = {name: [f"{name[0]}{n}" for n in range(30)] for name in ("courses", "skills", "roles")}
    number["learners"] = [f"l{n}" for n in range(30)]
    tables = {}
    for name, spec in TABLES.items():
        if spec.node:
            rows = [{spec.required[0]: external} for external in number[name]]
        else:
            rows = [
                {column: chance.choice(number[spec.references[column]])
                 for column in spec.required if column in spec.references}
                for _ in range(60)
            ]  # fmt: skip
        for row in rows:
            for field in spec.schema:
                if field.name not in row:
                    row[field.name] = _random_value(chance, field, number)
        tables[name] = pa.Table.from_pylist(rows, schema=spec.schema)
    return tables


def _random_value(
    chance: random.Random,
    field: pa.Field,
    number: dict[str, list[str]],
) -> object:
    if field.name == "type":
        return chance.choice(["enrolled", "completed", "viewed", "rated", "dropped"])
    if field.name in ("role_id", "target_role_id"):
        return chance.choice([None, *number["roles"]])
    if chance.random() < 0.4:
        return None
    special = {
        "hidden": chance.random() < 0.3,
        "essential": chance.random() < 0.5,
        "event_id": f"e{chance.random()}",
    }
    if pa.types.is_integer(field.type):
        return chance.randrange(5)
    if pa.types.is_floating(field.type):
        return float(chance.randrange(4))
    return special.get(field.name, chance.choice(["x", "y", "z"]))

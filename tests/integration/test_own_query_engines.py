"""Texts of somebody's own on both real engines: the same rows, nothing written, all stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_world import write_world

from graphrec.errors import ParameterError, QueryLimitError
from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.own_query_rows import Limits
from graphrec.graph.store import GraphStore

SAME = (
    "MATCH (c:Course) WHERE c.id = $id RETURN c, c.title AS title",
    "MATCH (c:Course {id: $id})<-[r:COMPLETED]-(l:Learner) RETURN l.id AS id, r.at AS at"
    " ORDER BY id",
    "MATCH p = (c:Course {id: $id})-[:REQUIRES]->(d:Course) RETURN p",
    "MATCH (c:Course {id: $id})-[r:TEACHES]->(s:Skill) RETURN r, s, [1, 2] AS l",
    "MATCH (c:Course {id: $id}) RETURN 'a;b' AS x, sum(c.hours) AS s, count(c) AS n, 2 AS i",
    "MATCH (c:Course {id: $id})-[:REQUIRES*1..5]->(d:Course) RETURN DISTINCT d.id AS id"
    " ORDER BY id",
)
PRODUCT = " ".join(f"MATCH (a{i}:Learner)-[:COMPLETED]->(b{i}:Course)" for i in range(5))
SLOW = f"{PRODUCT} RETURN count(DISTINCT a0.id + a1.id + a2.id + a3.id + a4.id) AS n"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    folder = tmp_path_factory.mktemp("graph")
    with LadybugStore(folder, buffer_mb=128, max_gb=1) as store:
        store.migrate()
        write_world(store)
        yield store


@pytest.fixture(scope="module")
def remote(neo4j_url: str) -> Iterator[GraphStore]:
    from graphrec.graph.neo4j import Neo4jStore

    with Neo4jStore(neo4j_url) as store:
        store.migrate()
        store.clear()
        write_world(store)
        yield store
        store.clear()


@pytest.fixture(params=["embedded", pytest.param("remote", marks=pytest.mark.neo4j)])
def store(request: pytest.FixtureRequest) -> GraphStore:
    found: GraphStore = request.getfixturevalue(request.param)
    return found


@pytest.mark.neo4j
@pytest.mark.parametrize("text", SAME)
def test_both_engines_give_the_same(embedded: GraphStore, remote: GraphStore, text: str) -> None:
    first, second = (store.run_own(text, {"id": "C05"}) for store in (embedded, remote))
    assert first.columns == second.columns
    assert first.rows
    assert first.rows == second.rows


def test_a_write_is_refused_by_the_engine_too(store: GraphStore) -> None:
    """The check of the text is one fence; behind it stands the transaction."""
    before = store.counts()
    for text in ("CREATE (:Course {id: 'x'})", "MATCH (c:Course) SET c.title = 'x'"):
        with pytest.raises(ParameterError) as refused:
            store._reading_own(text, {}, Limits(10, 5))  # type: ignore[attr-defined]
        assert "read" in str(refused.value).lower() or "write" in str(refused.value).lower()
    assert store.counts() == before


def test_it_is_stopped_in_time_and_the_next_is_answered(store: GraphStore) -> None:
    started = time.monotonic()
    with pytest.raises(QueryLimitError, match="stopped"):
        store.run_own(SLOW, timeout_s=1)
    assert time.monotonic() - started < 5
    assert store.run_own("MATCH (c:Course) RETURN count(c) AS n").rows == [{"n": 22}]
    assert store.run("course_card", course_id="C05")


def test_rows_stop_at_their_number(store: GraphStore) -> None:
    text = "MATCH (a:Learner) MATCH (b:Learner) RETURN a.id AS a, b.id AS b"
    answer = store.run_own(text, max_rows=7)
    assert (len(answer.rows), answer.truncated) == (7, True)
    answer = store.run_own(text, max_rows=10_000)
    assert (len(answer.rows), answer.truncated) == (41 * 41, False)


def test_what_it_cannot_understand_is_told(store: GraphStore) -> None:
    for text in ("MATCH (c:Course RETURN c", "RETURN nothing_here AS x", "MATCH (c) RETURN c.id x"):
        with pytest.raises(ParameterError) as refused:
            store.run_own(text)
        assert refused.value.where == "query"
    with pytest.raises(ParameterError, match="max_rows"):
        store.run_own("RETURN 1", max_rows=0)
    with pytest.raises(ParameterError, match="timeout_s"):
        store.run_own("RETURN 1", timeout_s=0)


def test_a_guest_that_fills_memory_gives_way(embedded: GraphStore) -> None:
    over = threading.Event()
    seen: list[BaseException] = []

    def fill() -> None:
        while not over.is_set():
            try:
                embedded.run_own(SLOW, max_rows=5, timeout_s=4)
            except QueryLimitError:
                continue
            except Exception as error:  # noqa: BLE001 - whatever else it is, the test shows it
                seen.append(error)

    guests = [threading.Thread(target=fill) for _ in range(2)]
    for guest in guests:
        guest.start()
    try:
        for number in range(150):
            assert len(embedded.run("prerequisite_closure", course_id="C05")) == 2, number
    finally:
        over.set()
        for guest in guests:
            guest.join()
    assert seen == []


def test_nothing_is_left_on_disk(embedded: GraphStore, tmp_path: Path) -> None:
    for text in (
        f"COPY (MATCH (c:Course) RETURN c.id) TO '{tmp_path}/out.csv'",
        f"EXPORT DATABASE '{tmp_path}/all'",
        f"LOAD FROM '{tmp_path}/in.csv' RETURN *",
    ):
        with pytest.raises(ParameterError):
            embedded.run_own(text)
    assert list(tmp_path.iterdir()) == []

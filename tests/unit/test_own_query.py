"""A text of somebody's own: what writes, hides, nests or grows is refused, what reads is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrec.errors import ParameterError
from graphrec.graph.own_query import MAX_VALUES, read_own
from graphrec.graph.own_query_tokens import tokens_of

ENGINES = ("ladybug", "neo4j")
READS = (
    "MATCH (c:Course) RETURN c.id",
    "match (c:Course) return c.id;",
    "MATCH (c:Course) WHERE c.title = 'CREATE; DELETE' RETURN c.id AS id",
    'MATCH (c:Course) WHERE c.title = "it\'s; SET" RETURN c.id',
    r"MATCH (c:Course) WHERE c.title = 'it\'s; MERGE' RETURN c.id",
    "MATCH (c:Course) RETURN c.set, c.`delete` AS `create`",
    "MATCH (c:`Drop`)-[:SET]->(d) RETURN {merge: c.id}",
    "// CREATE (n);\nMATCH (c:Course) /* ; DETACH DELETE c */ RETURN c.id // SET\n",
    "MATCH (c:Course {id: $create}) RETURN c",
    "OPTIONAL MATCH (c:Course)-[:REQUIRES*1..30]->(d:Course) RETURN DISTINCT d.id",
    "MATCH (c)-[:REQUIRES*..4]->(d) MATCH (d)<-[:TEACHES]-() RETURN count(*) * 2 - -1",
    "UNWIND [1, 2] AS x WITH x, x + 1 AS y WHERE y > 1.5e3 RETURN x + y AS z",
    "MATCH (c:Course) WHERE c.title STARTS WITH 'A' RETURN c.title + ' (' + c.id + ')' AS name",
    "RETURN 'a\\\\' AS x",
    "MATCH (c:Course) RETURN c.`a``;b`",
)
WRITES = (
    "CREATE (:Course {id: 'x'})",
    "MATCH (c:Course) SET c.title = 'x' RETURN c",
    "MATCH (c:Course) DETACH DELETE c",
    "MATCH (c) REMOVE c.title RETURN c",
    "MERGE (c:Course {id: 'x'}) RETURN c",
    "MATCH (c) FOREACH (x IN [1] | SET c.n = x) RETURN c",
    "CrEaTe (n)",
    "/* a */CREATE/* b */(n)",
    "MATCH (c) // RETURN c\nDELETE c",
    "MATCH (c) /* RETURN c */ DELETE c",
    "MATCH (c) WHERE c.a = 1DELETE c",
    "MATCH (c) WHERE c.a = 1. DELETE c",
    "WITH 'a'SET c.x = 1 RETURN 1",
    "MATCH (c) RETURN c; MATCH (d) RETURN d",
    "RETURN 1; CREATE (n)",
    "COMMIT; CREATE (n)",
    "RETURN 1;;",
    "COPY (MATCH (c:Course) RETURN c.id) TO 'out.csv'",
    "EXPORT DATABASE 'folder'",
    "IMPORT DATABASE 'folder'",
    "LOAD FROM 'passwd' RETURN *",
    "MATCH (c:Course) LOAD FROM 'rows.csv' RETURN *",
    "LOAD CSV FROM 'file:///etc/passwd' AS row RETURN row",
    "ATTACH 'x' AS y (dbtype lbug)",
    "INSTALL httpfs",
    "DROP TABLE Course",
    "ALTER TABLE Course ADD y INT64",
    "CREATE MACRO f(x) AS x",
    "CHECKPOINT",
    "BEGIN TRANSACTION",
    "ROLLBACK",
    "CALL threads = 2",
    "CALL timeout=0",
    "CALL project_graph('g', ['Course'], ['REQUIRES'])",
    "MATCH (c) CALL apoc.create.node(['A'], {}) YIELD node RETURN node",
    "CALL dbms.shutdown()",
    "CALL db.createLabel('x')",
    "MATCH (c) CALL (c) { DETACH DELETE c } IN TRANSACTIONS RETURN 1",
    "MATCH (c) CALL (c) { RETURN 1 AS x } IN 2 CONCURRENT TRANSACTIONS RETURN x",
    "USE system SHOW USERS",
    "SHOW USERS",
    "EXPLAIN CREATE (n)",
    "PROFILE MATCH (n) RETURN n",
    "CYPHER 25 MATCH (n) RETURN n",
    "",
    "  // nothing\n",
    "hello",
    "RETURN 'open",
    'RETURN "open',
    "RETURN `open",
    "RETURN 1 /* open",
    "RETURN 1\0",
)
UNBOUNDED = (
    "MATCH (a:Course)-[:REQUIRES*]->(b:Course) RETURN b.id",
    "MATCH (a:Course)<-[r:REQUIRES* SHORTEST]-(b) RETURN b.id",
    "MATCH (a:Course)-[:REQUIRES*2..]->(b:Course) RETURN b.id",
    "UNWIND range(0, 2000000000) AS i RETURN count(i)",
    "MATCH (c:Course) UNWIND range(0, size(c.title) * 9999999) AS i RETURN i",
    "RETURN range(0, 10, 0)",
    "WITH [1] AS a " + "WITH list_concat(a, a) AS a " * 30 + "RETURN size(a)",
    "WITH [1] AS a RETURN `list_concat`(a, a)",
    "WITH [1] AS a " + "WITH a + a AS a " * 30 + "RETURN size(a)",
    "WITH [1] AS a " + "WITH [a, a] AS a " * 30 + "RETURN size(a)",
    "WITH 1 AS a " + "WITH {x: a, y: a} AS a " * 30 + "RETURN a",
    "MATCH (a)" + "-[:REQUIRES]->()" * 17 + " RETURN count(*)",
    "MATCH (a)" + "-->()" * 17 + " RETURN count(*)",
)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", READS)
def test_what_reads_passes(text: str, engine: str) -> None:
    own = read_own(text, engine)
    assert own.text == text.rstrip().removesuffix(";") or own.text == text


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", WRITES)
def test_what_does_not_only_read_is_refused(text: str, engine: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_own(text, engine)
    assert refused.value.where == "query"
    assert refused.value.remedy


@pytest.mark.parametrize("text", UNBOUNDED)
def test_what_the_embedded_engine_cannot_stop_is_refused(text: str) -> None:
    with pytest.raises(ParameterError) as refused:
        read_own(text, "ladybug")
    assert str(refused.value).startswith("query: Line 1: ")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("opened", "closed"), [("abs(", ")"), ("[", "]"), ("CASE WHEN true THEN ", " END")]
)
def test_nesting_is_bounded(engine: str, opened: str, closed: str) -> None:
    read_own(f"RETURN {opened * 15}1{closed * 15} AS x", engine)
    with pytest.raises(ParameterError, match="within each other"):
        read_own(f"RETURN {opened * 21}1{closed * 21} AS x", engine)
    with pytest.raises(ParameterError, match="characters"):
        read_own(f"RETURN '{'a' * 10_000}' AS x", engine)


@pytest.mark.parametrize(
    "text",
    [
        r"RETURN '\u0027 CREATE (n) RETURN \u0027'",
        r"\u0043REATE (n)",
        r"MATCH (n) \u0044ELETE n",
        r"RETURN 1 \uu003b CREATE (n)",
    ],
)
def test_an_escape_hides_nothing_from_neo4j(text: str) -> None:
    with pytest.raises(ParameterError):
        read_own(text, "neo4j")


def test_a_line_is_named() -> None:
    with pytest.raises(ParameterError, match="Line 3: SET"):
        read_own("MATCH (c)\n// SET\nSET c.x = 1\nRETURN c", "ladybug")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "a"),
        ({"a": 1}, "b"),
        ({"a": 1, "b": 2, "c": 3}, "c"),
        ({"a": None, "b": 1}, "a"),
        ({"a": {"x": 1}, "b": 1}, "a"),
        ({"a": [[1]], "b": 1}, "a"),
        ({"a": [1, "x"], "b": 1}, "a"),
        ({"a": 2**63, "b": 1}, "a"),
        ({"a": [1] * (MAX_VALUES + 1), "b": 1}, "parameters"),
    ],
)
def test_parameters_are_those_of_the_text(values: dict[str, Any], field: str) -> None:
    own = read_own("RETURN $a AS a, $`b` AS b, '$c' AS c // $d", "ladybug")
    assert own.values({"a": ["x"], "b": True}) == {"a": ["x"], "b": True}
    with pytest.raises(ParameterError) as refused:
        own.values(values)
    assert refused.value.where == field


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(["CREATE (n)", "SET x.a = 1", "; RETURN 1"]))
def test_no_string_or_comment_lets_a_keyword_out_or_in(text: str, attack: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "")
    read_own(f"RETURN '{quoted} {attack}' AS x", "ladybug")
    comment = text.replace("*/", "").replace("*", "")
    read_own(f"RETURN 1 AS x /* {comment} {attack} */", "ladybug")
    with pytest.raises(ParameterError):
        read_own(f"MATCH (x) WHERE x.a = '{quoted}' {attack}", "ladybug")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for engine in ENGINES:
        try:
            own = read_own(text, engine)
        except ParameterError:
            continue
        assert tokens_of(own.text)[0].upper in ("MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN")

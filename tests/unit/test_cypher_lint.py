"""The linter passes the library, and each of its rules catches what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphrec.errors import ParameterError, QueryError
from graphrec.graph.lint import lint, lint_folder
from graphrec.graph.mapping import NODES, RELATIONS
from graphrec.graph.migrations import migrations
from graphrec.graph.queries import QueryLibrary, parse
from graphrec.graph.query_guide import guide
from graphrec.graph.recursion import COMPUTED

HEADER = """// subject: tests
// purpose: A text that is wrong.
// access: read
// parameters:
//   p: string = "" -- any
// columns:
//   id [id] -- any
"""
TAIL = "RETURN c.id AS id\nORDER BY id"

BAD = {
    "write": "MATCH (c:Course) SET c.title = $p\n" + TAIL,
    "count-subquery": "MATCH (c:Course)\nWHERE COUNT { MATCH (c)-[:TEACHES]->(:Skill) } = $p\n"
    + TAIL,
    "call": "MATCH (c:Course {id: $p}) CALL { MATCH (s:Skill) RETURN s }\n" + TAIL,
    "exists-without-match": "MATCH (c:Course {id: $p}) WHERE EXISTS { (c)-[:TEACHES]->(:Skill) }\n"
    + TAIL,
    "variable-length": "MATCH (x:Course {id: $p})-[:REQUIRES*]->(c:Course)\n" + TAIL,
    "quantified-path": "MATCH (x:Course {id: $p}) ((y)-[:REQUIRES]->(z)){1,3} (c:Course)\n" + TAIL,
    "path-function": "MATCH ACYCLIC (c:Course {id: $p})\n" + TAIL,
    "undirected": "MATCH (x:Course {id: $p})-[:REQUIRES]-(c:Course)\n" + TAIL,
    "comma-match": "MATCH (c:Course {id: $p}), (d:Course)\n" + TAIL,
    "several-labels": "MATCH (c:Course:Skill {id: $p})\n" + TAIL,
    "type-in-where": "MATCH (c:Course {id: $p})-[r:TEACHES]->(s:Skill) WHERE r:TEACHES\n" + TAIL,
    "function": "MATCH (c:Course {id: $p}) WHERE substring(c.title, 1) = ''\n" + TAIL,
    "list-index": "MATCH (c:Course) WHERE $p = '' AND c.title[0] = 'a'\n" + TAIL,
    "comprehension": "MATCH (c:Course {id: $p}) WHERE c.id IN [x IN ['a'] WHERE x = 'a']\n" + TAIL,
    "parameter-is-null": "MATCH (c:Course) WHERE $p IS NULL OR c.id = $p\n" + TAIL,
    "null-alias": "MATCH (c:Course {id: $p}) WITH c, null AS x\n" + TAIL,
    "sorted-with": "MATCH (c:Course {id: $p}) WITH c ORDER BY c.id\n" + TAIL,
    "sorted-union": "MATCH (s:Skill) RETURN s.id AS id UNION ALL MATCH (c:Course {id: $p})\n"
    + TAIL,
    "two-statements": "MATCH (c:Course {id: $p})\n" + TAIL + ";",
    "unknown-label": "MATCH (c:Kurs {id: $p})\n" + TAIL,
    "unknown-type": "MATCH (c:Course {id: $p})-[:LEHRT]->(s:Skill)\n" + TAIL,
    "unknown-property": "MATCH (c:Course {id: $p}) WHERE c.titel = ''\n" + TAIL,
    "alias-is-variable": "MATCH (c:Course {id: $p}) WITH c, c.title AS c\n" + TAIL,
    "unordered": "MATCH (c:Course {id: $p})\nRETURN c.id AS id",
    "columns": "MATCH (c:Course {id: $p})\nRETURN c.id AS course_id\nORDER BY course_id",
    "no-return": "MATCH (c:Course {id: $p})",
}


def _write(folder: Path, text: str, header: str = HEADER) -> Path:
    path = folder / "wrong.cypher"
    path.write_text(header + text, encoding="utf-8")
    return path


def test_the_library_is_clean() -> None:
    assert [str(finding) for finding in lint_folder()] == []


@pytest.mark.parametrize("rule", BAD)
def test_each_rule_catches_its_fault(rule: str, tmp_path: Path) -> None:
    findings = lint(parse(_write(tmp_path, BAD[rule])))
    assert rule in {finding.rule for finding in findings}


def test_a_good_text_passes_and_strings_are_not_read(tmp_path: Path) -> None:
    text = "MATCH (c:Course)\nWHERE c.title <> 'CALL { x }; SET' AND $p = ''\n" + TAIL
    assert lint(parse(_write(tmp_path, text))) == []


def test_a_finding_names_file_and_line(tmp_path: Path) -> None:
    path = _write(tmp_path, BAD["count-subquery"])
    finding = next(f for f in lint(parse(path)) if f.rule == "count-subquery")
    assert str(finding).startswith(f"{path}:9: [count-subquery]")


@pytest.mark.parametrize(
    ("header", "text", "said", "line"),
    [
        (HEADER, "MATCH (c:Course {id: $q})\n" + TAIL, "$q is not declared", 8),
        (HEADER, "MATCH (c:Course)\n" + TAIL, "$p is declared, not used", 1),
        (HEADER.replace("// purpose: A text that is wrong.\n", ""), TAIL, "no 'purpose:'", 1),
        (HEADER.replace("string", "text"), TAIL, "is no parameter", 5),
        (HEADER.replace('""', "3"), TAIL, "default of 'p' is wrong", 5),
        (HEADER.replace("id [id] -- any", "id"), TAIL, "has no meaning", 7),
        (HEADER.replace("[id] ", ""), TAIL, "has no unit", 7),
        (HEADER.replace("access: read", "access: write"), TAIL, "Access 'write'", 1),
        (HEADER.replace("// access: read\n", ""), TAIL, "no 'access:'", 1),
        (HEADER + "// question: 3\n", "MATCH (c:Course {id: $p})\n" + TAIL, "no 'reading:'", 1),
        (HEADER + "// question: x\n", "MATCH (c:Course {id: $p})\n" + TAIL, "no number", 1),
        (HEADER + "//   id [id] -- again\n", TAIL, "declared twice", 8),
        (HEADER, "", "no text", 8),
        ("// what: ever\n", TAIL, "is no line of a header", 1),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_at_load(
    header: str, text: str, said: str, line: int, tmp_path: Path
) -> None:
    path = _write(tmp_path, text, header)
    with pytest.raises(QueryError) as caught:
        QueryLibrary.load(tmp_path)
    assert said in caught.value.message
    assert caught.value.where == f"{path}:{line}"


def test_parameters_are_converted_and_checked() -> None:
    query = QueryLibrary.load().get("startable_courses")
    values = query.values({"learner_id": "7", "limit": "5", "assume_enrolled_done": "no"})
    assert values == {
        "learner_id": "7",
        "language": "",
        "assume_enrolled_done": False,
        "limit": 5,
    }
    for wrong, where in (
        ({}, "learner_id"),
        ({"learner_id": "7", "limit": "many"}, "limit"),
        ({"learner_id": "7", "limit": True}, "limit"),
        ({"learner_id": "7", "limit": -1}, "limit"),
        ({"learner_id": "7", "limit": 2**63}, "limit"),
        ({"learner_id": 7}, "learner_id"),
        ({"learner_id": "7", "assume_enrolled_done": "perhaps"}, "assume_enrolled_done"),
        ({"learner_id": "7", "x": 1}, "x"),
    ):
        with pytest.raises(ParameterError) as caught:
            query.values(wrong)
        assert caught.value.where == where


def test_the_description_has_the_promised_shape() -> None:
    described = {q["name"]: q for q in QueryLibrary.load().describe()}
    assert described["co_completed_courses"] == {
        "name": "co_completed_courses",
        "subject": "courses",
        "purpose": "Courses that the learners who completed a course completed as well.",
        "parameters": [
            {"name": "course_id", "type": "string", "default": None},
            {"name": "assume_enrolled_done", "type": "bool", "default": True},
            {"name": "limit", "type": "int", "default": 20},
        ],
        "columns": ["course_id", "title", "learners"],
    }


def test_the_guide_lists_the_queries_as_their_headers_do() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "queries.md"
    text = page.read_text(encoding="utf-8")
    remedy = "run: python -m graphrec.graph.query_guide docs/queries.md"
    assert text == guide(text, QueryLibrary.load()), remedy


def test_all_twenty_five_questions_are_answered() -> None:
    assert list(QueryLibrary.load().questions) == list(range(1, 26))


def test_everything_computed_is_there() -> None:
    assert {q.computed_by for q in QueryLibrary.load()} - {""} == set(COMPUTED)


def test_the_embedded_schema_is_the_mapping() -> None:
    texts = [text for _, part in migrations("ladybug") for text in part]
    for node in NODES.values():
        columns = texts[_index(texts, f"NODE TABLE IF NOT EXISTS {node.label}(")]
        assert _names(columns) == ["id", *node.properties]
        for link in node.links:
            table = texts[_index(texts, f"REL TABLE IF NOT EXISTS {link.type}(")]
            assert f"(FROM {node.label} TO {link.label})" in table
    for group in RELATIONS.values():
        for rel in group:
            table = texts[_index(texts, f"REL TABLE IF NOT EXISTS {rel.type}(")]
            assert f"(FROM {rel.source} TO {rel.target}" in table
            # COPY goes by position, so the order counts.
            assert _names(table)[1:] == [*rel.identity, *rel.properties]


def test_neo4j_has_a_constraint_for_each_label() -> None:
    texts = " ".join(text for _, part in migrations("neo4j") for text in part)
    for node in NODES.values():
        assert f"FOR (n:{node.label}) REQUIRE n.id IS UNIQUE" in texts


def _index(texts: list[str], part: str) -> int:
    return next(i for i, text in enumerate(texts) if part in text)


def _names(statement: str) -> list[str]:
    inside = statement[statement.index("(") + 1 : statement.rindex(")")]
    return [column.split()[0] for column in inside.split(",")]

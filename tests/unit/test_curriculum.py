"""The curriculum as text: exact round trip, plans, refusals with their proof, one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from graphrec.cli.main import app
from graphrec.curriculum.plan import apply_edit, plan_edit, read_graph
from graphrec.curriculum.text import CURRICULUM_TABLES, parse_curriculum, to_yaml
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import GraphrecError, ParameterError, SourceError
from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES


def rows(table: str, *listed: dict[str, Any]) -> pa.Table:
    schema = TABLES[table].schema
    return pa.Table.from_pylist([{c: r.get(c) for c in schema.names} for r in listed], schema)


def fill(store: GraphStore) -> None:
    """Two roles, odd texts, a choice of prerequisites, a cycle that is there already."""
    odd = {"title": "yes", "description": "a: #b\n\n c\t\u2028統計 'x\" ", "level": "010"}
    written = {
        "courses": [
            {"course_id": "A", **odd, "hours": 1e-7, "published_at": 1, "hidden": False},
            {"course_id": "null", "hours": 3.0, "published_at": -62_135_596_800_001},
            *({"course_id": name} for name in ("B", "C", "X", "Y")),
        ],
        "skills": [{"skill_id": "S1", "name": "12"}, {"skill_id": "S2"}, {"skill_id": "1.0"}],
        "roles": [{"role_id": "R/1", "name": "Wörter"}, {"role_id": "R2"}],
        "learners": [{"learner_id": "L", "role_id": "R2"}],
        "teaches": [
            {"course_id": "A", "skill_id": "S1", "level": 2.0},
            {"course_id": "B", "skill_id": "S1"},
            {"course_id": "B", "skill_id": "S2"},
        ],
        "requires": [
            {"course_id": "B", "requires_course_id": "A"},
            {"course_id": "C", "requires_course_id": "A", "any_of": "one"},
            {"course_id": "C", "requires_course_id": "B", "any_of": "one"},
            {"course_id": "C", "requires_course_id": "B"},
            {"course_id": "X", "requires_course_id": "Y"},
            {"course_id": "Y", "requires_course_id": "X"},
        ],
        "skill_prerequisites": [{"skill_id": "S2", "requires_skill_id": "S1"}],
        "needs": [
            {"role_id": "R/1", "skill_id": "S1", "level": 1.0, "essential": True},
            {"role_id": "R/1", "skill_id": "S2"},
            {"role_id": "R2", "skill_id": "1.0", "essential": False},
        ],
        "interactions": [{"learner_id": "L", "course_id": "A", "type": "completed", "at": 5}],
    }
    for table in TABLES:
        if table in written:
            store.write(table, rows(table, *written[table]))


@pytest.fixture(params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[GraphStore]:
    if request.param == "neo4j":
        from graphrec.graph.neo4j import Neo4jStore

        with Neo4jStore(request.getfixturevalue("neo4j_url")) as server:
            server.migrate()
            server.clear()
            fill(server)
            yield server
        return
    with LadybugStore(tmp_path / "graph") as opened:
        opened.migrate()
        fill(opened)
        yield opened


def exported(store: GraphStore) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(to_yaml(read_graph(store)))
    return document


def one(document: dict[str, Any], part: str, wanted: str) -> dict[str, Any]:
    return next(item for item in document[part] if item["id"] == wanted)


def edit(store: GraphStore, document: dict[str, Any]) -> None:
    file = parse_curriculum(yaml.safe_dump(document, allow_unicode=True), "edited.yaml")
    apply_edit(store, plan_edit(store, file))


def test_what_is_exported_is_read_back_exactly(store: GraphStore) -> None:
    text = to_yaml(read_graph(store))
    file = parse_curriculum(text)
    assert file.rows == read_graph(store)
    assert plan_edit(store, file).changes == ()
    assert plan_edit(store, file).refusals == ()  # the old cycle and the untaught skill stay
    assert to_yaml(file.rows) == text


def test_it_comes_out_the_same_from_another_graph(store: GraphStore, tmp_path: Path) -> None:
    text = to_yaml(read_graph(store))
    with LadybugStore(tmp_path / "other") as other:
        other.migrate()
        for table, wanted in load_catalogue().items():
            if table in ("skills", "roles"):  # all of these are removed again
                other.write(table, wanted)
        file = parse_curriculum(text)
        plan = plan_edit(other, file)
        assert {r.kind for r in plan.refusals} == {"cycle"}
        document = yaml.safe_load(text)
        del one(document, "courses", "X")["requires"]
        edit(other, document)
        left = {c.table for c in plan_edit(other, file).changes}
        assert left == {"requires"}


def test_everything_can_be_added_changed_and_removed(store: GraphStore) -> None:
    document = exported(store)
    document["courses"] = [c for c in document["courses"] if c["id"] not in ("C", "X")]
    del one(document, "courses", "Y")["requires"]
    one(document, "courses", "A").update(hours=4, hidden=True, title="")
    one(document, "courses", "B")["requires"] = []
    one(document, "courses", "null").update(
        published_at="2027-01-31", requires_any_of={"g": ["A", "Y"]}
    )
    document["courses"].append({"id": "N", "teaches": [{"skill": "T", "level": 1}]})
    document["skills"] += [{"id": "T", "requires": ["S2"]}]
    one(document, "roles", "R/1")["needs"][0]["level"] = 3.5
    document["roles"].append({"id": "R3", "needs": [{"skill": "T"}]})
    edit(store, document)
    wanted = parse_curriculum(yaml.safe_dump(document)).rows
    assert read_graph(store) == wanted
    found = read_graph(store)["courses"]
    assert found["null",]["published_at"] == 1_801_353_600_000
    assert found["A",]["title"] is None
    assert store.counts()["interactions"] == 1


@pytest.mark.parametrize(
    ("needs", "requires", "cycle"),
    [("A", "C", {"A", "B", "C"}), ("A", "A", {"A"}), ("A", "B", {"A", "B"})],
)
def test_a_new_cycle_is_refused_with_its_path(
    store: GraphStore, needs: str, requires: str, cycle: set[str]
) -> None:
    document = exported(store)
    one(document, "courses", needs)["requires"] = [requires]
    text = yaml.safe_dump(document)
    file = parse_curriculum(text, "f.yaml")
    (refusal,) = plan_edit(store, file).refusals
    assert refusal.kind == "cycle"
    edges = {(a, b) for a, b, _ in file.rows["requires"]}
    assert edges >= set(zip(refusal.proof, (*refusal.proof[1:], refusal.proof[0]), strict=True))
    assert set(refusal.proof) <= cycle
    line = int(refusal.where.removeprefix("f.yaml:"))
    assert text.splitlines()[line - 1].strip() == f"- {requires}"
    before = read_graph(store)
    with pytest.raises(ParameterError, match="would make a cycle"):
        apply_edit(store, plan_edit(store, file))
    assert read_graph(store) == before


def test_a_new_cycle_of_skills_is_refused(store: GraphStore) -> None:
    document = exported(store)
    one(document, "skills", "S1")["requires"] = ["S2"]
    (refusal,) = plan_edit(store, parse_curriculum(yaml.safe_dump(document))).refusals
    assert (refusal.kind, set(refusal.proof)) == ("cycle", {"S1", "S2"})


@pytest.mark.parametrize("how", ["teaches", "hidden", "course"])
def test_a_needed_skill_is_not_left_without_a_course(store: GraphStore, how: str) -> None:
    document = exported(store)
    if how == "course":
        document["courses"] = [c for c in document["courses"] if c["id"] not in ("B", "C")]
    elif how == "hidden":
        one(document, "courses", "B")["hidden"] = True
    else:
        del one(document, "courses", "B")["teaches"]
    (refusal,) = plan_edit(store, parse_curriculum(yaml.safe_dump(document))).refusals
    assert (refusal.kind, refusal.proof) == ("orphaned_skill", ("R/1", "S2"))
    assert "'B'" in refusal.message
    document["roles"] = [r for r in document["roles"] if r["id"] != "R/1"]
    edit(store, document)  # nobody needs it any more


@pytest.mark.parametrize(("part", "wanted"), [("courses", "A"), ("roles", "R2")])
def test_records_of_learners_are_never_lost(store: GraphStore, part: str, wanted: str) -> None:
    document = exported(store)
    document[part] = [item for item in document[part] if item["id"] != wanted]
    for course in document["courses"]:
        course.pop("requires_any_of", None)
        if course.get("requires") == [wanted]:
            del course["requires"]
    (refusal,) = plan_edit(store, parse_curriculum(yaml.safe_dump(document))).refusals
    assert (refusal.kind, refusal.proof) == ("learner_records", (wanted,))


def test_a_change_happens_whole_or_not_at_all(store: GraphStore) -> None:
    before = read_graph(store)
    removed = {"teaches": rows("teaches", {"course_id": "B", "skill_id": "S2"})}
    for bad in (
        {"teaches": rows("teaches", {"course_id": "B", "skill_id": "nowhere"})},
        {
            "courses": rows("courses", {"course_id": "new"}),
            "needs": rows("needs", {"role_id": "no", "skill_id": "S1"}),
        },
    ):
        with pytest.raises(GraphrecError, match="not in the graph"):
            store.change(removed, bad)
        assert read_graph(store) == before
    with pytest.raises(GraphrecError):  # a learner has completed it
        store.change({**removed, "courses": rows("courses", {"course_id": "A"})}, {})
    assert read_graph(store) == before
    assert store.counts()["interactions"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f:1: is empty"),
        ("- 1", "f:1: is no mapping"),
        ("version: 2", "f:1: version"),
        ("version: 1\ncourses:\n- id: A\n  titel: x", "f:4: there is no key 'courses.0.titel'"),
        ("version: 1\ncourses:\n- title: x", "f:3: the key 'courses.0.id' is missing"),
        ("version: 1\ncourses:\n- id: A\n- id: A", "f:4: courses: 'A' stands here again, first"),
        ("version: 1\ncourses:\n- id: A\n  hours: .inf", "f:4: courses.0.hours"),
        ("version: 1\ncourses:\n- id: A\n  hours: many", "f:4: courses.0.hours"),
        ("version: 1\ncourses:\n- id: A\n  published_at: soon", "f:4: courses.0.published_at"),
        ("version: 1\ncourses:\n- id: A\n  requires: [B]", "f:4: requires of 'A': the file has no"),
        ("version: 1\ncourses: &a []", "f:2: anchors"),
        ("version: 1\ncourses: [", "f:2: "),
        ("version: 1\ncourses:\n- id: A\n  hours: -1", "f:4: courses.0.hours"),
        ('version: 1\nskills:\n- id: ""', "f:3: skills.0.id"),
    ],
)
def test_faults_are_told_with_their_line(text: str, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_curriculum(text, "f")
    assert said in str(caught.value)


def test_commands(tmp_path: Path) -> None:
    home, path = tmp_path / "store", tmp_path / "c.yaml"
    with LadybugStore(home / "graph") as graph:
        graph.migrate()
        for table, wanted in load_catalogue().items():
            graph.write(table, wanted)

    def call(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["curriculum", *arguments, "--store", str(home)])
        assert done.exit_code == code, done.output
        return done.output

    call("export", "--output", str(path))
    assert "no difference" in call("diff", str(path))
    document = yaml.safe_load(path.read_text())
    document["courses"].append({"id": "NEW", "title": "[b]New[/b]", "requires": []})
    path.write_text(yaml.safe_dump(document))
    assert "[b]New[/b]" in call("diff", str(path))
    plan = json.loads(call("diff", str(path), "--json"))
    assert plan["summary"] == {"add": 1}
    assert plan["ok"]
    call("apply", str(path), code=1)  # nobody to ask: an error for main() to tell
    assert "1 added, 0 changed, 0 removed" in call("apply", str(path), "--yes")
    assert "no difference" in call("diff", str(path))
    document["courses"][-1]["requires"] = ["NEW"]
    path.write_text(yaml.safe_dump(document))
    assert "refused: would make a cycle" in call("apply", str(path), "--yes", code=1)
    assert set(CURRICULUM_TABLES) < set(TABLES)

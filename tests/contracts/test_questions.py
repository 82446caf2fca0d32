"""Each question of a curriculum designer, against an answer worked out a second way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
import question_references as one
import question_references_learners as two
from academy import fill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from question_tables import World

from graphrec.errors import ParameterError
from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.neo4j import Neo4jStore
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

MANY = 100_000
REFERENCES: dict[str, tuple[Callable[..., one.Rows], list[dict[str, Any]]]] = {
    "bottleneck_prerequisites": (one.bottleneck_prerequisites, [{}, {"kind": "skill"}]),
    "bottleneck_risk": (one.bottleneck_risk, [{}, {"count_unfinished": True, "min_learners": 2}]),
    "orphan_skills": (one.orphan_skills, [{}]),
    "single_source_skills": (one.single_source_skills, [{}, {"role_id": "r"}]),
    "unpractised_skills": (one.unpractised_skills, [{}]),
    "redundant_courses": (one.redundant_courses, [{"min_overlap": 0.0}, {"min_overlap": 0.5}]),
    "leaving_steps": (one.leaving_steps, [{}, {"role_id": "r"}]),
    "redundant_prerequisites": (one.redundant_prerequisites, [{}]),
    "order_conflicts": (one.order_conflicts, [{}]),
    "cold_courses": (one.cold_courses, [{}, {"max_learners": 1}]),
    "hours_behind": (one.hours_behind, [{}, {"course_id": "c"}]),
    "ignored_prerequisites": (two.ignored_prerequisites, [{}, {"min_learners": 2}]),
    "prerequisite_pass_rates": (two.prerequisite_pass_rates, [{}]),
    "hidden_prerequisites": (
        two.hidden_prerequisites,
        [{"course_id": "c", "min_support": 1}, {"course_id": "c", "min_precedence": 0.0}],
    ),
    "stale_courses": (
        two.stale_courses,
        [{"role_id": "r", "as_of": "2024-12-31", "older_than_days": 0}],
    ),
    "role_skill_holders": (two.role_skill_holders, [{"role_id": "r"}]),
    "pathways_to_role": (
        two.pathways_to_role,
        [{"role_id": "r"}, {"role_id": "r", "steps": 2, "include_targets": True}],
    ),
    "skill_trend": (
        two.skill_trend,
        [{"skill_id": "s"}, {"skill_id": "s", "period": "quarter"},
         {"skill_id": "s", "period": "month"}],
    ),
    "retired_course": (two.retired_course, [{"course_id": "c"}]),
}  # fmt: skip
"""Query -> its reference, and what it is asked; a lone letter stands for ids of that kind."""


def _asked(world: World, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters for the first, a middle and the last node of a kind."""
    (name, kind), *_ = [(k, v) for k, v in given.items() if v in ("c", "s", "r")] or [("", "")]
    if not name:
        return [given]
    nodes = {"c": world.titles, "s": world.skill_names, "r": world.role_names}[kind]
    ids = sorted(nodes)
    return [{**given, name: ids[n * (len(ids) - 1) // 2]} for n in range(3 if ids else 0)]


def _plain(rows: list[dict[str, Any]]) -> list[str]:
    """Rows that compare whatever their order; floats to nine digits."""
    rounded = [{k: round(v, 9) if isinstance(v, float) else v for k, v in r.items()} for r in rows]
    return sorted(json.dumps(row, sort_keys=True, default=float) for row in rounded)


def check(store: GraphStore, name: str, world: World) -> None:
    reference, questions = REFERENCES[name]
    for question in questions:
        for values in _asked(world, question):
            more = {} if name in WITHOUT_LIMIT else {"limit": MANY}
            rows = store.run(name, **values, **more)
            expected = reference(world, **values)
            if name == "redundant_prerequisites":
                edges = {*world.course_edges(), *world.skill_edges()}
                for row in rows:
                    way = row.pop("through")
                    assert (way[0], way[-1]) == (row["id"], row["requires_id"])
                    assert set(pairwise(way)) <= edges
                    row["hops"] = len(way) - 1
            assert _plain(rows) == _plain(_floats(expected, rows)), (name, values)


def _floats(expected: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """0 and 0.0 are one number; the type is the answer's."""
    kinds = {k for row in rows for k, v in row.items() if isinstance(v, float)}
    return [{k: float(v) if k in kinds and v is not None else v for k, v in row.items()}
            for row in expected]  # fmt: skip


WITHOUT_LIMIT = ("leaving_steps", "role_skill_holders", "skill_trend")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    with LadybugStore(tmp_path_factory.mktemp("q") / "graph", buffer_mb=256, max_gb=8) as store:
        store.migrate()
        yield store


@pytest.fixture(scope="module")
def remote(neo4j_url: str) -> Iterator[GraphStore]:
    with Neo4jStore(neo4j_url) as store:
        store.migrate()
        yield store


def put(store: GraphStore, tables: dict[str, list[dict[str, Any]]]) -> World:
    store.clear()
    for name in TABLES:
        store.write(name, pa.Table.from_pylist(tables.get(name, []), schema=TABLES[name].schema))
    return World(store)


def test_the_academy(embedded: GraphStore) -> None:
    embedded.clear()
    fill(embedded)
    world = World(embedded)
    for name in REFERENCES:
        check(embedded, name, world)


def test_an_empty_graph(embedded: GraphStore) -> None:
    world = put(embedded, {})
    for name in REFERENCES:
        check(embedded, name, world)


def chain(length: int) -> dict[str, list[dict[str, Any]]]:
    """A chain of courses and one of skills, each with an edge from end to end."""
    ids = [f"{n:04}" for n in range(length)]
    pairs = [*zip(ids[1:], ids, strict=False), (ids[-1], ids[0])]
    return {
        "courses": [{"course_id": n, "hours": 1.0} for n in ids],
        "skills": [{"skill_id": n} for n in ids],
        "requires": [{"course_id": a, "requires_course_id": b} for a, b in pairs],
        "skill_prerequisites": [{"skill_id": a, "requires_skill_id": b} for a, b in pairs],
    }


def test_a_chain_of_a_thousand_is_exact(embedded: GraphStore) -> None:
    put(embedded, chain(1000))
    first = embedded.run("bottleneck_prerequisites", kind="course", limit=1)[0]
    assert (first["id"], first["all_dependents"]) == ("0000", 999)
    assert embedded.run("hours_behind", course_id="0999")[0]["hours"] == 999.0
    assert len(embedded.run("retired_course", course_id="0000")) == 999
    found = embedded.run("redundant_prerequisites")
    assert [(r["kind"], r["id"], len(r["through"])) for r in found] == [
        ("course", "0999", 1000),
        ("skill", "0999", 1000),
    ]


IDS = {
    "courses": ["c0", "c1", "c2 ü", "c3 課", "c4", "c5'\"\\"],
    "skills": ["s0", "s1", "s2", "s3 😀"],
    "roles": ["r0", "r1"],
    "learners": ["l0", "l1", "l2", "l3", "l4"],
}


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Small graphs: circles, self-loops, alternatives, equal names, nulls, equal times."""

    def pick(table: str) -> Any:
        return st.sampled_from(IDS[table])

    values: dict[str, Any] = {
        "type": st.sampled_from(
            ["enrolled", "completed", "completed", "viewed", "dropped", "rated"]
        ),
        "at": st.none() | st.sampled_from([0, 1, 5, 86_400_000 * 200, 1_700_000_000_000]),
        "published_at": st.none() | st.sampled_from([0, 1_500_000_000_000]),
        "seq": st.none() | st.integers(0, 3),
        "title": st.none() | st.sampled_from(["Same", "統計"]),
        "name": st.none() | st.just("Same"),
        "any_of": st.sampled_from([None, None, "g"]),
        "role_id": st.none() | pick("roles"),
        "target_role_id": st.none() | pick("roles"),
    }
    made: dict[str, list[dict[str, Any]]] = {}
    for name, spec in TABLES.items():
        columns = {}
        for field in spec.schema:
            other = spec.references.get(field.name)
            strategy = pick(other) if other and field.name in spec.required else None
            if strategy is None and field.name in values:
                strategy = values[field.name]
            if strategy is None and pa.types.is_floating(field.type):
                strategy = st.none() | st.sampled_from([0.0, 1.0, 2.5])
            if strategy is None and pa.types.is_boolean(field.type):
                strategy = st.sampled_from([None, False, True])
            if strategy is not None:
                columns[field.name] = strategy
        if spec.node:
            key = spec.required[0]
            ids = draw(st.lists(pick(name), unique=True)) if name == "roles" else IDS[name]
            ids = ids or IDS[name][:1]
            columns.pop(key, None)
            made[name] = [{key: i, **draw(st.fixed_dictionaries(columns))} for i in IDS[name]]
        else:
            made[name] = draw(st.lists(st.fixed_dictionaries(columns), max_size=12))
    return made


LOOSE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


@settings(max_examples=25, deadline=None, suppress_health_check=LOOSE)
@given(tables())
def test_random_graphs(embedded: GraphStore, made: dict[str, list[dict[str, Any]]]) -> None:
    world = put(embedded, made)
    for name in REFERENCES:
        check(embedded, name, world)


@pytest.mark.neo4j
@settings(max_examples=4, deadline=None, suppress_health_check=LOOSE)
@given(tables())
def test_random_graphs_in_neo4j(remote: GraphStore, made: dict[str, list[dict[str, Any]]]) -> None:
    world = put(remote, made)
    for name in REFERENCES:
        check(remote, name, world)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("skill_trend", {"skill_id": "s", "period": "week"}),
        ("stale_courses", {"role_id": "r", "as_of": "yesterday"}),
        ("redundant_courses", {"min_overlap": "nan"}),
        ("pathways_to_role", {"role_id": "r", "steps": 0}),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    embedded: GraphStore, name: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError) as caught:
        embedded.run(name, **wrong)
    assert caught.value.where in wrong

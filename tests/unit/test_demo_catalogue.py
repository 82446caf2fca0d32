"""The demonstration academy holds together: counts, texts, references, order, reach."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import networkx as nx
import pytest

from graphrec.demo.catalogue import CATALOGUE_TABLES, load_catalogue
from graphrec.schema import TABLES

Rows = list[dict[str, Any]]
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@pytest.fixture(scope="module")
def rows() -> dict[str, Rows]:
    return {name: table.to_pylist() for name, table in load_catalogue().items()}


@pytest.fixture(scope="module")
def visible(rows: dict[str, Rows]) -> set[str]:
    return {c["course_id"] for c in rows["courses"] if not c["hidden"]}


@pytest.fixture(scope="module")
def teaches(rows: dict[str, Rows]) -> dict[str, dict[str, float]]:
    taught: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows["teaches"]:
        taught[row["course_id"]][row["skill_id"]] = row["level"]
    return taught


@pytest.fixture(scope="module")
def course_graph(rows: dict[str, Rows]) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(c["course_id"] for c in rows["courses"])
    graph.add_edges_from((r["requires_course_id"], r["course_id"]) for r in rows["requires"])
    return graph


@pytest.fixture(scope="module")
def groups(rows: dict[str, Rows]) -> dict[str, list[set[str]]]:
    """Course -> groups, of each of which one course must be completed."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows["requires"]:
        group = row["any_of"] or f"only:{row['requires_course_id']}"
        found[row["course_id"], group].add(row["requires_course_id"])
    by_course: dict[str, list[set[str]]] = defaultdict(list)
    for (course_id, _), alternatives in found.items():
        by_course[course_id].append(alternatives)
    return by_course


def test_tables_have_exactly_the_native_schema() -> None:
    tables = load_catalogue()
    assert tuple(tables) == CATALOGUE_TABLES
    for name, table in tables.items():
        assert table.schema.equals(TABLES[name].schema)


def test_the_academy_is_large_enough(rows: dict[str, Rows]) -> None:
    assert len(rows["courses"]) >= 150
    assert len(rows["skills"]) >= 200
    assert len(rows["roles"]) >= 15
    assert 6 <= len({c["provider"] for c in rows["courses"]}) <= 8
    assert {c["language"] for c in rows["courses"]} == {"en", "de", "es", "fr"}
    assert sum(c["hidden"] for c in rows["courses"]) == 2
    assert any(r["any_of"] for r in rows["requires"])


@pytest.mark.parametrize("table", CATALOGUE_TABLES)
def test_keys_are_unique_slugs_and_references_exist(rows: dict[str, Rows], table: str) -> None:
    spec = TABLES[table]
    keys = Counter(tuple(row[column] for column in spec.key) for row in rows[table])
    assert max(keys.values()) == 1
    if spec.node:
        assert all(SLUG.fullmatch(key[0]) for key in keys)
    holders = {"course_id": "courses", "skill_id": "skills", "role_id": "roles"}
    for column in (c for c in spec.schema.names if c.endswith("_id")):
        id_column = next(name for name in holders if column.endswith(name))
        known = {row[id_column] for row in rows[holders[id_column]]}
        assert {row[column] for row in rows[table]} <= known


def test_every_course_has_two_sentences_of_its_own(rows: dict[str, Rows]) -> None:
    sentences: Counter[str] = Counter()
    for course in rows["courses"]:
        text = course["description"]
        assert text == text.strip()
        assert len(SENTENCE_END.findall(text)) == 2, course["course_id"]
        assert text[-1] in ".!?"
        sentences.update(s.strip().lower() for s in SENTENCE_END.split(text) if s.strip())
    assert [s for s, count in sentences.items() if count > 1] == []


@pytest.mark.parametrize("table", ["skills", "roles"])
def test_skills_and_roles_are_named_and_described_once(rows: dict[str, Rows], table: str) -> None:
    for column in ("name", "description"):
        assert len({row[column] for row in rows[table]}) == len(rows[table])
    assert all(len(SENTENCE_END.findall(row["description"])) == 1 for row in rows[table])


def test_course_facts_are_plausible(rows: dict[str, Rows], teaches: Any) -> None:
    assert len({c["title"] for c in rows["courses"]}) == len(rows["courses"])
    first, after_last = 1_609_459_200_000, 1_798_761_600_000  # 2021-01-01, 2027-01-01
    for course in rows["courses"]:
        assert course["level"] in {"beginner", "intermediate", "advanced", "expert"}
        assert 1 <= course["hours"] <= 60
        assert first <= course["published_at"] < after_last
        assert 1 <= len(teaches[course["course_id"]]) <= 4


@pytest.mark.parametrize("table", ["teaches", "needs"])
def test_levels_run_from_one_to_five(rows: dict[str, Rows], table: str) -> None:
    assert {row["level"] for row in rows[table]} <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_prerequisites_are_acyclic_and_six_deep(
    rows: dict[str, Rows], course_graph: nx.DiGraph
) -> None:
    skills = nx.DiGraph(
        (r["requires_skill_id"], r["skill_id"]) for r in rows["skill_prerequisites"]
    )
    assert nx.is_directed_acyclic_graph(skills)
    assert nx.is_directed_acyclic_graph(course_graph)
    assert nx.dag_longest_path_length(course_graph) == 6


def test_a_required_course_is_visible(rows: dict[str, Rows], visible: set[str]) -> None:
    assert {r["requires_course_id"] for r in rows["requires"]} <= visible


def test_every_needed_skill_is_taught_to_the_needed_level(
    rows: dict[str, Rows], visible: set[str], teaches: Any
) -> None:
    best: dict[str, float] = defaultdict(float)
    for course_id in visible:
        for skill_id, level in teaches[course_id].items():
            best[skill_id] = max(best[skill_id], level)
    short = [n for n in rows["needs"] if best[n["skill_id"]] < n["level"]]
    assert short == []
    needs = Counter(n["role_id"] for n in rows["needs"])
    assert min(needs[r["role_id"]] for r in rows["roles"]) >= 8


def test_whatever_alternative_is_chosen_skills_are_held_before_they_are_needed(
    rows: dict[str, Rows], visible: set[str], teaches: Any, course_graph: nx.DiGraph, groups: Any
) -> None:
    requires: dict[str, set[str]] = defaultdict(set)
    for row in rows["skill_prerequisites"]:
        requires[row["skill_id"]].add(row["requires_skill_id"])
    sure: dict[str, set[str]] = {}  # skills held after a course on every way to it
    for course_id in nx.topological_sort(course_graph):
        held = set(teaches[course_id])
        for alternatives in groups[course_id]:
            held |= set.intersection(*(sure[a] for a in alternatives))
        sure[course_id] = held
    for course_id in visible:
        needed = set().union(*(requires[s] for s in teaches[course_id]))
        assert needed <= sure[course_id], course_id


def test_every_language_variant_counts_like_its_english_course(
    rows: dict[str, Rows], groups: Any
) -> None:
    """A translated entry course is worth taking: some any_of group accepts it."""
    language = {c["course_id"]: c["language"] for c in rows["courses"]}
    accepted = {
        variant
        for course_groups in groups.values()
        for alternatives in course_groups
        for variant in alternatives
        if len({language[a] for a in alternatives}) > 1 and language[variant] != "en"
    }
    assert {language[c] for c in accepted} == {"de", "es", "fr"}
    assert len(accepted) >= 12

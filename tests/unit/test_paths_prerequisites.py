"""Cycles, layers and closures of prerequisites."""

from __future__ import annotations

import random

import networkx as nx

from graphrec.graph.prerequisites import (
    course_graph,
    depth,
    find_cycles,
    layers,
    skill_closure,
    skill_graph,
    takeable_courses,
)
from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.recommend.mastery import ANONYMOUS
from graphrec.recommend.path_universe import Rules, build_universe


def test_cycles_are_named_once_from_their_smallest_id() -> None:
    graph = skill_graph({"b": ["a"], "c": ["b"], "a": ["c"], "d": ["d"], "e": ["a"]})
    assert find_cycles(graph) == [["a", "b", "c"], ["d"]]


def test_every_cycle_found_is_one_and_none_is_missed() -> None:
    rng = random.Random(0)
    for _ in range(50):
        names = [f"n{i}" for i in range(8)]
        graph = nx.DiGraph([(rng.choice(names), rng.choice(names)) for _ in range(9)])
        cycles = find_cycles(graph)
        for cycle in cycles:
            assert all(
                graph.has_edge(*pair) for pair in zip(cycle, cycle[1:] + cycle[:1], strict=True)
            )
        assert bool(cycles) == (not nx.is_directed_acyclic_graph(graph))


def test_layers_put_a_cycle_together() -> None:
    graph = course_graph({"b": [["a"]], "c": [["b"], ["d"]], "d": [["c"]]})
    assert layers(graph) == [[["a"]], [["b"]], [["c", "d"]]]
    assert depth(graph) == 3


def test_what_is_held_needs_nothing_more() -> None:
    before = {"c": ["b"], "b": ["a"]}
    assert skill_closure(["c"], before) == {"a", "b", "c"}
    assert skill_closure(["c"], before, {"b"}) == {"c"}


def test_takeable_courses_are_those_the_planner_finds() -> None:
    rng = random.Random(1)
    for _ in range(100):
        names = [f"c{i}" for i in range(7)]
        requires = {
            name: tuple(
                tuple(sorted(rng.sample(names, rng.randint(1, 2))))
                for _ in range(rng.randint(0, 2))
            )
            for name in names
        }
        catalogue = Catalogue(courses={n: Course(n) for n in names}, requires=requires)
        universe = build_universe(Rules(catalogue, ANONYMOUS), names)
        assert set(universe.ids) == takeable_courses(names, requires)
        assert all(universe.is_closed(mask) for mask in universe.closure)

"""Cycles and closures of prerequisites."""

from __future__ import annotations

import random

import networkx as nx

from graphrec.graph.prerequisites import find_cycles, skill_closure


def test_cycles_are_named_once_from_their_smallest_id() -> None:
    edges = [("b", "a"), ("c", "b"), ("a", "c"), ("d", "d"), ("e", "a")]
    assert find_cycles(edges) == [(["a", "b", "c"], ["a", "c", "b"]), (["d"], ["d"])]


def test_every_cycle_found_is_one_and_none_is_missed() -> None:
    rng = random.Random(0)
    for _ in range(50):
        names = [f"n{i}" for i in range(8)]
        graph = nx.DiGraph([(rng.choice(names), rng.choice(names)) for _ in range(9)])
        cycles = find_cycles(graph.edges)
        for members, cycle in cycles:
            assert set(cycle) <= set(members)
            pairs = zip(cycle, cycle[1:] + cycle[:1], strict=True)
            assert all(graph.has_edge(*pair) for pair in pairs)
        assert bool(cycles) == (not nx.is_directed_acyclic_graph(graph))


def test_what_is_held_needs_nothing_more() -> None:
    before = {"c": ["b"], "b": ["a"]}
    assert skill_closure(["c"], before) == {"a", "b", "c"}
    assert skill_closure(["c"], before, {"b"}) == {"c"}

"""Stage 2, GRAPH: what prerequisites imply: cycles to report, and closures to plan with."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import networkx as nx

Edge = tuple[str, str]
"""What needs, and what it requires."""


def find_cycles(edges: Iterable[Edge]) -> list[tuple[list[str], list[str]]]:
    """Groups of nodes that require each other.

    Args:
        edges: (what needs, what it requires).

    Returns:
        For each group its members (sorted) and one shortest cycle among them, beginning
        with its smallest member and following ``edges``; largest group first, then by id.
    """
    graph = nx.DiGraph(list(edges))
    groups = [sorted(c) for c in nx.strongly_connected_components(graph)]
    cyclic = [c for c in groups if len(c) > 1 or graph.has_edge(c[0], c[0])]
    cyclic.sort(key=lambda members: (-len(members), members))
    return [(members, _shortest_cycle(graph, members)) for members in cyclic]


def _shortest_cycle(graph: Any, members: list[str]) -> list[str]:
    """A shortest cycle through the smallest member, without repeating it at the end."""
    start, inside = members[0], set(members)
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for following in sorted(n for n in graph.successors(node) if n in inside):
            if following == start:
                path = [node]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if following not in came_from:
                came_from[following] = node
                waiting.append(following)
    raise AssertionError("a strongly connected group has a cycle through each member")


def skill_closure(
    skills: Iterable[str], prerequisites: Mapping[str, Sequence[str]], held: Set[str] = frozenset()
) -> set[str]:
    """Skills to be gained for ``skills``: themselves and all before them, but what is held.

    What a held skill would need in turn is not asked again.
    """
    stack = [skill for skill in skills if skill not in held]
    found = set(stack)
    while stack:
        for prerequisite in prerequisites.get(stack.pop(), ()):
            if prerequisite not in found and prerequisite not in held:
                found.add(prerequisite)
                stack.append(prerequisite)
    return found

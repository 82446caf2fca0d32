"""Stage 2, GRAPH: what prerequisites imply, by networkx: cycles, layers and closures.

In come prerequisites as plain mappings (course -> REQUIRES groups, skill -> prerequisite
skills); out go cycles to report, layers to show and closures to plan with. An edge always
points from the prerequisite to what needs it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set

import networkx as nx

Groups = Mapping[str, Sequence[Sequence[str]]]
"""Course id -> groups; one course of every group is required."""


def skill_graph(prerequisites: Mapping[str, Iterable[str]]) -> nx.DiGraph:
    """Graph of skills, an edge from each prerequisite to the skill that needs it."""
    graph: nx.DiGraph = nx.DiGraph()
    for skill, required in prerequisites.items():
        graph.add_node(skill)
        graph.add_edges_from((prerequisite, skill) for prerequisite in required)
    return graph


def course_graph(requires: Groups) -> nx.DiGraph:
    """Graph of courses, an edge from each required course, alternatives included."""
    graph: nx.DiGraph = nx.DiGraph()
    for course, groups in requires.items():
        graph.add_node(course)
        graph.add_edges_from((required, course) for group in groups for required in group)
    return graph


def find_cycles(graph: nx.DiGraph) -> list[list[str]]:
    """Every knot of nodes that need each other, as one shortest cycle through it.

    Returns:
        Sorted list of cycles; each starts with its smallest id and names every node once.
    """
    cycles = []
    for component in nx.strongly_connected_components(graph):
        start = min(component)
        if len(component) > 1:
            cycles.append(_cycle_through(graph, start, component))
        elif graph.has_edge(start, start):
            cycles.append([start])
    return sorted(cycles)


def _cycle_through(graph: nx.DiGraph, start: str, within: Set[str]) -> list[str]:
    """A shortest cycle through ``start`` that stays inside its component."""
    came_from: dict[str, str] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for after in sorted(graph.successors(node)):
            if after == start:
                path = [node]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if after in within and after not in came_from:
                came_from[after] = node
                queue.append(after)
    raise AssertionError("a component of two or more nodes has a cycle through each")


def layers(graph: nx.DiGraph) -> list[list[list[str]]]:
    """Layers in order; what needs each other both ways stands together.

    Returns:
        Layer -> groups -> ids, groups and ids sorted. A group of one is a node outside any
        cycle; whatever a group needs lies in earlier layers (or within it).
    """
    condensed = nx.condensation(graph)
    members = nx.get_node_attributes(condensed, "members")
    return [
        sorted(sorted(members[node]) for node in generation)
        for generation in nx.topological_generations(condensed)
    ]


def depth(graph: nx.DiGraph) -> int:
    """Nodes on the longest chain of prerequisites, a cycle counting as one."""
    return len(layers(graph))


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


def takeable_courses(
    courses: Iterable[str], requires: Groups, completed: Set[str] = frozenset()
) -> set[str]:
    """The courses among ``courses`` that can be taken in some order (least fixpoint).

    A course behind a cycle of REQUIRES, or behind one that is not among ``courses`` nor
    completed, is left out unless an alternative of each group avoids it.
    """
    waiting: dict[str, list[tuple[str, int]]] = {}
    open_groups: dict[str, set[int]] = {}
    ready: deque[str] = deque()
    for course in courses:
        groups = requires.get(course, ())
        missing = {i for i, group in enumerate(groups) if completed.isdisjoint(group)}
        open_groups[course] = missing
        for index in missing:
            for option in groups[index]:
                waiting.setdefault(option, []).append((course, index))
        if not missing:
            ready.append(course)
    taken: set[str] = set()
    while ready:
        course = ready.popleft()
        taken.add(course)
        for other, index in waiting.get(course, ()):
            before = len(open_groups[other])
            open_groups[other].discard(index)
            if before and not open_groups[other]:
                ready.append(other)
    return taken

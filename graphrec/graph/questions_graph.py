"""Stage 2, GRAPH: what a designer asks of prerequisite edges, worked out from all of them.

In come rows of edges as a query text returns them, out go the rows of the answer, sorted.
Any depth is exact, circles included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import networkx as nx

from graphrec.graph.store import Row


def risk(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Courses behind each required course, times its dropout rate."""
    graph = nx.DiGraph([(r["requires_id"], r["id"]) for r in rows if r["kind"] == "edge"])
    leavers = "unfinished" if values["count_unfinished"] else "dropped"
    found: list[Row] = []
    for row in rows:
        if row["kind"] != "course" or row["learners"] < max(1, values["min_learners"]):
            continue
        behind = len(nx.descendants(graph, row["id"]))
        rate = row[leavers] / row["learners"]
        found.append(
            {
                "course_id": row["id"],
                "title": row["title"],
                "all_dependents": behind,
                "learners": row["learners"],
                "left": row[leavers],
                "dropout_rate": rate,
                "risk": behind * rate,
            }
        )
    found.sort(key=lambda r: (-r["risk"], -r["all_dependents"], r["course_id"]))
    return found[: values["limit"]]


def redundant_edges(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Edges between whose ends there is another way."""
    graphs: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row["id"] != row["requires_id"] and values["kind"] in ("", row["kind"]):
            graphs.setdefault(row["kind"], {}).setdefault(row["id"], []).append(row["requires_id"])
    found: list[Row] = []
    for kind, graph in sorted(graphs.items()):
        following = {node: sorted(set(after)) for node, after in graph.items()}
        for node in sorted(following):
            for target in following[node]:
                way = _other_way(following, node, target)
                if way:
                    found.append({"kind": kind, "id": node, "requires_id": target, "through": way})
    return found[: values["limit"]]


def _other_way(following: Mapping[str, list[str]], start: str, end: str) -> list[str]:
    """A shortest way that is not the edge itself; empty where there is none."""
    came_from = {start: ""}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for after in following.get(node, ()):
            if after in came_from or (node == start and after == end):
                continue
            came_from[after] = node
            if after == end:
                way = [after]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            waiting.append(after)
    return []


def hours_behind(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Hours of everything that a course requires, without and with alternatives."""
    every, needed = nx.DiGraph(), nx.DiGraph()
    hours: dict[str, float | None] = {}
    for row in rows:
        if row["kind"] == "course":
            hours[row["id"]] = row["hours"]
            continue
        every.add_edge(row["id"], row["requires_id"])
        if not row["any_of"]:
            needed.add_edge(row["id"], row["requires_id"])
    found: list[Row] = []
    for row in rows:
        course = row["id"]
        if row["kind"] != "course" or values["course_id"] not in ("", course):
            continue
        with_all = nx.descendants(every, course)
        without = nx.descendants(needed, course) if course in needed else set()
        if not with_all and not values["course_id"]:
            continue
        found.append(
            {
                "course_id": course,
                "title": row["title"],
                "courses": len(without),
                "hours": _total(hours, without),
                "all_courses": len(with_all),
                "all_hours": _total(hours, with_all),
                "unknown_hours": sum(hours[c] is None for c in with_all),
            }
        )
    found.sort(key=lambda r: (-r["hours"], -r["all_hours"], -r["courses"], r["course_id"]))
    return found[: values["limit"]]


def _total(hours: Mapping[str, float | None], courses: set[str]) -> float:
    # In one order: a sum of floats depends on it, and the engines return rows in any.
    return float(sum(hours[course] or 0.0 for course in sorted(courses)))


def retirement(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Roles that lose a skill, courses out of reach, learners under way or aiming there."""
    roles: dict[str, Row] = {}
    for row in rows:
        if row["kind"] == "role":
            role = {"kind": "role", "id": row["id"], "name": row["name"]}
            kept = roles.setdefault(row["id"], {**role, "effect": "loses a skill", "skills": []})
            kept["skills"].append(row["other_id"])
    found = [{**role, "skills": sorted(role["skills"])} for _, role in sorted(roles.items())]
    edges = [row for row in rows if row["kind"] == "edge"]
    names = {row["id"]: row["name"] for row in edges}
    found += [
        {"kind": "course", "id": c, "name": names[c], "effect": "out of reach", "skills": []}
        for c in sorted(_out_of_reach(edges, values["course_id"]))
    ]
    effects = {
        (row["id"], "under way" if row["kind"] == "under way" else "aims for an affected role")
        for row in rows
        if row["kind"] == "under way" or (row["kind"] == "aims" and row["other_id"] in roles)
    }
    found += [
        {"kind": "learner", "id": learner, "name": "", "effect": effect, "skills": []}
        for learner, effect in sorted(effects)
    ]
    return found[: values["limit"]]


def _out_of_reach(edges: list[Row], retired: str) -> set[str]:
    """Courses that cannot be begun once ``retired`` is gone, to any depth."""
    behind: dict[str, list[tuple[str, str]]] = {}
    left: dict[tuple[str, str], set[str]] = {}
    for row in edges:
        group = (row["id"], row["any_of"] or f"\x1f{row['other_id']}")
        behind.setdefault(row["other_id"], []).append(group)
        left.setdefault(group, set()).add(row["other_id"])
    gone, waiting = {retired}, deque([retired])
    while waiting:
        course = waiting.popleft()
        for group in behind.get(course, ()):
            left[group].discard(course)
            if not left[group] and group[0] not in gone:
                gone.add(group[0])
                waiting.append(group[0])
    return gone - {retired}

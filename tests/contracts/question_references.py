"""What the questions of a curriculum designer must answer, worked out a second way.

Plain Python and networkx over the native tables: no query text, no engine, and nothing of the
code under test. Each function takes the tables and the query's parameters and returns all rows
in any order, without a limit.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import combinations
from typing import Any

import networkx as nx
from question_tables import BEGUN, TAKEN, World

Rows = list[dict[str, Any]]


def bottleneck_prerequisites(w: World, kind: str = "") -> Rows:
    rows = []
    for name, edges, names in (
        ("course", w.course_edges(), w.titles),
        ("skill", w.skill_edges(), w.skill_names),
    ):
        for node in {p for _, p in edges} if kind in ("", name) else ():
            behind = nx.ancestors(nx.DiGraph(edges), node)
            blocked = sum(not done for (_, c), done in w.finished(BEGUN).items() if c == node)
            rows.append(
                {
                    "kind": name,
                    "id": node,
                    "name": names[node],
                    "direct_dependents": len({c for c, p in edges if p == node} - {node}),
                    "all_dependents": len(behind),
                    "learners_blocked": blocked if name == "course" else None,
                }
            )
    return rows


def bottleneck_risk(w: World, count_unfinished: bool = False, min_learners: int = 1) -> Rows:
    graph, rows = nx.DiGraph(w.course_edges()), []
    for course in {p for _, p in w.course_edges()}:
        mine = [kinds for (_, c), kinds in w.kinds(BEGUN).items() if c == course]
        left = sum(
            "completed" not in kinds and (count_unfinished or "dropped" in kinds) for kinds in mine
        )
        if not mine or len(mine) < min_learners:
            continue
        behind = len(nx.ancestors(graph, course))
        rows.append(
            {
                "course_id": course,
                "title": w.titles[course],
                "all_dependents": behind,
                "learners": len(mine),
                "left": left,
                "dropout_rate": left / len(mine),
                "risk": behind * left / len(mine),
            }
        )
    return rows


def orphan_skills(w: World) -> Rows:
    linked = {r["skill_id"] for r in w["teaches"] + w["needs"]}
    linked |= {s for edge in w.skill_edges() for s in edge}
    holders = Counter(r["skill_id"] for r in w["holds"])
    return [
        {"skill_id": s, "name": name, "holders": holders[s]}
        for s, name in w.skill_names.items()
        if s not in linked
    ]


def single_source_skills(w: World, role_id: str = "") -> Rows:
    needed, sources = defaultdict(set), defaultdict(set)
    for r in w["needs"]:
        needed[r["skill_id"]].add(r["role_id"])
    for course, skill in w.visibly_taught():
        sources[skill].add(course)
    return [
        {
            "skill_id": s,
            "name": w.skill_names[s],
            "course_id": min(sources[s]),
            "title": w.titles[min(sources[s])],
            "roles": len(roles),
        }
        for s, roles in needed.items()
        if len(sources[s]) == 1 and (not role_id or role_id in roles)
    ]


def unpractised_skills(w: World) -> Rows:
    taken = {r["course_id"] for r in w["interactions"]}
    scored = {
        r["course_id"] for r in w["interactions"] if r["score"] is not None and r["type"] != "rated"
    }
    holders = Counter(r["skill_id"] for r in w["holds"])
    rows = []
    for skill in {s for _, s in w.visibly_taught()}:
        courses = {c for c, s in w.visibly_taught() if s == skill}
        row = {
            "skill_id": skill,
            "name": w.skill_names[skill],
            "courses": len(courses),
            "courses_taken": len(courses & taken),
            "courses_scored": len(courses & scored),
            "holders": holders[skill],
        }
        if not row["courses_taken"] or not (row["courses_scored"] or row["holders"]):
            rows.append(row)
    return rows


def redundant_courses(w: World, min_overlap: float = 0.8, min_shared: int = 1) -> Rows:
    skills = defaultdict(set)
    for course, skill in w.visibly_taught():
        skills[course].add(skill)
    rows = []
    for a, b in combinations(sorted(skills), 2):
        shared, everything = skills[a] & skills[b], skills[a] | skills[b]
        if shared and len(shared) >= min_shared and len(shared) / len(everything) >= min_overlap:
            rows.append(
                {
                    "course_id": a,
                    "title": w.titles[a],
                    "other_course_id": b,
                    "other_title": w.titles[b],
                    "shared": len(shared),
                    "only_here": len(skills[a] - skills[b]),
                    "only_there": len(skills[b] - skills[a]),
                    "overlap": len(shared) / len(everything),
                }
            )
    return rows


def leaving_steps(w: World, role_id: str = "") -> Rows:
    serving = {c for c, s in w.taught() if s in w.needed(role_id)} if role_id else set(w.titles)
    done: dict[str, list[bool]] = defaultdict(list)
    for (learner, course), finished in w.finished(BEGUN).items():
        if course in serving:
            done[learner].append(finished)
    last = {learner: sum(d) + (not all(d)) for learner, d in done.items()}
    stopped = Counter(last[learner] for learner, d in done.items() if not all(d))
    rows = []
    for step in range(1, max(last.values(), default=0) + 1):
        reached = sum(n >= step for n in last.values())
        rows.append(
            {
                "step": step,
                "learners": reached,
                "stopped": stopped[step],
                "stop_rate": stopped[step] / reached,
            }
        )
    return rows


def redundant_prerequisites(w: World, kind: str = "") -> Rows:
    """``through`` is checked by the test, as there may be several as short."""
    rows = []
    required = [(r["course_id"], r["requires_course_id"]) for r in w["requires"] if not r["any_of"]]
    for name, edges in (("course", required), ("skill", w.skill_edges())):
        for edge in set(edges) if kind in ("", name) else ():
            rest = nx.DiGraph([e for e in edges if e != edge])
            rest.add_nodes_from(edge)
            if edge[0] != edge[1] and nx.has_path(rest, *edge):
                length = nx.shortest_path_length(rest, *edge)
                rows.append({"kind": name, "id": edge[0], "requires_id": edge[1], "hops": length})
    return rows


def order_conflicts(w: World) -> Rows:
    skills = defaultdict(set)
    for course, skill in w.taught():
        skills[course].add(skill)
    return [
        {
            "course_id": c,
            "skill_id": s,
            "requires_course_id": p,
            "later_skill_id": t,
            "skill_name": w.skill_names[s],
            "later_skill_name": w.skill_names[t],
        }
        for c, p in set(w.course_edges())
        for t, s in set(w.skill_edges())  # t builds on s
        if c != p and s != t
        if t in skills[p] - skills[c] and s in skills[c] - skills[p]
    ]


def cold_courses(w: World, max_learners: int = 0) -> Rows:
    rows = []
    for course in w.visible:
        learners = len({k[0] for k in w.kinds(TAKEN) if k[1] == course})
        if learners > max_learners:
            continue
        mine = {s for c, s in w.taught() if c == course}
        serves = Counter(r["role_id"] for r in w["needs"] if r["skill_id"] in mine)
        rows += [
            {
                "course_id": course,
                "title": w.titles[course],
                "learners": learners,
                "role_id": role,
                "role_name": w.role_names.get(role, ""),
                "skills": skills,
            }
            for role, skills in (serves or {"": 0}).items()
        ]
    return rows


def hours_behind(w: World, course_id: str = "") -> Rows:
    every = nx.DiGraph(w.course_edges())
    strict = nx.DiGraph(
        [(r["course_id"], r["requires_course_id"]) for r in w["requires"] if not r["any_of"]]
    )
    hours = {r["course_id"]: r["hours"] for r in w["courses"]}
    rows = []
    for course in every if not course_id else {course_id} & set(every):
        everything = nx.descendants(every, course)
        needed = nx.descendants(strict, course) if course in strict else set()
        if everything or course_id:
            rows.append(
                {
                    "course_id": course,
                    "title": w.titles[course],
                    "courses": len(needed),
                    "hours": sum(hours[c] or 0 for c in needed),
                    "all_courses": len(everything),
                    "all_hours": sum(hours[c] or 0 for c in everything),
                    "unknown_hours": sum(hours[c] is None for c in everything),
                }
            )
    return rows

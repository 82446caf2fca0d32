"""The other half of the references: what depends on when learners did what."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import networkx as nx
from question_references import Rows
from question_tables import BEGUN, MET, World, order


def _by_prerequisite(w: World) -> dict[tuple[str, str], Counter[tuple[bool, bool]]]:
    """Edge -> how many learners (kept it, passed the course)."""
    had = w.first(frozenset(w.done))
    found: dict[tuple[str, str], Counter[tuple[bool, bool]]] = defaultdict(Counter)
    for r in w["requires"]:
        course, before = r["course_id"], r["requires_course_id"]
        if r["any_of"] or course == before:
            continue
        for (learner, c), began in w.first(BEGUN).items():
            if c == course:
                owned = had.get((learner, before))
                kept = owned is not None and order(owned, began) <= 0
                found[course, before][kept, w.finished(BEGUN)[learner, course]] += 1
    return found


def ignored_prerequisites(w: World, min_learners: int = 1) -> Rows:
    rows = []
    for (course, before), n in _by_prerequisite(w).items():
        ignored, learners = n[False, True] + n[False, False], sum(n.values())
        if ignored and ignored >= min_learners:
            rows.append(
                {
                    "course_id": course,
                    "title": w.titles[course],
                    "requires_course_id": before,
                    "learners": learners,
                    "ignored": ignored,
                    "ignored_rate": ignored / learners,
                    "passed_ignoring": n[False, True],
                    "pass_rate_ignoring": n[False, True] / ignored,
                }
            )
    return rows


def prerequisite_pass_rates(w: World, min_learners: int = 1) -> Rows:
    rows = []
    for (course, before), n in _by_prerequisite(w).items():
        with_it, without = n[True, True] + n[True, False], n[False, True] + n[False, False]
        if min(with_it, without) >= max(1, min_learners):
            one, other = n[True, True] / with_it, n[False, True] / without
            rows.append(
                {
                    "course_id": course,
                    "title": w.titles[course],
                    "requires_course_id": before,
                    "learners_with": with_it,
                    "learners_without": without,
                    "pass_rate_with": one,
                    "pass_rate_without": other,
                    "difference": one - other,
                }
            )
    return rows


def hidden_prerequisites(
    w: World, course_id: str, min_support: int = 5, min_precedence: float = 0.5
) -> Rows:
    first, rows = w.first(MET), []
    takers = {learner for learner, c in first if c == course_id}
    for other in set(w.titles) - {course_id} - {p for c, p in w.course_edges() if c == course_id}:
        mine = {learner for learner, c in first if c == other}
        orders = [order(first[x, other], first[x, course_id]) for x in takers & mine]
        support, reverse = orders.count(-1), orders.count(1)
        if not support or support < min_support or support < min_precedence * (support + reverse):
            continue
        rows.append(
            {
                "course_id": other,
                "title": w.titles[other],
                "support": support,
                "reversed": reverse,
                "precedence": support / (support + reverse),
                "learners": len(mine),
                "lift": support * len(w["learners"]) / (len(takers) * len(mine)),
            }
        )
    return rows


def stale_courses(w: World, role_id: str, older_than_days: int = 1095, as_of: str = "") -> Rows:
    today = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    published = {r["course_id"]: r["published_at"] for r in w["courses"]}
    serving = {c for c, s in w.visibly_taught() if s in w.needed(role_id)}
    graph = nx.DiGraph([(c, p) for c, p in w.course_edges() if p in w.visible])
    graph.add_nodes_from(serving)
    depths: dict[str, int] = {}
    for course in serving:
        for node, depth in nx.single_source_shortest_path_length(graph, course).items():
            depths[node] = min(depth, depths.get(node, depth))
    rows = []
    for course, depth in depths.items():
        at = published[course]
        if at is None:
            continue
        age = (today - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(milliseconds=at)).days
        if age >= older_than_days:
            skills = {s for c, s in w.visibly_taught() if c == course} & w.needed(role_id)
            rows.append(
                {
                    "course_id": course,
                    "title": w.titles[course],
                    "published_at": at,
                    "age_days": age,
                    "depth": depth,
                    "skills": len(skills),
                }
            )
    return rows


def role_skill_holders(w: World, role_id: str) -> Rows:
    rows = []
    for r in (n for n in w["needs"] if n["role_id"] == role_id):
        skill = r["skill_id"]
        assessed = {h["learner_id"] for h in w["holds"] if h["skill_id"] == skill}
        teaching = {c for c, s in w.taught() if s == skill}
        by_course = {x for x, c in w.first(frozenset(w.done)) if c in teaching} - assessed
        rows.append(
            {
                "skill_id": skill,
                "name": w.skill_names[skill],
                "essential": r["essential"],
                "assessed": len(assessed),
                "by_course": len(by_course),
                "holders": len(assessed | by_course),
            }
        )
    return rows


def pathways_to_role(
    w: World, role_id: str, steps: int = 4, include_targets: bool = False, min_learners: int = 1
) -> Rows:
    columns = ["role_id", *(["target_role_id"] if include_targets else [])]
    serving = {c for c, s in w.taught() if s in w.needed(role_id)}
    ways = []
    for r in w["learners"]:
        if role_id not in [r[c] for c in columns]:
            continue
        taken: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for i in w["interactions"]:
            mine = i["learner_id"] == r["learner_id"] and i["course_id"] in serving
            if mine and i["type"] in ("enrolled", "completed"):
                at = -1 if i["at"] is None else i["at"]
                taken[i["course_id"]].append((at, -1 if i["seq"] is None else i["seq"]))
        if taken:
            key = {c: (min(t)[0], min(p for _, p in t), c) for c, t in taken.items()}
            ways.append(tuple(sorted(taken, key=key.__getitem__)[:steps]))
    return [
        {"path": list(way), "learners": n, "share": n / len(ways)}
        for way, n in Counter(ways).items()
        if n >= min_learners
    ]


def skill_trend(w: World, skill_id: str, period: str = "year") -> Rows:
    teaching = {c for c, s in w.taught() if s == skill_id}
    every: Counter[str] = Counter()
    own: Counter[str] = Counter()
    names = []
    for r in w["interactions"]:
        if r["type"] in MET and r["at"] is not None:
            name = _period(
                datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=r["at"]), period
            )
            names.append(name)
            every[name] += 1
            own[name] += r["course_id"] in teaching
    if not sum(own.values()):
        return []
    rows: Rows = []
    day = datetime(int(min(names)[:4]), 1, 1, tzinfo=UTC)
    while _period(day, period) <= max(names):
        name = _period(day, period)
        if name >= min(names) and not (rows and rows[-1]["period"] == name):
            before = rows[-1]["taken"] if rows else 0
            rows.append(
                {
                    "period": name,
                    "taken": own[name],
                    "all_taken": every[name],
                    "share": own[name] / every[name] if every[name] else None,
                    "growth": own[name] / before - 1 if before else None,
                }
            )
        day += timedelta(days=20)
    return rows


def _period(moment: datetime, period: str) -> str:
    if period == "quarter":
        return f"{moment.year}-Q{(moment.month + 2) // 3}"
    return moment.strftime("%Y-%m") if period == "month" else str(moment.year)


def retired_course(w: World, course_id: str) -> Rows:
    sources = defaultdict(set)
    for course, skill in w.visibly_taught():
        sources[skill].add(course)
    lost = {s for c, s in w.taught() if c == course_id and not sources[s] - {course_id}}
    rows: list[dict[str, Any]] = [
        {"kind": "role", "id": r, "name": name, "effect": "loses a skill", "skills": sorted(gone)}
        for r, name in w.role_names.items()
        if (gone := w.needed(r) & lost)
    ]
    gone = {course_id}
    while True:  # again and again over everything, until nothing more falls
        groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
        for r in w["requires"]:
            group = r["any_of"] or f"only {r['requires_course_id']} {id(r)}"
            groups[r["course_id"], group].append(r["requires_course_id"] in gone)
        more = {course for (course, _), fallen in groups.items() if all(fallen)} - gone
        if not more:
            break
        gone |= more
    rows += [
        {"kind": "course", "id": c, "name": w.titles[c], "effect": "out of reach", "skills": []}
        for c in gone - {course_id}
    ]
    affected = {row["id"] for row in rows if row["kind"] == "role"}
    hit = {
        (x, "under way")
        for (x, c), k in w.kinds(BEGUN).items()
        if c == course_id and k == {"enrolled"}
    }
    hit |= {
        (r["learner_id"], "aims for an affected role")
        for r in w["learners"]
        if r["target_role_id"] in affected
    }
    rows += [
        {"kind": "learner", "id": x, "name": "", "effect": effect, "skills": []}
        for x, effect in hit
    ]
    return rows

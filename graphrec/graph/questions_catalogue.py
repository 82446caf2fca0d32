"""Stage 2, GRAPH: what a designer asks of the catalogue: courses alike, and courses grown old."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from graphrec.errors import ParameterError
from graphrec.graph.store import Row

DAY_MS: Final = 86_400_000


def redundant_pairs(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Pairs of courses whose skills overlap, by a product of the course x skill matrix."""
    least = values["min_overlap"]
    if not (math.isfinite(least) and 0 <= least <= 1):
        raise ParameterError(f"'{least}' is no overlap: give 0 to 1.", where="min_overlap")
    titles = {row["course_id"]: row["title"] for row in rows}
    taught: dict[str, set[str]] = {course: set() for course in sorted(titles)}
    for row in rows:
        taught[row["course_id"]].add(row["skill_id"])
    found: list[Row] = []
    for one, other, shared in _overlaps(taught):
        everything = len(taught[one]) + len(taught[other]) - shared
        if shared < values["min_shared"] or shared / everything < least:
            continue
        found.append(
            {
                "course_id": one,
                "title": titles[one],
                "other_course_id": other,
                "other_title": titles[other],
                "shared": shared,
                "only_here": len(taught[one]) - shared,
                "only_there": len(taught[other]) - shared,
                "overlap": shared / everything,
            }
        )
    found.sort(key=lambda r: (-r["overlap"], -r["shared"], r["course_id"], r["other_course_id"]))
    return found[: values["limit"]]


def _overlaps(taught: Mapping[str, set[str]]) -> list[tuple[str, str, int]]:
    """(course, later course, skills shared), where any is shared."""
    import numpy as np
    from scipy.sparse import csr_array, triu

    courses = list(taught)
    numbers = {skill: n for n, skill in enumerate(sorted(set().union(*taught.values())))}
    rows = np.repeat(np.arange(len(courses)), [len(taught[c]) for c in courses])
    columns = np.array([numbers[s] for c in courses for s in taught[c]], dtype=np.int64)
    if not len(columns):
        return []
    matrix = csr_array(
        (np.ones(len(columns), np.int64), (rows, columns)), shape=(len(courses), len(numbers))
    )
    shared = triu(matrix @ matrix.T, k=1).tocoo()
    return [
        (courses[i], courses[j], int(n))
        for i, j, n in zip(shared.row, shared.col, shared.data, strict=True)
    ]


def stale(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Courses of a role, and what they require at any depth, published long ago."""
    today = _day(values["as_of"])
    skills: dict[str, set[str]] = {}
    requires: dict[str, set[str]] = {}
    facts: dict[str, Row] = {}
    for row in rows:
        if row["kind"] == "teaches":
            skills.setdefault(row["id"], set()).add(row["other_id"])
            facts[row["id"]] = row
        else:
            requires.setdefault(row["id"], set()).add(row["other_id"])
            facts[row["other_id"]] = row
    depths = dict.fromkeys(skills, 0)
    frontier, depth = set(skills), 0
    while frontier:
        depth += 1
        frontier = set().union(*(requires.get(c, set()) for c in frontier)) - depths.keys()
        depths.update(dict.fromkeys(frontier, depth))
    found: list[Row] = []
    for course, steps in depths.items():
        published = facts[course]["published_at"]
        if published is None or (today - published) // DAY_MS < values["older_than_days"]:
            continue
        found.append(
            {
                "course_id": course,
                "title": facts[course]["title"],
                "published_at": published,
                "age_days": (today - published) // DAY_MS,
                "depth": steps,
                "skills": len(skills.get(course, ())),
            }
        )
    found.sort(key=lambda r: (r["published_at"], r["course_id"]))
    return found[: values["limit"]]


def _day(text: str) -> int:
    """Epoch ms at the beginning of a day in UTC; "" is today."""
    try:
        day = date.fromisoformat(text) if text else datetime.now(UTC).date()
    except ValueError:
        raise ParameterError(
            f"'{text}' is no day.", where="as_of", remedy="Write it as 2024-12-31."
        ) from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000

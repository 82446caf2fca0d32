"""What a snapshot holds, in a few numbers: the data section of a model card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graphrec.schema import INTERACTION_TYPES

_MAX_LANGUAGES = 12


def summarise(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Counts, period and languages of native tables, the same for the same content.

    Args:
        tables: As a snapshot has them; absent ones count as empty.

    Returns:
        JSON values: ``learners``, ``courses``, ``courses_never_taken``, ``skills``,
        ``prerequisites`` (of courses and of skills), ``interactions`` by type, ``first_at`` and
        ``last_at`` (epoch ms, None where nothing has a time), ``without_time``, ``languages``
        (of courses, the most frequent first).
    """
    courses, interactions = tables.get("courses"), tables.get("interactions")
    return {
        "learners": _distinct(interactions, "learner_id"),
        "courses": _rows(courses),
        "courses_never_taken": max(_rows(courses) - _distinct(interactions, "course_id"), 0),
        "skills": _rows(tables.get("skills")),
        "prerequisites": _rows(tables.get("requires")) + _rows(tables.get("skill_prerequisites")),
        "interactions": _types(interactions),
        **_period(interactions),
        "languages": _languages(courses),
    }


def _rows(table: pa.Table | None) -> int:
    return 0 if table is None else int(table.num_rows)


def _distinct(table: pa.Table | None, column: str) -> int:
    return 0 if table is None else int(pc.count_distinct(table[column]).as_py())


def _types(interactions: pa.Table | None) -> dict[str, int]:
    if interactions is None:
        return {}
    counts = Counter(interactions["type"].to_pylist())
    return {kind: counts[kind] for kind in INTERACTION_TYPES if counts[kind]}


def _period(interactions: pa.Table | None) -> dict[str, int | None]:
    if interactions is None:
        return {"first_at": None, "last_at": None, "without_time": 0}
    ends = pc.min_max(interactions["at"]).as_py()
    untimed = int(interactions["at"].null_count)
    return {"first_at": ends["min"], "last_at": ends["max"], "without_time": untimed}


def _languages(courses: pa.Table | None) -> dict[str, int]:
    if courses is None:
        return {}
    counts = Counter(language for language in courses["language"].to_pylist() if language)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    kept, rest = ranked[:_MAX_LANGUAGES], ranked[_MAX_LANGUAGES:]
    others = {"others": sum(counts[name] for name in rest)} if rest else {}
    return {name: counts[name] for name in kept} | others

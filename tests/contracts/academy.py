"""A hand-made academy in native tables, in which every query has something to say."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

_COURSES: list[dict[str, Any]] = [
    {"course_id": "c-intro", "title": "Intro", "hours": 4.0, "language": "en", "level": "1"},
    {"course_id": "c-stats", "title": "Stätistik 統計", "language": "de", "provider": "Köln"},
    {"course_id": "c-ml", "title": "Machine \"learning\" 'now'\nand \\ then", "hours": 20.5},
    {"course_id": "c-deep", "title": "Deep 😀", "published_at": 1_600_000_000_000},
    {"course_id": "c-hidden", "hidden": True},
    {"course_id": "c-orphan", "title": "Nobody knows me", "provider": "P", "hidden": False},
    {"course_id": "c-x", "title": "X"},
    {"course_id": "c-y", "title": "Y"},
    {"course_id": "c-z", "title": "Z"},
    {"course_id": "c-self", "title": "Self"},
]
_SKILLS: list[dict[str, Any]] = [
    {"skill_id": "s-count", "name": "Counting"},
    {"skill_id": "s-stats", "name": "Statistics", "description": "means and more"},
    {"skill_id": "s-ml", "name": "Models"},
    {"skill_id": "s-deep", "name": "Deep models"},
    {"skill_id": "s-soft"},
    {"skill_id": "s-a"},
    {"skill_id": "s-b"},
    {"skill_id": "s-lost", "name": "Nobody asks"},
]
_ROLES: list[dict[str, Any]] = [
    {"role_id": "r-analyst", "name": "Analyst"},
    {"role_id": "r-scientist", "name": "Scientist", "description": "asks"},
]
_LEARNERS: list[dict[str, Any]] = [
    {"learner_id": "l-ann", "role_id": "r-analyst", "target_role_id": "r-scientist"},
    {"learner_id": "l-bob", "target_role_id": "r-analyst"},
    {"learner_id": "l-new"},
]
_TEACHES: list[dict[str, Any]] = [
    {"course_id": "c-intro", "skill_id": "s-count", "level": 1.0},
    {"course_id": "c-stats", "skill_id": "s-stats", "level": 2.0},
    {"course_id": "c-ml", "skill_id": "s-ml"},
    {"course_id": "c-ml", "skill_id": "s-stats", "level": 3.0},
    {"course_id": "c-hidden", "skill_id": "s-soft", "level": 5.0},
    {"course_id": "c-x", "skill_id": "s-a"},
    {"course_id": "c-deep", "skill_id": "s-count"},
]
_REQUIRES: list[dict[str, Any]] = [
    {"course_id": "c-stats", "requires_course_id": "c-intro"},
    {"course_id": "c-ml", "requires_course_id": "c-stats"},
    {"course_id": "c-ml", "requires_course_id": "c-intro", "any_of": "start"},
    {"course_id": "c-ml", "requires_course_id": "c-orphan2", "any_of": "start"},
    {"course_id": "c-deep", "requires_course_id": "c-ml"},
    {"course_id": "c-x", "requires_course_id": "c-y"},
    {"course_id": "c-y", "requires_course_id": "c-z"},
    {"course_id": "c-z", "requires_course_id": "c-x"},
    {"course_id": "c-self", "requires_course_id": "c-self"},
    {"course_id": "c-deep", "requires_course_id": "c-stats", "any_of": "either"},
    {"course_id": "c-deep", "requires_course_id": "c-stats", "any_of": "other"},
]
_SKILL_PREREQUISITES: list[dict[str, Any]] = [
    {"skill_id": "s-stats", "requires_skill_id": "s-count"},
    {"skill_id": "s-ml", "requires_skill_id": "s-stats"},
    {"skill_id": "s-ml", "requires_skill_id": "s-count"},
    {"skill_id": "s-deep", "requires_skill_id": "s-ml"},
    {"skill_id": "s-a", "requires_skill_id": "s-b"},
    {"skill_id": "s-b", "requires_skill_id": "s-a"},
]
_NEEDS: list[dict[str, Any]] = [
    {"role_id": "r-analyst", "skill_id": "s-stats", "level": 3.0, "essential": True},
    {"role_id": "r-analyst", "skill_id": "s-count"},
    {"role_id": "r-analyst", "skill_id": "s-soft", "level": 1.0, "essential": False},
    {"role_id": "r-scientist", "skill_id": "s-stats", "level": 2.0, "essential": True},
    {"role_id": "r-scientist", "skill_id": "s-ml", "level": 4.0},
    {"role_id": "r-scientist", "skill_id": "s-deep", "level": 1.0, "essential": True},
]
_HOLDS: list[dict[str, Any]] = [
    {"learner_id": "l-ann", "skill_id": "s-count"},
    {"learner_id": "l-bob", "skill_id": "s-stats", "level": 1.0, "at": 1_500_000_000_000},
]


def _did(learner: str, course: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"learner_id": f"l-{learner}", "course_id": f"c-{course}", "type": kind, **more}


_INTERACTIONS: list[dict[str, Any]] = [
    _did("ann", "intro", "enrolled", at=10),
    _did("ann", "intro", "completed", at=20, score=0.9, progress=1.0),
    _did("ann", "stats", "completed", at=30, event_id="e-1"),
    _did("ann", "ml", "viewed", at=35),
    _did("ann", "ml", "viewed", at=36, progress=0.25),
    _did("ann", "intro", "rated", at=40, score=4.5),
    _did("bob", "intro", "enrolled", seq=0),
    _did("bob", "intro", "completed", seq=1),
    _did("bob", "stats", "enrolled", seq=2),
    _did("bob", "stats", "dropped", seq=3),
    _did("bob", "ml", "dropped", seq=4),
    _did("ann", "orphan", "viewed", at=5),
    _did("cid", "intro", "completed"),
    _did("cid", "stats", "completed", event_id="e-1"),
    _did("cid", "ml", "enrolled"),
]

ROWS: dict[str, list[dict[str, Any]]] = {
    "courses": [*_COURSES, {"course_id": "c-orphan2"}],
    "skills": _SKILLS,
    "roles": _ROLES,
    "learners": _LEARNERS,
    "teaches": _TEACHES,
    "requires": _REQUIRES,
    "skill_prerequisites": _SKILL_PREREQUISITES,
    "needs": _NEEDS,
    "holds": _HOLDS,
    "interactions": _INTERACTIONS,
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "prerequisite_closure": {"course_id": "c-deep"},
    "skill_prerequisite_closure": {"skill_id": "s-deep"},
    "skill_gap": {"learner_id": "l-ann"},
    "startable_courses": {"learner_id": "l-ann"},
    "co_completed_courses": {"course_id": "c-intro"},
    "learner_history": {"learner_id": "l-ann"},
    "learner_profile": {"learner_id": "l-ann"},
    "learner_holds": {"learner_id": "l-bob"},
    "course_card": {"course_id": "c-ml"},
    "course_skills": {"course_id": "c-ml"},
    "role_needs": {"role_id": "r-analyst"},
    "course_teaches_skill": {"course_id": "c-ml", "skill_id": "s-stats"},
    "role_needs_skill": {"role_id": "r-scientist", "skill_id": "s-ml"},
    "course_requires": {"course_id": "c-ml"},
    "learner_took_course": {"learner_id": "l-ann", "course_id": "c-ml"},
    "hidden_prerequisites": {"course_id": "c-intro", "min_support": 1},
    "pathways_to_role": {"role_id": "r-analyst"},
    "retired_course": {"course_id": "c-intro"},
    "role_skill_holders": {"role_id": "r-analyst"},
    "skill_trend": {"skill_id": "s-count"},
    "stale_courses": {"role_id": "r-analyst"},
    "co_taken": {"course_id": "c-intro", "other_course_id": "c-stats"},
}
"""What each query is asked; those not named take no parameter that must be given."""


def table(name: str, *rows: dict[str, Any]) -> pa.Table:
    """Rows as a native table."""
    return pa.Table.from_pylist(list(rows), schema=TABLES[name].schema)


def fill(store: GraphStore) -> None:
    """Write the whole academy."""
    for name in TABLES:
        store.write(name, table(name, *ROWS[name]))

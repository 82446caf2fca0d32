"""Rows of the native tables as the parts of a catalogue: courses, skills, roles and their ties."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from graphrec.schema import TABLES

Levels = Mapping[str, float | None]
"""Skill id -> level, None where the source names no level."""


@dataclass(frozen=True, slots=True)
class Course:
    """One course; None wherever the source says nothing.

    Attributes:
        course_id: The source's id, verbatim.
        title: Title as written.
        description: Description as written.
        level: As the source says it ("beginner", "2").
        hours: Hours of study, finite and >= 0.
        language: As the source says it ("en").
        provider: Who offers it.
        published_at: Epoch ms UTC.
        hidden: Never recommended nor planned.
    """

    course_id: str
    title: str | None = None
    description: str | None = None
    level: str | None = None
    hours: float | None = None
    language: str | None = None
    provider: str | None = None
    published_at: int | None = None
    hidden: bool = False

    @property
    def name(self) -> str:
        """The title, or the id where there is none."""
        return self.title or self.course_id


@dataclass(frozen=True, slots=True)
class Skill:
    """One skill (concept)."""

    skill_id: str
    title: str | None = None
    description: str | None = None

    @property
    def name(self) -> str:
        """The skill's name, or its id where there is none."""
        return self.title or self.skill_id


@dataclass(frozen=True, slots=True)
class Role:
    """One role (job) that needs skills."""

    role_id: str
    title: str | None = None
    description: str | None = None

    @property
    def name(self) -> str:
        """The role's name, or its id where there is none."""
        return self.title or self.role_id


@dataclass(frozen=True, slots=True)
class Need:
    """What a role asks of one skill: level None is any level; unknown essential is essential."""

    level: float | None = None
    essential: bool = True


def table_rows(tables: Mapping[str, pa.Table], name: str) -> Iterable[dict[str, Any]]:
    """Rows of a native table as dicts with all its columns, None where one is absent."""
    table = tables.get(name)
    if table is None:
        return []
    spec = TABLES[name].schema
    present = set(table.column_names)
    blank = [None] * len(table)
    columns = [table[c].to_pylist() if c in present else blank for c in spec.names]
    return (dict(zip(spec.names, row, strict=True)) for row in zip(*columns, strict=True))


def _number(value: float | None) -> float | None:
    """Null, NaN and infinity are all "unknown"."""
    return value if value is not None and math.isfinite(value) else None


def course_of(row: dict[str, Any]) -> Course:
    """One row of courses; what cannot be a number of hours is unknown."""
    hours = _number(row["hours"])
    return Course(
        row["course_id"],
        row["title"] or None,
        row["description"] or None,
        row["level"] or None,
        hours if hours is not None and hours >= 0 else None,
        row["language"] or None,
        row["provider"] or None,
        row["published_at"],
        bool(row["hidden"]),
    )


def taught_levels(rows: Iterable[dict[str, Any]]) -> dict[str, Levels]:
    """Rows of teaches as course -> skill -> level."""
    found: dict[str, dict[str, float | None]] = {}
    for row in rows:
        found.setdefault(row["course_id"], {})[row["skill_id"]] = _number(row["level"])
    return {c: MappingProxyType(dict(sorted(found[c].items()))) for c in found}


def required_groups_of(rows: Iterable[dict[str, Any]]) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Rows of one course with the same any_of are alternatives; without, each is its own."""
    found: dict[str, dict[tuple[str, str], set[str]]] = {}
    for row in rows:
        required, any_of = row["requires_course_id"], row["any_of"]
        key = ("any", any_of) if any_of else ("all", required)
        found.setdefault(row["course_id"], {}).setdefault(key, set()).add(required)
    return {
        course: tuple(sorted({tuple(sorted(group)) for group in groups.values()}))
        for course, groups in found.items()
    }


def prerequisite_lists(rows: Iterable[dict[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Rows of skill_prerequisites as skill -> what comes before it."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["skill_id"], set()).add(row["requires_skill_id"])
    return {skill: tuple(sorted(required)) for skill, required in found.items()}


def role_needs_of(rows: Iterable[dict[str, Any]]) -> dict[str, Mapping[str, Need]]:
    """Rows of needs as role -> skill -> need."""
    found: dict[str, dict[str, Need]] = {}
    for row in rows:
        essential = row["essential"] is not False
        found.setdefault(row["role_id"], {})[row["skill_id"]] = Need(
            _number(row["level"]), essential
        )
    return {role: MappingProxyType(dict(sorted(found[role].items()))) for role in found}

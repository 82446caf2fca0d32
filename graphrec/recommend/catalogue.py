"""Stage 5, SERVE: the whole catalogue in memory, for filters, reasons and learning paths.

In come the native tables (``graphrec.schema``); out comes one immutable view whose every
look-up is a dictionary access. Built once (some 0.3 s for 5,000 courses and 10,000 skills),
shared by the recommender, the planner and the service.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Set
from functools import cached_property
from statistics import median
from types import MappingProxyType
from typing import Self, TypeVar

import pyarrow as pa

from graphrec.errors import UnknownIdError
from graphrec.recommend.catalogue_rows import (
    Course,
    Levels,
    Need,
    Role,
    Skill,
    course_of,
    prerequisite_lists,
    required_groups_of,
    role_needs_of,
    table_rows,
    taught_levels,
)

__all__ = ["CATALOGUE_TABLES", "Catalogue", "Course", "Levels", "Need", "Role", "Skill"]

_T = TypeVar("_T")

CATALOGUE_TABLES = (
    "courses",
    "skills",
    "roles",
    "teaches",
    "requires",
    "skill_prerequisites",
    "needs",
)
"""The native tables that ``Catalogue.from_tables`` reads; all but ``courses`` may be absent."""

_NO_LEVELS: Levels = MappingProxyType({})


class Catalogue:
    """Courses, skills and roles with what ties them together; never changed once built.

    Look-ups of unknown ids give empty answers, but for ``course``, ``skill`` and ``role``,
    which raise. Every sequence is sorted by id, so answers do not depend on row order.
    """

    def __init__(
        self,
        *,
        courses: Mapping[str, Course],
        skills: Mapping[str, Skill] | None = None,
        roles: Mapping[str, Role] | None = None,
        teaches: Mapping[str, Levels] | None = None,
        requires: Mapping[str, tuple[tuple[str, ...], ...]] | None = None,
        skill_prerequisites: Mapping[str, tuple[str, ...]] | None = None,
        needs: Mapping[str, Mapping[str, Need]] | None = None,
    ) -> None:
        self.courses: Mapping[str, Course] = MappingProxyType(dict(sorted(courses.items())))
        self.skills: Mapping[str, Skill] = MappingProxyType(dict(sorted((skills or {}).items())))
        self.roles: Mapping[str, Role] = MappingProxyType(dict(sorted((roles or {}).items())))
        self._teaches = dict(teaches or {})
        self._requires = dict(requires or {})
        self._prerequisites = dict(skill_prerequisites or {})
        self._needs = dict(needs or {})
        self._taught_by = _inverse((c, s) for c in sorted(self._teaches) for s in self._teaches[c])
        self._required_by = _inverse(
            (c, r) for c in sorted(self._requires) for group in self._requires[c] for r in group
        )
        self._prerequisite_of = _inverse(
            (s, p) for s in sorted(self._prerequisites) for p in self._prerequisites[s]
        )

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table]) -> Self:
        """Build from native tables.

        Args:
            tables: Name -> table with the columns of ``graphrec.schema.TABLES[name]`` (absent
                tables and absent optional columns count as empty). Rows in any order.
        """
        return cls(
            courses={r["course_id"]: course_of(r) for r in table_rows(tables, "courses")},
            skills={
                r["skill_id"]: Skill(r["skill_id"], r["name"] or None, r["description"] or None)
                for r in table_rows(tables, "skills")
            },
            roles={
                r["role_id"]: Role(r["role_id"], r["name"] or None, r["description"] or None)
                for r in table_rows(tables, "roles")
            },
            teaches=taught_levels(table_rows(tables, "teaches")),
            requires=required_groups_of(table_rows(tables, "requires")),
            skill_prerequisites=prerequisite_lists(table_rows(tables, "skill_prerequisites")),
            needs=role_needs_of(table_rows(tables, "needs")),
        )

    def __len__(self) -> int:
        """Number of courses, hidden ones included."""
        return len(self.courses)

    def has_course(self, course_id: str) -> bool:
        """Whether the catalogue holds this course."""
        return course_id in self.courses

    def has_skill(self, skill_id: str) -> bool:
        """Whether the catalogue holds this skill."""
        return skill_id in self.skills

    def has_role(self, role_id: str) -> bool:
        """Whether the catalogue holds this role."""
        return role_id in self.roles

    def course(self, course_id: str) -> Course:
        """The course under an id.

        Raises:
            UnknownIdError: There is none.
        """
        return _known(self.courses, course_id, "course", "course_id")

    def skill(self, skill_id: str) -> Skill:
        """The skill under an id.

        Raises:
            UnknownIdError: There is none.
        """
        return _known(self.skills, skill_id, "skill", "skill_id")

    def role(self, role_id: str) -> Role:
        """The role under an id.

        Raises:
            UnknownIdError: There is none.
        """
        return _known(self.roles, role_id, "role", "role_id")

    def course_name(self, course_id: str) -> str:
        """Title of a course for people; the id where there is no title or no such course."""
        found = self.courses.get(course_id)
        return found.name if found else course_id

    def skill_name(self, skill_id: str) -> str:
        """Name of a skill for people; the id where there is no name or no such skill."""
        found = self.skills.get(skill_id)
        return found.name if found else skill_id

    def role_name(self, role_id: str) -> str:
        """Name of a role for people; the id where there is no name or no such role."""
        found = self.roles.get(role_id)
        return found.name if found else role_id

    def skills_of(self, course_id: str) -> Levels:
        """Skill id -> level that a course teaches."""
        return self._teaches.get(course_id, _NO_LEVELS)

    def courses_teaching(self, skill_id: str) -> tuple[str, ...]:
        """Courses that teach a skill at any level, hidden ones included, by id."""
        return self._taught_by.get(skill_id, ())

    def required_groups(self, course_id: str) -> tuple[tuple[str, ...], ...]:
        """REQUIRES of a course: one course of every group must be completed before it."""
        return self._requires.get(course_id, ())

    def required_by(self, course_id: str) -> tuple[str, ...]:
        """Courses that name this one in a REQUIRES group, by id."""
        return self._required_by.get(course_id, ())

    def missing_groups(self, course_id: str, completed: Set[str]) -> list[tuple[str, ...]]:
        """The REQUIRES groups of a course of which nothing is completed."""
        groups = self._requires.get(course_id, ())
        return [group for group in groups if completed.isdisjoint(group)]

    def is_eligible(self, course_id: str, completed: Set[str]) -> bool:
        """Whether every REQUIRES group of a course is met by what is completed."""
        groups = self._requires.get(course_id)
        return not groups or not any(completed.isdisjoint(group) for group in groups)

    def prerequisites_of(self, skill_id: str) -> tuple[str, ...]:
        """Skills to be held before (or with) this one: direct ones, by id."""
        return self._prerequisites.get(skill_id, ())

    def dependents_of(self, skill_id: str) -> tuple[str, ...]:
        """Skills that this one is a direct prerequisite of, by id."""
        return self._prerequisite_of.get(skill_id, ())

    def role_needs(self, role_id: str) -> Mapping[str, Need]:
        """Skill id -> level and whether it is essential, for a role."""
        return self._needs.get(role_id, {})

    @property
    def skill_prerequisites(self) -> Mapping[str, tuple[str, ...]]:
        """Skill id -> its direct prerequisites, for all skills that have any."""
        return MappingProxyType(self._prerequisites)

    @property
    def requires(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """Course id -> its REQUIRES groups, for all courses that have any."""
        return MappingProxyType(self._requires)

    @cached_property
    def languages(self) -> frozenset[str]:
        """Languages of all courses, case-folded; empty where no course names one."""
        return frozenset(c.language.casefold() for c in self.courses.values() if c.language)

    @cached_property
    def median_hours(self) -> float | None:
        """Median of the known hours of all courses; None where none is known."""
        known = [c.hours for c in self.courses.values() if c.hours is not None]
        return float(median(known)) if known else None

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of all that is in here; equal content, equal digest."""
        digest = hashlib.sha256()
        for part in (self.courses, self.skills, self.roles):
            digest.update(repr(list(part.items())).encode())
        for links in (self._teaches, self._needs):
            ordered = [
                (key, sorted(links[key].items(), key=lambda i: i[0])) for key in sorted(links)
            ]
            digest.update(repr(ordered).encode())
        for lists in (self._requires, self._prerequisites):
            digest.update(repr(sorted(lists.items())).encode())
        return digest.hexdigest()


def _known(items: Mapping[str, _T], key: str, kind: str, where: str) -> _T:
    try:
        return items[key]
    except KeyError:
        raise UnknownIdError(f"There is no {kind} '{key}' in the catalogue.", where=where) from None


def _inverse(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """(source, target) pairs, sources in order -> target: its sources, each once."""
    found: dict[str, dict[str, None]] = {}
    for source, target in pairs:
        found.setdefault(target, {})[source] = None
    return {target: tuple(sources) for target, sources in found.items()}

"""The prerequisite graph of a role, a course or the whole catalogue, as the page draws it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

from graphrec.graph.prerequisites import find_cycles, skill_closure
from graphrec.recommend.catalogue import Catalogue

MAX_NODES: Final = 2_000
"""Courses of one drawing; more cannot be read, and slow a browser down."""


class GraphNode(BaseModel):
    """A course, with what its card says."""

    course_id: str
    title: str
    description: str | None
    level: str | None
    hours: float | None
    language: str | None
    provider: str | None
    hidden: bool
    teaches: list[str] = Field(description="Names of skills.")
    requires: list[str] = Field(description="Titles; alternatives are joined by 'or'.")
    learners: int | None = Field(description="Who began it; null: nobody, or unknown.")
    dropout: float | None = Field(description="Of these, the share that dropped it, 0..1.")
    coverage: float | None = Field(
        description="Of the role: share of its skills that the course teaches; else the share of "
        "the course's skills that some role needs. 0..1; null: there are no skills."
    )
    is_target: bool = Field(description="Asked for, or teaches what the role needs.")
    in_cycle: bool


class GraphEdge(BaseModel):
    """A prerequisite."""

    course_id: str
    requires: str
    is_choice: bool = Field(description="One of several, any of which is enough.")
    in_cycle: bool = Field(description="On a circle: nobody can begin it.")


class PrerequisiteGraph(BaseModel):
    """Courses and their prerequisites."""

    total: int = Field(description="Courses that belong to it.")
    truncated: bool = Field(description="Whether some of them are left out.")
    nodes: list[GraphNode]
    edges: list[GraphEdge]


def draw_graph(
    catalogue: Catalogue,
    dropouts: Iterable[Mapping[str, Any]],
    *,
    role_id: str | None = None,
    course_id: str | None = None,
) -> PrerequisiteGraph:
    """The courses that teach what a role needs, or one course, and everything before them.

    Args:
        catalogue: The courses.
        dropouts: Rows of the query ``dropout_by_course``.
        role_id: A role.
        course_id: A course; with neither, every course that requires or is required.

    Raises:
        UnknownIdError: There is no such role or course.
    """
    edges = {
        (course, needed): len(group) > 1
        for course, groups in catalogue.requires.items()
        for group in sorted(groups, key=len, reverse=True)  # required beside a choice: required
        for needed in group
    }
    targets = _targets(catalogue, role_id, course_id)
    before = {c: [r for g in groups for r in g] for c, groups in catalogue.requires.items()}
    if role_id is None and course_id is None:
        wanted = {end for edge in edges for end in edge}
    else:
        wanted = skill_closure(targets, before)
    kept = set(_nearest(targets, before, wanted))
    groups = {n: i for i, (members, _) in enumerate(find_cycles(edges)) for n in members}
    rates = {row["course_id"]: row for row in dropouts}
    goal = set(catalogue.role_needs(role_id)) if role_id is not None else None
    needed = {skill for role in catalogue.roles for skill in catalogue.role_needs(role)}
    return PrerequisiteGraph(
        total=len(wanted),
        truncated=len(kept) < len(wanted),
        nodes=[
            _node(catalogue, one, rates.get(one, {}), one in targets, one in groups).model_copy(
                update={"coverage": _coverage(set(catalogue.skills_of(one)), goal, needed)}
            )
            for one in sorted(kept)
        ],
        edges=[
            GraphEdge(
                course_id=course,
                requires=other,
                is_choice=is_choice,
                in_cycle=course in groups and groups[course] == groups.get(other),
            )
            for (course, other), is_choice in sorted(edges.items())
            if course in kept and other in kept
        ],
    )


def _targets(catalogue: Catalogue, role_id: str | None, course_id: str | None) -> set[str]:
    if role_id is not None:
        catalogue.role(role_id)
        taught = (catalogue.courses_teaching(s) for s in catalogue.role_needs(role_id))
        return {course for courses in taught for course in courses}
    if course_id is not None:
        return {catalogue.course(course_id).course_id}
    return set()


def _nearest(targets: set[str], before: Mapping[str, list[str]], wanted: set[str]) -> list[str]:
    """At most so many courses as can be drawn, those nearest to the targets first."""
    order = dict.fromkeys(sorted(targets))
    for course in (waiting := list(order)):
        for other in sorted(before.get(course, ())):
            if other not in order:
                order[other] = None
                waiting.append(other)
    order |= dict.fromkeys(sorted(wanted - order.keys()))
    return list(order)[:MAX_NODES]


def _coverage(taught: set[str], goal: set[str] | None, needed: set[str]) -> float | None:
    if goal is not None:
        return len(taught & goal) / len(goal) if goal else None
    return len(taught & needed) / len(taught) if taught else None


def _node(
    catalogue: Catalogue, course_id: str, rate: Mapping[str, Any], is_target: bool, in_cycle: bool
) -> GraphNode:
    course = catalogue.course(course_id)
    name = catalogue.course_name
    return GraphNode(
        course_id=course_id,
        title=name(course_id),
        description=course.description,
        level=course.level,
        hours=course.hours,
        language=course.language,
        provider=course.provider,
        hidden=bool(course.hidden),
        teaches=[catalogue.skill_name(skill) for skill in catalogue.skills_of(course_id)],
        requires=[" or ".join(map(name, g)) for g in catalogue.required_groups(course_id)],
        learners=rate.get("learners"),
        dropout=rate.get("dropout_rate"),
        coverage=None,
        is_target=is_target,
        in_cycle=in_cycle,
    )

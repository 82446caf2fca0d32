"""What must come before what among the courses of a plan, for its drawing and its list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_schemas import PathResponse


@dataclass(frozen=True)
class Edge:
    """One course of the plan needs another before it; ``is_hard``: the catalogue REQUIRES it."""

    before: str
    after: str
    is_hard: bool


def edges_of(response: PathResponse, catalogue: Catalogue) -> list[Edge]:
    """The needs among the courses of a plan, by id; those that others imply are left out."""
    courses = {course.course_id: course for step in response.steps for course in step.courses}
    step_of = {c.course_id: step.order for step in response.steps for c in step.courses}
    givers: dict[str, list[str]] = defaultdict(list)
    for name, course in courses.items():
        for gain in course.skills_gained:
            givers[gain.skill_id].append(name)
    is_hard: dict[tuple[str, str], bool] = {}
    for name, course in courses.items():
        for gain in course.skills_gained:
            for skill in catalogue.prerequisites_of(gain.skill_id):
                is_hard |= {(giver, name): False for giver in givers.get(skill, [])}
    for name in courses:
        for group in catalogue.required_groups(name):
            is_hard |= {(needed, name): True for needed in group}
    pairs = sorted((a, b) for a, b in is_hard if a in step_of and step_of[a] < step_of[b])
    after: dict[str, list[str]] = defaultdict(list)
    for first, second in pairs:
        after[first].append(second)
    return [Edge(a, b, is_hard[a, b]) for a, b in pairs if not _is_implied(a, b, after)]


def _is_implied(before: str, target: str, after: Mapping[str, list[str]]) -> bool:
    """Whether another way leads from one course to the other."""
    waiting = [course for course in after[before] if course != target]
    seen: set[str] = set()
    while waiting:
        course = waiting.pop()
        if course == target:
            return True
        if course not in seen:
            seen.add(course)
            waiting += after.get(course, [])
    return False

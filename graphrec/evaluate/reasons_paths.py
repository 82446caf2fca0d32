"""Holds the reasons of random learning paths against the graph."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphrec.evaluate.reasons_check import Finding, Report, is_declared, why_not
from graphrec.evaluate.reasons_facts import Facts
from graphrec.recommend.path_schemas import PathReason, PathRequest, PathResponse, PathTarget
from graphrec.recommend.reason_codes import PATH_CODES
from graphrec.recommend.recommender import Recommender

_MAX_SKILLS = 3


def check_path(request: PathRequest, answer: PathResponse, facts: Facts) -> Iterator[Finding]:
    """A finding for each reason of each course of a plan."""
    target = request.target
    skills = target.skill_ids or target.skill_levels or ()
    named = {one for one in (target.course_id, *skills) if one is not None}
    named |= {*request.must_take, *request.pin}
    courses = [course for step in answer.steps for course in step.courses]
    planned = {course.course_id for course in courses}
    gained = {gain.skill_id for course in courses for gain in course.skills_gained}
    for course in courses:
        for reason in course.reasons:
            problem = (
                _why_not_said(reason, course.course_id)
                or _why_not_planned(reason, target, planned, gained)
                or why_not(reason.evidence, facts, request.learner_id, named)
            )
            yield Finding(
                f"path.{reason.code}",
                request.learner_id,
                course.course_id,
                reason.text,
                tuple(reason.evidence),
                problem,
            )


def _why_not_said(reason: PathReason, course_id: str) -> str | None:
    """Whether evidence and text name what the reason is about."""
    if not is_declared(reason.evidence, PATH_CODES[reason.code].relations):
        return f"its evidence is not that of '{reason.code}'"
    ends = {one for fact in reason.evidence for one in (fact.from_id, fact.to_id)}
    named = {reason.course_id, reason.skill_id, reason.for_skill_id, reason.role_id}
    named = (named | {reason.rule_id}) - {None}
    if not named | {course_id} <= ends:
        return "its evidence does not name all of its ids"
    said = all(str(one) in reason.text for one in named - {course_id})
    return None if said else "its text does not name all of its ids"


def _why_not_planned(
    reason: PathReason, target: PathTarget, planned: set[str], gained: set[str]
) -> str | None:
    """Whether what the reason leads to is in the plan, or its target."""
    if reason.role_id is not None and reason.role_id != target.role_id:
        return f"the request does not aim at the role {reason.role_id}"
    if reason.course_id is not None and reason.course_id not in planned:
        return f"{reason.course_id} is not in the plan"
    if reason.for_skill_id is not None and reason.for_skill_id not in gained:
        return f"the plan does not give {reason.for_skill_id}"
    return None


def draw_paths(recommender: Recommender, number: int, seed: int) -> Iterator[PathRequest]:
    """Random requests: learners and anonymous visitors, to a role, to skills or to a course.

    Every third names courses to be taken, to be kept and to be left out as well.

    Args:
        recommender: Whose graph is drawn from; it has courses.
        number: How many.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    learners = sorted(recommender.store.export("learners")["learner_id"].to_pylist())
    catalogue = recommender.catalogue
    courses, skills, roles = list(catalogue.courses), list(catalogue.skills), list(catalogue.roles)
    for _ in range(number):
        kind = rng.random()
        if roles and kind < 0.4:
            target = PathTarget(role_id=str(rng.choice(roles)))
        elif skills and kind < 0.7:
            size = min(int(rng.integers(1, _MAX_SKILLS + 1)), len(skills))
            chosen = rng.choice(skills, size, replace=False)
            target = PathTarget(skill_ids=tuple(map(str, chosen)))
        else:
            target = PathTarget(course_id=str(rng.choice(courses)))
        is_known = learners and rng.random() < 0.7
        learner_id = str(rng.choice(learners)) if is_known else None
        wishes: dict[str, tuple[str, ...]] = {}
        if len(courses) >= 3 and rng.random() < 1 / 3:
            drawn = map(str, rng.choice(courses, 3, replace=False))
            wishes = {name: (next(drawn),) for name in ("must_take", "pin", "exclude")}
        yield PathRequest.model_validate({"learner_id": learner_id, "target": target, **wishes})


def check_planned(
    recommender: Recommender, facts: Facts, number: int, seed: int, report: Report
) -> None:
    """Plan ``number`` random paths and hold every reason against the graph."""
    for request in draw_paths(recommender, number, seed):
        report.add(check_path(request, recommender.path(request), facts))

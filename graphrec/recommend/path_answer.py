"""Writes a solved path as the answer: steps, gains, reasons, dates, and its id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence, Set
from datetime import datetime

from graphrec.recommend import path_explain as explain
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_arrange import Cover
from graphrec.recommend.path_calendar import Span, calendar
from graphrec.recommend.path_goals import Goal
from graphrec.recommend.path_reasons import Reasons
from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import (
    GainedSkill,
    PathCourse,
    PathRequest,
    PathResponse,
    PathStep,
    Relaxed,
)
from graphrec.recommend.path_solve import Solution
from graphrec.recommend.path_steps import defer_to, gain_by_step
from graphrec.recommend.path_universe import bits

_HALF_ID_CHARS = 10


def respond(
    request: PathRequest,
    solution: Solution,
    goals: Sequence[Goal],
    start: datetime,
    warnings: list[str],
    kept: Set[str],
) -> PathResponse:
    """The answer to a request.

    Args:
        request: What was asked.
        solution: What was found.
        goals: All skills of the target, those held already among them.
        start: Start of study.
        warnings: What the request asked and was not applied.
        kept: Courses of a former plan, which were preferred.
    """
    rules, cover = solution.rules, solution.cover
    names = cover.universe.ids if cover else ()
    arranged = solution.steps(defer_to(cover, rules) if cover else None)
    order = [[names[course] for course in step] for step in arranged.steps]
    together = [[names[course] for course in group] for group in arranged.mutual]
    while True:
        planned = [course for step in order for course in step]
        reasons = Reasons(request, solution, goals, planned, kept)
        gains = gain_by_step(order, together, rules, reasons.items)
        # A prerequisite counts at any level, which the choice, with one level a skill, can miss:
        # what then adds nothing is left out.
        idle = {c for gained in gains for c in gained if not reasons.has_any(c, gained[c])}
        if not idle:
            break
        left = [[course for course in step if course not in idle] for step in order]
        order = [step for step in left if step]
    totals = [_total(rules, step) for step in order]
    spans = calendar(start, request.hours_per_week, totals)
    is_reached = not planned and not solution.unreachable
    finish = start.date().isoformat() if request.hours_per_week and is_reached else None
    return PathResponse(
        path_id=path_id(request, rules, kept, order),
        steps=[
            _step(number, courses, gained, reasons, span)
            for number, (courses, gained, span) in enumerate(
                zip(order, gains, spans, strict=True), start=1
            )
        ],
        total_hours=_total(rules, planned),
        estimated_hours=round(sum(rules.hours(course) for course in planned), 6),
        finish_at=spans[-1][1] if spans else finish,
        unreachable=list(solution.unreachable),
        complete=not any(note.essential for note in solution.unreachable),
        relaxed=(
            [_relaxed(cover, group, rules.catalogue) for group in arranged.mutual] if cover else []
        ),
        warnings=warnings,
    )


def _step(
    number: int,
    courses: Sequence[str],
    gained: dict[str, list[GainedSkill]],
    reasons: Reasons,
    span: Span,
) -> PathStep:
    found = []
    for course_id in courses:
        course = reasons.catalogue.courses[course_id]
        found.append(
            PathCourse(
                course_id=course_id,
                title=course.title,
                hours=course.hours,
                skills_gained=gained[course_id],
                reasons=reasons.of(course_id, gained[course_id]),
            )
        )
    return PathStep(order=number, courses=found, starts_at=span[0], ends_at=span[1])


def _total(rules: Rules, courses: Iterable[str]) -> float | None:
    """Hours of some courses; None where those of one are unknown."""
    total = 0.0
    for course in courses:
        hours = rules.catalogue.courses[course].hours
        if hours is None:
            return None
        total += hours
    return round(total, 6)


def request_mark(request: PathRequest) -> str:
    """The first half of the id of every path that answers this request."""
    return _digest([request.model_dump_json(exclude={"messages_language"})])


def path_id(
    request: PathRequest, rules: Rules, kept: Set[str], order: Sequence[Sequence[str]]
) -> str:
    """Hash of what the plan depends on and of its steps, the request alone in the first half.

    The steps stand for the models, which decide among plans of equal hours. No clock.
    """
    state = rules.state
    document = [
        request.model_dump_json(exclude={"messages_language"}),
        rules.catalogue.digest,
        repr((sorted(state.completed), sorted(state.enrolled), sorted(kept))),
        repr(sorted(state.mastered.items(), key=lambda item: item[0])),
        repr([sorted(step) for step in order]),
        repr([sorted(ruled.items()) for ruled in (rules.withheld, rules.demanded, rules.before)]),
    ]
    return request_mark(request) + _digest(document)


def _digest(document: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(document).encode()).hexdigest()[:_HALF_ID_CHARS]


def _relaxed(cover: Cover, group: Iterable[int], catalogue: Catalogue) -> Relaxed:
    """Which courses share a step, and the skills by which they need each other."""
    members = sorted(group)
    involved = 0
    for course in members:
        own = cover.adds[course]
        others = cover.added(sum(1 << other for other in members if other != course)) & ~own
        for item in bits(own):
            if cover.needs[item] & others:
                involved |= 1 << item | cover.needs[item] & others
    courses = [cover.universe.ids[course] for course in members]
    names = ", ".join(explain.label(catalogue.course_name(c), c) for c in courses)
    return Relaxed(
        courses=courses,
        skills=[cover.skills[item] for item in bits(involved)],
        why=f"{names} need each other's skills and are to be taken together.",
    )

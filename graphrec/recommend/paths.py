"""Stage 5, SERVE: learning paths, from what a learner holds to a course, a role or skills.

In come a request, the catalogue and the learner's state; out goes an ordered plan in which
every prerequisite is met before it is needed, and what could not be reached and why. Needs
no model bundle; a scorer, where there is one, breaks ties by personal fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from graphrec.recommend import path_explain as explain
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import (
    ANONYMOUS,
    FROM_COMPLETION,
    LearnerState,
    with_completed,
    with_mastered,
)
from graphrec.recommend.path_arrange import Cover
from graphrec.recommend.path_goals import Goal, goals_of, known, open_goals
from graphrec.recommend.path_schemas import (
    GainedSkill,
    PathCourse,
    PathReason,
    PathRequest,
    PathResponse,
    PathStep,
    Relaxed,
)
from graphrec.recommend.path_solve import Budget, Solution, solve
from graphrec.recommend.path_steps import defer_to, gain_by_step
from graphrec.recommend.path_universe import Rules, Scorer, bits
from graphrec.recommend.path_words import with_words


def plan(
    request: PathRequest,
    catalogue: Catalogue,
    state: LearnerState = ANONYMOUS,
    *,
    scorer: Scorer | None = None,
    now: datetime | None = None,
) -> PathResponse:
    """The path that reaches the target with the fewest hours.

    Args:
        request: The target and its bounds.
        catalogue: All courses, skills and roles.
        state: Where the learner of ``request.learner_id`` stands; what the request names as
            completed and mastered comes on top.
        scorer: Course ids -> fit, higher is better; decides among plans of equal hours.
        now: Start of study where the request names none; None: the clock.

    Raises:
        UnknownIdError: The catalogue does not hold the target; ``where`` names the field.
    """
    goals = goals_of(request.target, catalogue)
    state, warnings = _with_request(state, request, catalogue)
    start = request.start_at or now or datetime.now(UTC)
    budget = _budget(request, catalogue, start, warnings)
    rules = _rules(request, catalogue, state, warnings)
    if request.target.role_id is not None and not goals:
        warnings.append(f"The role '{request.target.role_id}' needs no skill.")
    solution = _solve(rules, request, open_goals(goals, state), budget, scorer)
    warnings.extend(f"{note.target}: {note.why}" for note in solution.course_missed)
    return with_words(_respond(request, solution, goals, start, warnings), request, catalogue)


def _with_request(
    state: LearnerState, request: PathRequest, catalogue: Catalogue
) -> tuple[LearnerState, list[str]]:
    """The state with what the request says of the learner, and what was not understood."""
    warnings = list(state.warnings)
    completed, unknown = known(request.completed, catalogue.courses.keys())
    warnings.extend(f"completed: there is no course '{c}'; ignored." for c in unknown)
    mastered, unknown = known(request.mastered, catalogue.skills.keys())
    warnings.extend(f"mastered: there is no skill '{s}'; ignored." for s in unknown)
    _, unknown = known(request.exclude, catalogue.courses.keys())
    warnings.extend(f"exclude: there is no course '{c}'; ignored." for c in unknown)
    state = with_completed(state, completed, catalogue, FROM_COMPLETION)
    return with_mastered(state, dict.fromkeys(mastered)), warnings


def _rules(
    request: PathRequest, catalogue: Catalogue, state: LearnerState, warnings: list[str]
) -> Rules:
    language = request.language.casefold() if request.language else None
    if language is not None and not catalogue.languages:
        warnings.append("language: no course names its language; not applied.")
        language = None
    return Rules(catalogue, state, frozenset(request.exclude), language)


def _budget(
    request: PathRequest, catalogue: Catalogue, start: datetime, warnings: list[str]
) -> Budget | None:
    """The tightest of the bounds on hours; None where there is none."""
    bounds = []
    if request.max_total_hours is not None:
        bounds.append(Budget(request.max_total_hours, "max_total_hours"))
    if request.deadline is not None:
        weeks = max(0.0, (request.deadline - start) / timedelta(weeks=1))
        if request.hours_per_week is not None:
            hours = weeks * request.hours_per_week
            bounds.append(Budget(hours, f"hours_per_week until the deadline {request.deadline:%F}"))
        elif not weeks:
            bounds.append(Budget(0.0, f"the deadline {request.deadline:%F}, which is past"))
        else:
            warnings.append("deadline: not applied, since hours_per_week is missing.")
    if bounds and catalogue.median_hours is None:
        warnings.append("No course has hours: max_total_hours and deadline are not applied.")
        return None
    return min(bounds, key=lambda bound: bound.hours, default=None)


def _solve(
    rules: Rules,
    request: PathRequest,
    goals: Sequence[Goal],
    budget: Budget | None,
    scorer: Scorer | None,
) -> Solution:
    """Solve without courses in progress; with them only where that reaches more."""
    course_id = request.target.course_id
    if course_id in rules.state.completed:
        return Solution(rules)
    solution = solve(rules, goals, course_id, budget, scorer)
    if rules.state.enrolled and (solution.unreachable or solution.course_missed):
        relaxed = Rules(rules.catalogue, rules.state, rules.excluded, rules.language, True)
        other = solve(relaxed, goals, course_id, budget, scorer)
        if _num_missed(other) < _num_missed(solution):
            return other
    return solution


def _num_missed(solution: Solution) -> tuple[int, int]:
    essential = sum(note.essential for note in solution.unreachable)
    return essential, len(solution.unreachable) + len(solution.course_missed)


def _respond(
    request: PathRequest,
    solution: Solution,
    goals: Sequence[Goal],
    start: datetime,
    warnings: list[str],
) -> PathResponse:
    rules, cover = solution.rules, solution.cover
    catalogue = rules.catalogue
    names = cover.universe.ids if cover else ()
    arranged = solution.steps(defer_to(cover, rules) if cover else None)
    order = [[names[course] for course in step] for step in arranged.steps]
    planned = [course for step in order for course in step]
    together = [[names[course] for course in group] for group in arranged.mutual]
    reasons = _Reasons(request, solution, goals, planned)
    gains = gain_by_step(order, together, rules, reasons.items)
    steps = [
        PathStep(
            order=number,
            courses=[
                PathCourse(
                    course_id=course,
                    title=catalogue.courses[course].title,
                    hours=catalogue.courses[course].hours,
                    skills_gained=gained[course],
                    reasons=reasons.of(course, gained[course]),
                )
                for course in step
            ],
        )
        for number, (step, gained) in enumerate(zip(order, gains, strict=True), start=1)
    ]
    hours = [catalogue.courses[course].hours for course in planned]
    is_known = all(h is not None for h in hours)
    total = round(sum(h for h in hours if h is not None), 6)
    is_blocked = not planned and bool(solution.unreachable)
    return PathResponse(
        path_id=_path_id(request, rules),
        steps=steps,
        total_hours=total if is_known else None,
        estimated_hours=round(sum(rules.hours(course) for course in planned), 6),
        finish_at=None if is_blocked or not is_known else _finish(start, total, request),
        unreachable=list(solution.unreachable),
        complete=not any(note.essential for note in solution.unreachable),
        relaxed=[_relaxed(cover, group, catalogue) for group in arranged.mutual] if cover else [],
        warnings=warnings,
    )


def _finish(start: datetime, hours: float, request: PathRequest) -> str | None:
    if request.hours_per_week is None:
        return None
    try:
        return (start + timedelta(weeks=hours / request.hours_per_week)).date().isoformat()
    except OverflowError:  # beyond the year 9999
        return None


def _path_id(request: PathRequest, rules: Rules) -> str:
    """Hash of all that the plan depends on; the clock and the words are not among it."""
    state = rules.state
    document = [
        request.model_dump_json(exclude={"messages_language"}),
        rules.catalogue.digest,
        repr((sorted(state.completed), sorted(state.enrolled))),
        repr(sorted(state.mastered.items(), key=lambda item: item[0])),
    ]
    return hashlib.sha256("\n".join(document).encode()).hexdigest()[:20]


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


class _Reasons:
    """Why each course of one plan is in it."""

    def __init__(
        self,
        request: PathRequest,
        solution: Solution,
        goals: Sequence[Goal],
        planned: Sequence[str],
    ) -> None:
        self.request, self.solution, self.planned = request, solution, set(planned)
        self.catalogue = solution.rules.catalogue
        self.goals = {goal.skill_id: goal for goal in goals if goal in solution.goals}
        self.items = set(solution.cover.skills) if solution.cover else set()

    def of(self, course: str, gained: Sequence[GainedSkill]) -> list[PathReason]:
        """Reasons of one course, the strongest first; never none."""
        found = []
        if course == self.request.target.course_id:
            found.append(explain.is_target(course))
        if course in self.solution.rules.state.enrolled:
            found.append(explain.is_in_progress(course))
        skills = [gain.skill_id for gain in gained if gain.skill_id in self.items]
        if self.request.target.course_id is None:
            goals = [self.goals[skill] for skill in skills if skill in self.goals]
            found += [explain.in_target(self.catalogue, g.skill_id, g.role_id) for g in goals]
        for skill in skills:
            after = [s for s in self.catalogue.dependents_of(skill) if s in self.items]
            found += [explain.before_skill(self.catalogue, skill, s) for s in after[:1]]
        after = [c for c in self.catalogue.required_by(course) if c in self.planned]
        found += [explain.before_course(self.catalogue, c) for c in after]
        return found or self._in_time(skills)

    def _in_time(self, skills: Sequence[str]) -> list[PathReason]:
        """A target course's own skills are kept where they can be: from another course then."""
        target = self.request.target.course_id
        if target is None:
            return []
        own = self.catalogue.skills_of(target)
        return [explain.in_time(self.catalogue, skill, target) for skill in skills if skill in own]

"""Stage 5, SERVE: learning paths, from what a learner holds to a course, a role or skills.

In come a request, the catalogue and the learner's state; out goes an ordered plan in which
every prerequisite is met before it is needed, and what could not be reached and why. Needs
no model bundle; a scorer, where there is one, breaks ties by personal fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import ANONYMOUS, LearnerState
from graphrec.recommend.path_alternatives import with_alternatives
from graphrec.recommend.path_answer import respond
from graphrec.recommend.path_bounds import budget_of, rules_of, state_with
from graphrec.recommend.path_budget import Budget
from graphrec.recommend.path_goals import Goal, goals_of, open_goals
from graphrec.recommend.path_ruled import name_rules, ruled
from graphrec.recommend.path_rules import Rules, Scorer
from graphrec.recommend.path_schemas import PathRequest, PathResponse
from graphrec.recommend.path_solve import Solution, solve
from graphrec.recommend.path_words import with_words
from graphrec.rules.planning import PlannerInputs


def plan(
    request: PathRequest,
    catalogue: Catalogue,
    state: LearnerState = ANONYMOUS,
    *,
    scorer: Scorer | None = None,
    now: datetime | None = None,
    keep: Iterable[str] = (),
    rulings: PlannerInputs | None = None,
) -> PathResponse:
    """The path that reaches the target with the fewest hours.

    Args:
        request: The target and its bounds.
        catalogue: All courses, skills and roles.
        state: Where the learner of ``request.learner_id`` stands; what the request names as
            completed and mastered comes on top.
        scorer: Course ids -> fit, higher is better; decides among plans of equal hours.
        now: Start of study where the request names none; None: the clock.
        keep: Course ids of a former plan, preferred as pinned ones are.
        rulings: Of the business rules in force for the learner, as ``path_ruled`` finds them.

    Raises:
        UnknownIdError: The catalogue does not hold the target; ``where`` names the field.
    """
    goals, kept = goals_of(request.target, catalogue), frozenset(keep)
    warnings: list[str] = []
    completed = state.completed | set(request.completed)
    state = state_with(request, catalogue, state, warnings)
    start = request.start_at or now or datetime.now(UTC)
    budget = budget_of(request, catalogue, start, warnings)
    rules = rules_of(request, catalogue, state, completed, warnings)
    rules = replace(rules, pinned=rules.pinned | kept)
    if rulings is not None:
        rules = ruled(rules, rulings)
    if request.target.role_id is not None and not goals:
        warnings.append(f"The role '{request.target.role_id}' needs no skill.")
    courses = [*rules.demanded, *request.must_take, *filter(None, [request.target.course_id])]
    courses = [c for c in dict.fromkeys(courses) if c not in state.completed]
    solution = _steered(rules, open_goals(goals, state), courses, budget, scorer)
    if solution.rules.pinned != rules.pinned:
        warnings.append("pin: not applied, since more can be reached without it.")
    warnings.extend(f"{note.target}: {note.why}" for note in solution.course_missed)
    answer = name_rules(respond(request, solution, goals, start, warnings, kept), rules)
    answer = with_alternatives(answer, request, solution, budget)
    return with_words(answer, request, catalogue)


def _steered(
    rules: Rules,
    goals: Sequence[Goal],
    courses: Sequence[str],
    budget: Budget | None,
    scorer: Scorer | None,
) -> Solution:
    """Solve with pins, and without them where they leave less room for the target."""
    solution = _solve(rules, goals, courses, budget, scorer)
    if rules.pinned and budget is not None and _num_missed(solution) != (0, 0):
        other = _solve(replace(rules, pinned=frozenset()), goals, courses, budget, scorer)
        if _num_missed(other) < _num_missed(solution):
            return other
    return solution


def _solve(
    rules: Rules,
    goals: Sequence[Goal],
    courses: Sequence[str],
    budget: Budget | None,
    scorer: Scorer | None,
) -> Solution:
    """Solve without courses in progress; with them only where that reaches more."""
    solution = solve(rules, goals, courses, budget, scorer)
    if rules.state.enrolled and _num_missed(solution) != (0, 0):
        relaxed = replace(rules, allow_in_progress=True)
        other = solve(relaxed, goals, courses, budget, scorer)
        if _num_missed(other) < _num_missed(solution):
            return other
    return solution


def _num_missed(solution: Solution) -> tuple[int, int]:
    essential = sum(note.essential for note in solution.unreachable)
    return essential, len(solution.unreachable) + len(solution.course_missed)

"""Solves one path: goals to a set of courses in order, within the hours there are.

In come rules, goals and a budget; out goes a ``Solution``. Goals that contradict REQUIRES are
given up with their reason; where the hours do not suffice, as many goals as fit are kept,
essential ones first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from graphrec.recommend.path_arrange import Arrangement, Cover, DeadEnd, Defer, arrange
from graphrec.recommend.path_explain import over_budget, too_early
from graphrec.recommend.path_goals import Attainment, Goal, check_course, universe_for
from graphrec.recommend.path_schemas import Unreachable
from graphrec.recommend.path_select import select
from graphrec.recommend.path_universe import Rules, Scorer, Universe, bits

MAX_EXACT_GOALS: Final = 6
"""Goals up to which every subset is tried for what fits the hours; beyond, one by one."""


@dataclass(frozen=True)
class Budget:
    """Hours there are, and the name of the bound that says so."""

    hours: float
    bound: str

    def holds(self, hours: float) -> bool:
        """Whether so many hours fit, give or take a rounding error."""
        return hours <= self.hours + 1e-6


@dataclass(frozen=True)
class Solution:
    """Courses in order.

    Attributes:
        rules: What was allowed.
        goals: The goals that the plan reaches.
        cover: The skills it had to add, and from which courses.
        courses: Bit mask of the courses of the plan.
        unreachable: Goals that it does not reach, with the reason.
        course_missed: The notes among them about a target course's own skills.
    """

    rules: Rules
    goals: tuple[Goal, ...] = ()
    cover: Cover | None = None
    courses: int = 0
    unreachable: tuple[Unreachable, ...] = ()
    course_missed: tuple[Unreachable, ...] = ()

    def steps(self, defer: Defer | None) -> Arrangement:
        """The courses in order."""
        if self.cover is None or not self.courses:
            return Arrangement()
        found = arrange(self.cover, self.courses, defer)
        if isinstance(found, DeadEnd):
            raise AssertionError("what was selected can be arranged")
        return found


def solve(
    rules: Rules,
    goals: Sequence[Goal],
    course_id: str | None,
    budget: Budget | None,
    scorer: Scorer | None,
) -> Solution:
    """The best path to open goals, or to a course whose skills the goals are.

    Args:
        rules: What may be planned.
        goals: Skills not held yet. For a target course they are kept where they can be: a
            course is reached even where one of its skills lacks an untaught prerequisite.
        course_id: The target course, not completed yet; None for skills.
        budget: None: any number of hours.
        scorer: Personal fit.
    """
    universe = universe_for(rules, goals, course_id, scorer)
    if course_id is not None:
        blocked = check_course(rules, universe, course_id)
        if blocked:
            return Solution(rules, unreachable=(blocked,))
    attained = Attainment(rules, universe, goals)
    fixed = 0 if course_id is None else 1 << universe.index[course_id]
    cover, courses = _reach(attained, fixed)
    solution = Solution(rules, tuple(attained.goals), cover, courses)
    missed = tuple(attained.unreachable)
    if budget is not None and not budget.holds(hours_of(rules, universe, courses)):
        if course_id is not None:
            needed = hours_of(rules, universe, courses)
            why = over_budget(needed, budget.hours, budget.bound)
            note = Unreachable(target=course_id, why=why, kind="course")
            return Solution(rules, unreachable=(note,))
        solution, left_out = _within(attained, budget)
        dropped = {note.target for note in left_out}
        missed = (*(note for note in missed if note.target not in dropped), *left_out)
    if course_id is not None:
        return replace(solution, course_missed=missed)
    return replace(solution, unreachable=missed)


def hours_of(rules: Rules, universe: Universe, courses: int) -> float:
    """Hours of a set of courses, unknown ones estimated."""
    return sum(rules.hours(universe.ids[course]) for course in bits(courses))


def _reach(attained: Attainment, fixed: int) -> tuple[Cover, int]:
    """Courses for all goals that can be reached together with the order REQUIRES asks."""
    while True:
        cover = attained.cover(attained.goals)
        found = select(cover, fixed)
        if not isinstance(found, DeadEnd):
            return cover, found.courses
        lost = {}
        for item in bits(found.lost or cover.everything):
            skill = cover.skills[item]
            courses = cover.universe.names(cover.providers[item])
            lost[skill] = too_early(attained.rules.catalogue, skill, courses)
        attained.lose(lost)


class _Fitter:
    """Costs of subsets of the goals, each selected once."""

    def __init__(self, attained: Attainment) -> None:
        self.attained = attained
        self._known: dict[tuple[Goal, ...], tuple[Cover, int, float]] = {}

    def cost(self, goals: Sequence[Goal]) -> tuple[Cover, int, float]:
        """Cover, courses and hours for some of the goals; infinite hours at a dead end."""
        key = tuple(goals)
        if key not in self._known:
            cover = self.attained.cover(goals)
            found = select(cover)
            courses = 0 if isinstance(found, DeadEnd) else found.courses
            hours = (
                float("inf")
                if isinstance(found, DeadEnd)
                else hours_of(self.attained.rules, cover.universe, courses)
            )
            self._known[key] = (cover, courses, hours)
        return self._known[key]

    def hours(self, goals: Sequence[Goal]) -> float:
        """Hours for some of the goals."""
        return self.cost(goals)[2]


def _within(attained: Attainment, budget: Budget) -> tuple[Solution, tuple[Unreachable, ...]]:
    """As many goals as the hours allow, and for each of the others what it would take."""
    fitter = _Fitter(attained)
    if len(attained.goals) <= MAX_EXACT_GOALS:
        kept = _best_subset(fitter, budget)
    else:
        kept = _one_by_one(fitter, budget)
    cover, courses, _ = fitter.cost(kept)
    left_out = tuple(
        goal.missed(over_budget(fitter.hours([*kept, goal]), budget.hours, budget.bound))
        for goal in attained.goals
        if goal not in kept
    )
    return Solution(attained.rules, tuple(kept), cover, courses), left_out


def _best_subset(fitter: _Fitter, budget: Budget) -> list[Goal]:
    """Most essential goals, then most goals, then fewest hours; the first of equals."""
    goals = fitter.attained.goals
    best: tuple[tuple[int, int, float], list[Goal]] = ((0, 0, 0.0), [])
    for size in range(1, len(goals)):
        for subset in combinations(goals, size):
            hours = fitter.hours(subset)
            key = (sum(goal.essential for goal in subset), size, -hours)
            if budget.holds(hours) and key > best[0]:
                best = (key, list(subset))
    return best[1]


def _one_by_one(fitter: _Fitter, budget: Budget) -> list[Goal]:
    """Add the goal that costs least on top of those kept, essential ones first."""
    kept: list[Goal] = []
    queue = [(not g.essential, fitter.hours([g]), g.skill_id, g) for g in fitter.attained.goals]
    queue.sort(key=lambda entry: entry[:3])
    while queue:
        is_extra, _, skill, goal = queue.pop(0)
        hours = fitter.hours([*kept, goal])
        extra = hours - fitter.hours(kept)
        if queue and (is_extra, extra) > queue[0][:2] and budget.holds(hours):
            queue.append((is_extra, extra, skill, goal))
            queue.sort(key=lambda entry: entry[:3])
        elif budget.holds(hours):
            kept.append(goal)
    return kept

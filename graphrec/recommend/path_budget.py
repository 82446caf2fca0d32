"""Keeps as much of what is wanted as the hours and the number of courses allow.

In come what can be had and a ``Budget``; out go the courses and goals that fit: courses that
must be taken first, in their order, then essential goals, then the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from graphrec.recommend.mastery import is_enough
from graphrec.recommend.path_arrange import Cover, DeadEnd
from graphrec.recommend.path_explain import over_budget, too_many
from graphrec.recommend.path_goals import Attainment, Goal
from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import Unreachable
from graphrec.recommend.path_select import EFFORT, select
from graphrec.recommend.path_universe import Universe, bits

MAX_EXACT_GOALS: Final = 6
"""Goals up to which every subset is tried for what fits the hours; beyond, one by one."""

MAX_SELECTIONS: Final = 60
"""Selections of courses that exchanging goals may cost; each takes up to some milliseconds."""


@dataclass(frozen=True)
class Budget:
    """Hours and courses there are, and the name of the bound that says so of the hours."""

    hours: float = math.inf
    bound: str = ""
    max_courses: int | None = None

    def holds(self, hours: float, num_courses: int = 0) -> bool:
        """Whether so much fits, give or take a rounding error."""
        is_few = self.max_courses is None or num_courses <= self.max_courses
        return is_few and math.isfinite(hours) and hours <= self.hours + 1e-6


@dataclass(frozen=True)
class Fit:
    """What fits: goals reached, from which cover, courses (bit mask), and what was left out.

    ``not_gained`` are skills of courses that had to be taken, did not fit with all their
    skills, and are in the plan for the sake of others.
    """

    goals: list[Goal]
    cover: Cover
    courses: int
    left_out: list[Unreachable]
    not_gained: list[Unreachable]


def hours_of(rules: Rules, universe: Universe, courses: int) -> float:
    """Hours of a set of courses, unknown ones estimated."""
    return sum(rules.hours(universe.ids[course]) for course in bits(courses))


class _Fitter:
    """Costs of subsets of what is wanted, each selected once."""

    def __init__(self, attained: Attainment, budget: Budget) -> None:
        self.attained, self.budget = attained, budget
        self.fixed = 0
        self._known: dict[tuple[int, tuple[Goal, ...]], tuple[Cover, int, float]] = {}

    def cost(self, goals: Sequence[Goal]) -> tuple[Cover, int, float]:
        """Cover, courses and hours for some goals and all that is fixed.

        Infinite hours at a dead end, or where no such few courses do.
        """
        key = self.fixed, tuple(goals)
        if key not in self._known:
            cover = self.attained.cover(goals)
            found = select(cover, self.fixed, EFFORT, self.budget.max_courses)
            courses = 0 if isinstance(found, DeadEnd) else found.courses
            hours = (
                math.inf
                if isinstance(found, DeadEnd)
                else hours_of(self.attained.rules, cover.universe, courses)
            )
            self._known[key] = (cover, courses, hours)
        return self._known[key]

    @property
    def num_selected(self) -> int:
        """Selections made so far."""
        return len(self._known)

    def hours(self, goals: Sequence[Goal]) -> float:
        """Hours for some of the goals."""
        return self.cost(goals)[2]

    def holds(self, goals: Sequence[Goal]) -> bool:
        """Whether some goals fit beside what is fixed."""
        return self.budget.holds(self.hours(goals))

    def why_not(self, goals: Sequence[Goal]) -> str:
        """The bound that keeps some goals out."""
        hours = self.hours(goals)
        if not math.isfinite(hours) and self.budget.max_courses is not None:
            return too_many(self.budget.max_courses)
        return over_budget(hours, self.budget.hours, self.budget.bound)


def within(
    attained: Attainment, skills: Sequence[str], courses: Sequence[str], budget: Budget
) -> Fit:
    """As much as the budget allows, and for each of the rest what it would take.

    Args:
        attained: All that could be reached without a budget.
        skills: Skill ids of the target; the other goals come with the courses.
        courses: Course ids that must be taken, the most urgent first.
        budget: What there is.
    """
    fitter = _Fitter(attained, budget)
    base, left_out = list[Goal](), list[Unreachable]()
    for course in courses:
        before = fitter.fixed
        own = [goal for goal in _own(attained, course) if goal not in base]
        fitter.fixed |= 1 << attained.universe.index[course]
        if fitter.holds([*base, *own]):
            base += own
            continue
        why = fitter.why_not([*base, *own])
        left_out.append(Unreachable(target=course, why=why, kind="course"))
        fitter.fixed = before
    open_goals = [g for g in attained.goals if g.skill_id in skills and g not in base]
    keep = _best_subset if len(open_goals) <= MAX_EXACT_GOALS else _one_by_one
    kept = keep(fitter, base, open_goals)
    cover, chosen, _ = fitter.cost(kept)
    planned = {course for course in courses if chosen >> cover.universe.index[course] & 1}
    not_gained = [
        goal.missed(note.why)
        for note in left_out
        if note.target in planned
        for goal in _own(attained, note.target)
        if goal not in kept and goal.skill_id not in skills
    ]
    left_out = [note for note in left_out if note.target not in planned]
    left_out += [
        goal.missed(fitter.why_not([*kept, goal])) for goal in open_goals if goal not in kept
    ]
    return Fit(kept, cover, chosen, left_out, not_gained)


def _own(attained: Attainment, course: str) -> list[Goal]:
    """The goals that a course itself reaches, so that what comes before them comes with it."""
    taught = attained.rules.catalogue.skills_of(course)
    return [
        goal
        for goal in attained.goals
        if goal.skill_id in taught
        and is_enough(taught[goal.skill_id], attained.levels.get(goal.skill_id))
    ]


def _best_subset(fitter: _Fitter, base: list[Goal], goals: list[Goal]) -> list[Goal]:
    """Most essential goals, then most goals, then fewest hours; the first of equals."""
    best: tuple[tuple[int, int, float], list[Goal]] = ((0, 0, 0.0), base)
    for size in range(1, len(goals) + 1):
        for subset in combinations(goals, size):
            key = (sum(goal.essential for goal in subset), size, -fitter.hours([*base, *subset]))
            if fitter.holds([*base, *subset]) and key > best[0]:
                best = (key, [*base, *subset])
    return best[1]


def _one_by_one(fitter: _Fitter, base: list[Goal], goals: list[Goal]) -> list[Goal]:
    """Add the goal that costs least on top of those kept, essential ones first."""
    kept = list(base)
    queue = [(not g.essential, fitter.hours([*base, g]), g.skill_id, g) for g in goals]
    queue.sort(key=lambda entry: entry[:3])
    while queue:
        is_extra, _, skill, goal = queue.pop(0)
        together = [*kept, goal]
        extra = fitter.hours(together) - fitter.hours(kept)
        if queue and (is_extra, extra) > queue[0][:2] and fitter.holds(together):
            queue.append((is_extra, extra, skill, goal))
            queue.sort(key=lambda entry: entry[:3])
        elif fitter.holds(together):
            kept.append(goal)
    return _swapped(fitter, base, goals, kept)


def _swapped(fitter: _Fitter, base: list[Goal], goals: list[Goal], kept: list[Goal]) -> list[Goal]:
    """Exchange goals while that keeps more of them, or as many in fewer hours.

    What was cheap by itself can stand in the way of several that share their courses.
    """
    most = fitter.num_selected + MAX_SELECTIONS
    while True:
        better = None
        for out, into in _exchanges(fitter, base, goals, kept):
            if fitter.num_selected >= most:
                return kept
            trial = _in_order(base, goals, [into, *(goal for goal in kept if goal is not out)])
            if fitter.holds(trial):
                trial = _filled(fitter, base, goals, trial)
                if _worth(fitter, trial) > _worth(fitter, kept):
                    better = trial
                    break
        if better is None:
            return kept
        kept = better


def _exchanges(
    fitter: _Fitter, base: list[Goal], goals: list[Goal], kept: list[Goal]
) -> list[tuple[Goal, Goal]]:
    """Goals to give up, those that free most hours first, each with what may take its place."""
    inside = [goal for goal in kept if goal not in base]
    freed = {g.skill_id: fitter.hours([o for o in kept if o is not g]) for g in inside}
    inside.sort(key=lambda goal: (goal.essential, freed[goal.skill_id], goal.skill_id))
    outside = [goal for goal in goals if goal not in kept]
    outside.sort(key=lambda goal: not goal.essential)
    return [(o, i) for o in inside for i in outside if i.essential or not o.essential]


def _filled(fitter: _Fitter, base: list[Goal], goals: list[Goal], kept: list[Goal]) -> list[Goal]:
    """The goals kept, and every other one that still fits, essential ones first."""
    for goal in sorted(goals, key=lambda goal: not goal.essential):
        if goal not in kept:
            more = _in_order(base, goals, [*kept, goal])
            kept = more if fitter.holds(more) else kept
    return kept


def _in_order(base: list[Goal], goals: list[Goal], some: list[Goal]) -> list[Goal]:
    """Some goals as they stand in ``goals``, after those of ``base``: one order for one set."""
    return [*base, *(goal for goal in goals if goal in some and goal not in base)]


def _worth(fitter: _Fitter, kept: Sequence[Goal]) -> tuple[int, int, float]:
    """Essential goals, goals and hours saved: more is better."""
    hours = round(fitter.hours(kept), 6)
    return sum(goal.essential for goal in kept), len(kept), -hours

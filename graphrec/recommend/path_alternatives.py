"""What else could stand in the place of a course of a plan, all the rest staying as it is.

In comes a finished plan with the ``Solution`` it was written from; each course gets the
cheapest others that add, in its step, what no other course of the plan adds in time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphrec.recommend.path_arrange import Cover
from graphrec.recommend.path_budget import Budget, hours_of
from graphrec.recommend.path_schemas import PathAlternative, PathRequest, PathResponse
from graphrec.recommend.path_solve import Solution
from graphrec.recommend.path_universe import bits

_MAX_TRIED = 12
"""Courses looked at for one place, the cheapest first: a popular skill has hundreds."""


@dataclass(frozen=True)
class _Plan:
    """Steps of units: courses that count on nothing else of their step, alone or together."""

    cover: Cover
    steps: tuple[tuple[tuple[int, ...], ...], ...]

    def holds(self) -> bool:
        """Whether REQUIRES and the order of rules are kept and every item is gained."""
        universe, done, got = self.cover.universe, 0, 0
        left = _union(1 << c for units in self.steps for unit in units for c in unit)
        for units in self.steps:
            now = [course for unit in units for course in unit]
            if not all(group & done for c in now for group in universe.groups[c]):
                return False
            if universe.ahead and any(universe.ahead[c] & left for c in now):
                return False
            got |= _union(self._gained(unit, got) for unit in units)
            done |= _union(1 << course for course in now)
            left &= ~done
        return got == self.cover.everything

    def _gained(self, unit: Sequence[int], got: int) -> int:
        """Items that a unit adds: the greatest set that has all its prerequisites."""
        new = _union(self.cover.adds[course] for course in unit) & ~got
        while True:
            early = _union(1 << i for i in bits(new) if self.cover.needs[i] & ~(got | new))
            if not early:
                return new
            new &= ~early

    def instead(self, course: int, other: int) -> _Plan:
        """The plan with one course in place of another."""
        steps = tuple(
            tuple(tuple(other if c == course else c for c in unit) for unit in units)
            for units in self.steps
        )
        return _Plan(self.cover, steps)


def with_alternatives(
    answer: PathResponse, request: PathRequest, solution: Solution, budget: Budget | None
) -> PathResponse:
    """A plan whose courses name what could be taken instead, ``request.alternatives`` at most.

    A course that was demanded by itself, as target or to be taken, has none; nor has one in
    progress, which stands in a plan only where nothing else would do.

    Args:
        answer: As planned; its courses are completed in place.
        request: It answers.
        solution: It was written from.
        budget: That it keeps to.
    """
    cover, rules = solution.cover, solution.rules
    if cover is None or not request.alternatives:
        return answer
    plan = _read(answer, cover)
    spare = math.inf
    if budget is not None:
        spare = budget.hours - hours_of(rules, cover.universe, solution.courses)
    courses = {c.course_id: c for step in answer.steps for c in step.courses}
    fixed = {request.target.course_id, *request.must_take, *rules.demanded}
    fixed |= rules.state.enrolled
    for course_id, course in courses.items():
        if course_id in fixed:
            continue
        for other in _candidates(cover, solution.courses, cover.universe.index[course_id]):
            other_id = cover.universe.ids[other]
            if rules.hours(other_id) - rules.hours(course_id) > spare + 1e-9:
                continue
            if plan.instead(cover.universe.index[course_id], other).holds():
                facts = rules.catalogue.courses[other_id]
                course.alternatives.append(
                    PathAlternative(course_id=other_id, title=facts.title, hours=facts.hours)
                )
            if len(course.alternatives) == request.alternatives:
                break
    return answer


def _read(answer: PathResponse, cover: Cover) -> _Plan:
    index = cover.universe.index
    steps = []
    for step in answer.steps:
        here = [course.course_id for course in step.courses]
        units = [tuple(index[c] for c in g.courses) for g in answer.relaxed if g.courses[0] in here]
        together = {course for unit in units for course in unit}
        steps.append((*units, *((index[c],) for c in here if index[c] not in together)))
    return _Plan(cover, tuple(steps))


def _candidates(cover: Cover, chosen: int, course: int) -> list[int]:
    """Courses beside the plan that could do for one of it, the cheapest first."""
    rest = chosen & ~(1 << course)
    own = cover.adds[course] & ~cover.added(rest)
    found = ~0
    for item in bits(own):
        found &= cover.providers[item]
    for other in bits(rest):
        for group in cover.universe.groups[other]:
            if group & chosen == 1 << course:
                found &= group
    if found == ~0:  # needed for its step alone: whatever adds one of its skills may do
        found = _union(cover.providers[item] for item in bits(cover.adds[course]))
    weight = cover.universe.weight
    return sorted(bits(found & ~chosen), key=lambda c: (weight[c], c))[:_MAX_TRIED]


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found

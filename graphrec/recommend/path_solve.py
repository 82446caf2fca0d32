"""Solves one path: goals to a set of courses in order, within the bounds there are.

In come rules, goals, courses that must be taken and a budget; out goes a ``Solution``. Goals
that contradict REQUIRES are given up with their reason; where the budget does not suffice,
``path_budget`` keeps what fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphrec.recommend.path_arrange import Arrangement, Cover, DeadEnd, Defer, arrange
from graphrec.recommend.path_budget import Budget, hours_of, within
from graphrec.recommend.path_explain import too_early
from graphrec.recommend.path_goals import Attainment, Goal, check_course, universe_for
from graphrec.recommend.path_rules import Rules, Scorer
from graphrec.recommend.path_schemas import Unreachable
from graphrec.recommend.path_select import select
from graphrec.recommend.path_universe import bits


@dataclass(frozen=True)
class Solution:
    """Courses in order.

    Attributes:
        rules: What was allowed.
        goals: The goals that the plan reaches.
        cover: The skills it had to add, and from which courses.
        courses: Bit mask of the courses of the plan.
        unreachable: Goals that it does not reach, with the reason.
        course_missed: The notes among them about the skills of courses that had to stand in it.
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
    courses: Sequence[str],
    budget: Budget | None,
    scorer: Scorer | None,
) -> Solution:
    """The best path to open goals that holds some courses.

    Args:
        rules: What may be planned.
        goals: Skills of the target, not held yet.
        courses: Courses not completed that must stand in the plan, the most urgent first.
            Their skills are goals as far as they can be: a course is reached even where one
            of its skills lacks an untaught prerequisite.
        budget: None: any number of hours and courses.
        scorer: Personal fit.
    """
    own = {course: _own_goals(rules, course, goals) for course in courses}
    wanted = {g.skill_id: g for c in courses for g in own[c]} | {g.skill_id: g for g in goals}
    universe = universe_for(rules, wanted.values(), courses, scorer)
    blocked = [note for c in courses if (note := check_course(rules, universe, c))]
    fixed = [course for course in courses if course in universe.index]
    reached = {g.skill_id for c in fixed for g in own[c]} | {g.skill_id for g in goals}
    attained = Attainment(rules, universe, [g for s, g in wanted.items() if s in reached])
    cover, chosen = _reach(attained, sum(1 << universe.index[course] for course in fixed))
    kept, left_out, not_gained = attained.goals, list[Unreachable](), list[Unreachable]()
    if budget is not None and not budget.holds(
        hours_of(rules, universe, chosen), chosen.bit_count()
    ):
        fit = within(attained, [goal.skill_id for goal in goals], fixed, budget)
        kept, cover, chosen, left_out = fit.goals, fit.cover, fit.courses, fit.left_out
        not_gained = fit.not_gained
    gone = {(note.kind, note.target) for note in left_out}
    missed = [note for note in attained.unreachable if ("skill", note.target) not in gone]
    main = {goal.skill_id for goal in goals}
    beside = {s for c in fixed if ("course", c) not in gone for s in rules.catalogue.skills_of(c)}
    return Solution(
        rules,
        tuple(kept),
        cover,
        chosen,
        (*blocked, *(note for note in missed if note.target in main), *left_out),
        (*(n for n in missed if n.target not in main and n.target in beside), *not_gained),
    )


def _own_goals(rules: Rules, course: str, goals: Sequence[Goal]) -> list[Goal]:
    """The skills that a course is taken for; those of the target are goals anyway."""
    others = {goal.skill_id for goal in goals}
    skills = rules.catalogue.skills_of(course)
    return [Goal(s) for s in skills if s not in others and not rules.state.holds(s)]


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

"""Why each course of a plan is in it.

In come the request, the solution and its courses; out go the reasons of each course, the
strongest first, in sentences of ``path_explain``.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from graphrec.recommend import path_explain as explain
from graphrec.recommend.path_goals import Goal
from graphrec.recommend.path_schemas import GainedSkill, PathReason, PathRequest
from graphrec.recommend.path_solve import Solution


class Reasons:
    """Reasons of one plan.

    Args:
        request: What was asked.
        solution: What was found.
        goals: All skills of the target.
        planned: The courses of the plan.
        kept: Courses of a former plan.
    """

    def __init__(
        self,
        request: PathRequest,
        solution: Solution,
        goals: Sequence[Goal],
        planned: Sequence[str],
        kept: Set[str],
    ) -> None:
        self.request, self.solution, self.kept = request, solution, kept
        self.planned = set(planned)
        self.catalogue = solution.rules.catalogue
        self.goals = {goal.skill_id: goal for goal in goals if goal in solution.goals}
        self.items = set(solution.cover.skills) if solution.cover else set()

    def of(self, course: str, gained: Sequence[GainedSkill]) -> list[PathReason]:
        """Reasons of one course, the strongest first; never none."""
        skills = [gain.skill_id for gain in gained if gain.skill_id in self.items]
        found = self._asked(course)
        goals = [self.goals[skill] for skill in skills if skill in self.goals]
        found += [explain.in_target(self.catalogue, g.skill_id, g.role_id) for g in goals]
        for skill in skills:
            after = [s for s in self.catalogue.dependents_of(skill) if s in self.items]
            found += [explain.before_skill(self.catalogue, skill, s) for s in after[:1]]
        after = [c for c in self.catalogue.required_by(course) if c in self.planned]
        found += [explain.before_course(self.catalogue, c) for c in after]
        # Nobody asked for the course: it is there for another one's skill, or by a wish.
        found = found or self._in_time(skills)
        return found + self._preferred(course)

    def has_any(self, course: str, gained: Sequence[GainedSkill]) -> bool:
        """Whether a course is needed, and not just preferred to others."""
        return any(reason.code not in ("pinned", "kept") for reason in self.of(course, gained))

    def _asked(self, course: str) -> list[PathReason]:
        found = []
        if course == self.request.target.course_id:
            found.append(explain.is_target(course))
        if course in self.solution.rules.demanded:
            found.append(explain.is_demanded(course, self.solution.rules.demanded[course]))
        if course in self.request.must_take:
            found.append(explain.is_asked(course))
        if course in self.solution.rules.state.enrolled:
            found.append(explain.is_in_progress(course))
        return found

    def _in_time(self, skills: Sequence[str]) -> list[PathReason]:
        demanded = self.solution.rules.demanded
        wanted = [self.request.target.course_id, *demanded, *self.request.must_take]
        return [
            explain.in_time(self.catalogue, skill, course)
            for skill in skills
            for course in wanted
            if course in self.planned and skill in self.catalogue.skills_of(course)
        ]

    def _preferred(self, course: str) -> list[PathReason]:
        if course in self.request.pin:
            return [explain.is_pinned(course)]
        return [explain.is_kept(course)] if course in self.kept else []

"""From a target to the skills a path must add, and which of them can be had at all.

In come a target and a learner's state; out go goals, those of them that cannot be reached,
with the reason, and the ``Cover`` from which courses are chosen for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from graphrec.errors import UnknownIdError
from graphrec.graph.prerequisites import skill_closure
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import LearnerState, is_enough
from graphrec.recommend.path_arrange import Cover
from graphrec.recommend.path_explain import why_no_course, why_no_skill
from graphrec.recommend.path_rules import Rules, Scorer
from graphrec.recommend.path_schemas import PathTarget, Unreachable
from graphrec.recommend.path_universe import Universe, build_universe


@dataclass(frozen=True)
class Goal:
    """One skill of the target: at ``level`` or above (None: any)."""

    skill_id: str
    level: float | None = None
    essential: bool = True
    role_id: str | None = None

    def missed(self, why: str) -> Unreachable:
        """This goal as unreachable."""
        return Unreachable(target=self.skill_id, why=why, kind="skill", essential=self.essential)


def goals_of(target: PathTarget, catalogue: Catalogue) -> list[Goal]:
    """The skills a target asks for; a course target asks for none but itself.

    Raises:
        UnknownIdError: The catalogue does not hold the target; ``where`` names the field.
    """
    if target.course_id is not None:
        _check(catalogue.has_course(target.course_id), "course", target.course_id, "course_id")
        return []
    if target.role_id is not None:
        _check(catalogue.has_role(target.role_id), "role", target.role_id, "role_id")
        return [
            Goal(skill, need.level, need.essential, target.role_id)
            for skill, need in catalogue.role_needs(target.role_id).items()
        ]
    field = "skill_levels" if target.skill_levels else "skill_ids"
    levels: Mapping[str, float | None] = target.skill_levels or dict.fromkeys(
        target.skill_ids or ()
    )
    for skill in sorted(levels):
        _check(catalogue.has_skill(skill), "skill", skill, field)
    return [Goal(skill, levels[skill]) for skill in sorted(levels)]


def _check(is_known: bool, kind: str, identifier: str, field: str) -> None:
    if not is_known:
        raise UnknownIdError(
            f"There is no {kind} '{identifier}' in the catalogue.", where=f"target.{field}"
        )


def universe_for(
    rules: Rules, goals: Iterable[Goal], courses: Iterable[str], scorer: Scorer | None
) -> Universe:
    """All courses that could help to reach the goals and courses."""
    seeds = list(courses)
    for skill in sorted(_needed(goals, rules)):
        seeds.extend(rules.catalogue.courses_teaching(skill))
    return build_universe(rules, seeds, scorer)


def _needed(goals: Iterable[Goal], rules: Rules) -> set[str]:
    """Skills to gain: the goals, and what comes before those not held at any level."""
    wanted = [goal.skill_id for goal in goals]
    held = rules.state.mastered.keys()
    return set(wanted) | skill_closure(wanted, rules.catalogue.skill_prerequisites, held)


class Attainment:
    """Which goals a universe of courses can reach, at which level."""

    def __init__(self, rules: Rules, universe: Universe, goals: Iterable[Goal]) -> None:
        self.rules, self.universe = rules, universe
        self.unreachable: list[Unreachable] = []
        self.levels: dict[str, float | None] = {}
        self.goals: list[Goal] = []
        self._lost: dict[str, str] = {}
        self._take(list(goals))

    def lose(self, skills: Mapping[str, str]) -> None:
        """Take skills (id -> why) out of reach, with every goal that depends on them."""
        self._lost.update(skills)
        self._take(self.goals)

    def _take(self, goals: list[Goal]) -> None:
        attainable = self._attainable(goals)
        self.goals = []
        for goal in goals:
            if goal.skill_id not in attainable:
                why = why_no_skill(self.rules, self.universe, goal.skill_id, attainable, self._lost)
                # A goal lost later may have been noted for its level before.
                others = [n for n in self.unreachable if n.target != goal.skill_id]
                self.unreachable = [*others, goal.missed(why)]
            elif self._set_level(goal):
                self.goals.append(goal)

    def _attainable(self, goals: Iterable[Goal]) -> set[str]:
        """Greatest set of skills, each taught and with all its prerequisites held or in it.

        Skills that need each other both ways stay: they can be gained in one step.
        """
        needed = _needed(goals, self.rules)
        catalogue, index = self.rules.catalogue, self.universe.index
        found = {
            skill
            for skill in needed
            if skill not in self._lost
            and any(course in index for course in catalogue.courses_teaching(skill))
        }
        gone = sorted(needed - found - self.rules.state.mastered.keys())
        while gone:
            for skill in catalogue.dependents_of(gone.pop()):
                if skill in found and skill not in self.rules.state.mastered:
                    found.discard(skill)
                    gone.append(skill)
        return found

    def _set_level(self, goal: Goal) -> bool:
        """Settle for the highest level taught where the asked one is not; say so once."""
        catalogue, skill = self.rules.catalogue, goal.skill_id
        if skill in self.levels:
            return True
        courses = [c for c in catalogue.courses_teaching(skill) if c in self.universe.index]
        taught = [catalogue.skills_of(course)[skill] for course in courses]
        if any(is_enough(level, goal.level) for level in taught):
            self.levels[skill] = goal.level
            return True
        best = max(level for level in taught if level is not None)
        held = self.rules.state.mastered.get(skill)
        name = catalogue.skill_name(skill)
        why = f"'{name}' is taught only to level {best:g} of {goal.level:g}"
        if held is not None and held >= best:
            self.unreachable.append(goal.missed(f"{why}, and level {held:g} is held already."))
            return False
        self.unreachable.append(goal.missed(f"{why}; the plan goes that far."))
        self.levels[skill] = best
        return True

    def cover(self, goals: Iterable[Goal]) -> Cover:
        """What courses are to be chosen for, to reach ``goals`` (of those attainable)."""
        wanted = list(goals)
        skills = tuple(sorted(_needed(wanted, self.rules)))
        # What merely comes before a goal has to be held at no level of its own.
        levels = {goal.skill_id: self.levels.get(goal.skill_id) for goal in wanted}
        item = {skill: i for i, skill in enumerate(skills)}
        catalogue, index = self.rules.catalogue, self.universe.index
        adds = [0] * len(self.universe.ids)
        providers = [0] * len(skills)
        for skill, i in item.items():
            for course in catalogue.courses_teaching(skill):
                row = index.get(course)
                level = catalogue.skills_of(course)[skill]
                if row is not None and is_enough(level, levels.get(skill)):
                    adds[row] |= 1 << i
                    providers[i] |= 1 << row
        needs = [self._needs(skill, item) for skill in skills]
        return Cover(self.universe, skills, tuple(adds), tuple(needs), tuple(providers))

    def _needs(self, skill: str, item: Mapping[str, int]) -> int:
        """Prerequisite items of a skill; none where it is held and only raised."""
        held = self.rules.state.mastered
        if skill in held:
            return 0
        before = self.rules.catalogue.prerequisites_of(skill)
        return sum(1 << item[p] for p in before if p not in held)


def open_goals(goals: Iterable[Goal], state: LearnerState) -> list[Goal]:
    """Goals not met by what is held."""
    return [goal for goal in goals if not state.holds(goal.skill_id, goal.level)]


def check_course(rules: Rules, universe: Universe, course_id: str) -> Unreachable | None:
    """Why a course that is asked for cannot be taken; None where it can."""
    if course_id in universe.index:
        return None
    why = why_no_course(rules, universe, course_id)
    return Unreachable(target=course_id, why=why, kind="course")


def known(ids: Iterable[str], catalogue_ids: Set[str]) -> tuple[list[str], list[str]]:
    """Ids that the catalogue holds, and those it does not, each sorted and once."""
    given = set(ids)
    return sorted(given & catalogue_ids), sorted(given - catalogue_ids)

"""The planner's task as a model of OR-Tools CP-SAT, written from docs/paths.md alone.

Shares no code with the planner but the catalogue it reads. Times are ranks 1..n: of courses,
and of skills gained. A REQUIRES option stands strictly before; a prerequisite skill is gained
no later than what builds on it (courses that need each other's skills share a step). The
optimum is lexical: most essential goals, most goals, fewest hours, fewest courses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ortools.sat.python import cp_model

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import LearnerState, is_enough

MILLI: Final = 1000
DEFAULT_HOURS: Final = 10.0


@dataclass(frozen=True)
class Task:
    """What one request comes to.

    Attributes:
        options: Takeable course -> its unmet REQUIRES groups, of takeable courses.
        milli: Takeable course -> thousandths of an hour, unknown ones estimated.
        goals: Skill -> the level to reach (None: any) and whether it is essential.
        teachers: Skill to gain -> takeable course -> level.
        before: Skill to gain -> those to be gained before it.
        fixed: Courses that must be taken.
        most_hours: Budget; None: none.
    """

    options: Mapping[str, list[list[str]]]
    milli: Mapping[str, int]
    goals: Mapping[str, tuple[float | None, bool]]
    teachers: Mapping[str, Mapping[str, float | None]]
    before: Mapping[str, list[str]]
    fixed: tuple[str, ...] = ()
    most_hours: float | None = None


@dataclass
class Optimum:
    """What the solver found; hours and their lower bound are 0 where nothing is to be done."""

    status: str = "OPTIMAL"
    essential: int = 0
    reached: int = 0
    hours: float = 0.0
    bound: float = 0.0
    courses: list[str] = field(default_factory=list)
    seconds: float = 0.0


def task_of(request: Mapping[str, Any], catalogue: Catalogue, state: LearnerState) -> Task:
    """The task of a request with a role, skills or a course as target.

    Args:
        request: ``target``, ``exclude``, ``language`` and ``max_total_hours`` are read.
        catalogue: All courses.
        state: Of the learner.
    """
    asked = _asked(request, catalogue)
    goals = {s: g for s, g in asked.items() if not state.holds(s, g[0])}
    needed = _needed(catalogue, state, goals)
    options = _takeable(catalogue, state, request, needed)
    teachers = {
        skill: {
            c: catalogue.skills_of(c)[skill]
            for c in catalogue.courses_teaching(skill)
            if c in options
        }
        for skill in needed
    }
    gone = _lost(catalogue, state, {s for s in needed if not teachers[s]}, needed)
    kept = {s: g for s, g in goals.items() if s not in gone}
    levels = {s: _level(teachers[s], g[0]) for s, g in kept.items()}
    kept = {
        s: (levels[s], g[1])
        for s, g in kept.items()
        if not state.holds(s) or not state.holds(s, levels[s])
    }
    alive = _needed(catalogue, state, kept)
    course = request["target"].get("course_id")
    return Task(
        options,
        {c: round(_hours(catalogue, c) * MILLI) for c in options},
        kept,
        {s: teachers[s] for s in sorted(alive)},
        {
            s: [p for p in catalogue.prerequisites_of(s) if p not in state.mastered]
            if s not in state.mastered
            else []
            for s in sorted(alive)
        },
        (course,) if course and course not in state.completed else (),
        request.get("max_total_hours"),
    )


def _asked(
    request: Mapping[str, Any], catalogue: Catalogue
) -> dict[str, tuple[float | None, bool]]:
    target = request["target"]
    if target.get("role_id"):
        needs = catalogue.role_needs(target["role_id"])
        return {s: (need.level, need.essential) for s, need in needs.items()}
    if target.get("course_id"):
        return dict.fromkeys(catalogue.skills_of(target["course_id"]), (None, True))
    return dict.fromkeys(target["skill_ids"], (None, True))


def _needed(catalogue: Catalogue, state: LearnerState, goals: Mapping[str, Any]) -> set[str]:
    """The goals and all that comes before those not held."""
    found, waiting = set(goals), list(goals)
    while waiting:
        skill = waiting.pop()
        if skill not in state.mastered:
            for before in catalogue.prerequisites_of(skill):
                if before not in found and before not in state.mastered:
                    found.add(before)
                    waiting.append(before)
    return found


def _takeable(
    catalogue: Catalogue, state: LearnerState, request: Mapping[str, Any], skills: set[str]
) -> dict[str, list[list[str]]]:
    """Courses that could matter and can be had, with their REQUIRES groups among themselves."""
    language = request.get("language")
    barred = {*request.get("exclude", ()), *state.completed, *state.enrolled}

    def is_open(course: str) -> bool:
        found = catalogue.courses.get(course)
        spoken = not language or (found is not None and found.language == language)
        return found is not None and not found.hidden and spoken and course not in barred

    waiting = [c for s in skills for c in catalogue.courses_teaching(s)]
    waiting += filter(None, [request["target"].get("course_id")])
    groups: dict[str, list[list[str]]] = {}
    while waiting:
        course = waiting.pop()
        if course not in groups and is_open(course):
            groups[course] = [
                [c for c in group if is_open(c)]
                for group in catalogue.required_groups(course)
                if not state.completed & set(group)
            ]
            waiting += [c for group in groups[course] for c in group]
    had: set[str] = set()
    while more := {
        c for c in groups if c not in had and all(had & set(group) for group in groups[c])
    }:
        had |= more
    return {c: [[o for o in group if o in had] for group in groups[c]] for c in sorted(had)}


def _lost(catalogue: Catalogue, state: LearnerState, gone: set[str], needed: set[str]) -> set[str]:
    """Skills out of reach: untaught ones, and all that build on them; held ones bar nothing."""
    gone, size = set(gone), -1
    while size != len(gone):
        size = len(gone)
        barring = gone - state.mastered.keys()
        gone |= {
            s
            for s in needed - state.mastered.keys()
            if barring & set(catalogue.prerequisites_of(s))
        }
    return gone


def _level(teachers: Mapping[str, float | None], asked: float | None) -> float | None:
    """The asked level, or the highest taught."""
    if any(is_enough(level, asked) for level in teachers.values()):
        return asked
    return max(level for level in teachers.values() if level is not None)


def _hours(catalogue: Catalogue, course: str) -> float:
    hours = catalogue.courses[course].hours
    median = catalogue.median_hours
    return hours if hours is not None else DEFAULT_HOURS if median is None else median


class _Model:
    """The variables of one task."""

    def __init__(self, task: Task) -> None:
        self.task, self.model = task, cp_model.CpModel()
        new, last = self.model, max(1, len(task.options))
        self.take = {c: new.new_bool_var(f"x {c}") for c in task.options}
        self.rank = {c: new.new_int_var(1, last, f"t {c}") for c in task.options}
        self.gain = {s: new.new_bool_var(f"y {s}") for s in task.teachers}
        self.at = {s: new.new_int_var(1, last, f"g {s}") for s in task.teachers}
        self.reach = {s: new.new_bool_var(f"r {s}") for s in task.goals}
        for course in task.options:
            self._requires(course)
        for skill in task.teachers:
            self._gained(skill)
        for skill, (level, _) in task.goals.items():
            self._reached(skill, level)
        for course in task.fixed:
            new.add(self.take[course] == 1)

    def _requires(self, course: str) -> None:
        for group in self.task.options[course]:
            uses = []
            for option in group:
                use = self.model.new_bool_var(f"z {course} {option}")
                self.model.add_implication(use, self.take[option])
                self.model.add(self.rank[option] + 1 <= self.rank[course]).only_enforce_if(use)
                uses.append(use)
            self.model.add_bool_or([self.take[course].negated(), *uses])

    def _gained(self, skill: str) -> None:
        """A skill gained has a course of its rank, and comes after what it builds on."""
        sources = []
        for course in self.task.teachers[skill]:
            source = self.model.new_bool_var(f"s {skill} {course}")
            self.model.add_implication(source, self.take[course])
            self.model.add(self.at[skill] == self.rank[course]).only_enforce_if(source)
            sources.append(source)
        self.model.add_bool_or([self.gain[skill].negated(), *sources])
        for before in self.task.before[skill]:
            self.model.add_implication(self.gain[skill], self.gain[before])
            # Not where the skill is held and only raised: nothing is asked before it then.
            self.model.add(self.at[before] <= self.at[skill]).only_enforce_if(self.gain[skill])

    def _reached(self, skill: str, level: float | None) -> None:
        """A goal needs the skill, and a course of the level at its rank or after."""
        sources = []
        for course, taught in self.task.teachers[skill].items():
            if is_enough(taught, level):
                source = self.model.new_bool_var(f"l {skill} {course}")
                self.model.add_implication(source, self.take[course])
                self.model.add(self.rank[course] >= self.at[skill]).only_enforce_if(source)
                sources.append(source)
        self.model.add_bool_or([self.reach[skill].negated(), *sources])
        self.model.add_implication(self.reach[skill], self.gain[skill])


def optimum(task: Task, limit_s: float = 20.0) -> Optimum:
    """Solve; ``status`` OPTIMAL where proven, else FEASIBLE with ``bound`` below the truth.

    The solver is given processor seconds of its own deterministic kind, one worker and a seed,
    so that a run can be repeated.
    """
    if not task.goals and not task.fixed:
        return Optimum()
    built = _Model(task)
    model, solver = built.model, cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_time_in_seconds = limit_s
    cost = sum(task.milli[c] * x for c, x in built.take.items())
    if task.most_hours is not None:
        model.add(cost <= math.floor(task.most_hours * MILLI + 1e-3))
    reached = sum(built.reach.values())
    essential = sum(r for s, r in built.reach.items() if task.goals[s][1])
    many = len(task.goals) + 1
    model.maximize(essential * many + reached)
    first = solver.solve(model)
    if first not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Optimum(solver.status_name(first), seconds=solver.wall_time)
    seconds = solver.wall_time
    model.add(essential * many + reached >= round(solver.objective_value))
    model.minimize(cost * (len(task.options) + 1) + sum(built.take.values()))
    second = solver.solve(model)
    seconds += solver.wall_time
    if second not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Optimum(solver.status_name(second), seconds=seconds)
    courses = [c for c, x in built.take.items() if solver.boolean_value(x)]
    is_proven = first == second == cp_model.OPTIMAL
    bound = math.floor(solver.best_objective_bound / (len(task.options) + 1)) / MILLI
    return Optimum(
        "OPTIMAL" if is_proven else "FEASIBLE",
        sum(solver.boolean_value(r) for s, r in built.reach.items() if task.goals[s][1]),
        sum(solver.boolean_value(r) for r in built.reach.values()),
        sum(task.milli[c] for c in courses) / MILLI,
        bound,
        courses,
        round(seconds, 3),
    )

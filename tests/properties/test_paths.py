"""Random worlds with cycles, alternatives, levels, gaps: every answer obeys every rule."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from path_checker import Judge, World

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_schemas import parse_request
from graphrec.recommend.path_universe import DEFAULT_HOURS
from graphrec.recommend.paths import plan

LEVELS = st.sampled_from([None, 1.0, 2.0, 3.0])


@st.composite
def worlds(draw: st.DrawFn, max_courses: int = 6, max_skills: int = 5) -> World:
    courses = [f"c{i}" for i in range(draw(st.integers(1, max_courses)))]
    skills = [f"s{i}" for i in range(draw(st.integers(0, max_skills)))]
    has_hours = draw(st.booleans())
    facts = {
        course: {
            "hours": draw(st.sampled_from([None, 0.0, 1.0, 2.0, 5.0, 7.5])) if has_hours else None,
            "language": draw(st.sampled_from([None, "en", "EN", "fr"])),
            "hidden": draw(st.sampled_from([None, False, False, False, True])),
        }
        for course in courses
    }
    world = World(facts, skills)
    if skills:
        some = st.dictionaries(st.sampled_from(skills), LEVELS, max_size=3)
        world.teaches = {course: draw(some) for course in courses}
        pair = st.tuples(st.sampled_from(skills), st.sampled_from(skills))
        world.before = draw(st.sets(pair, max_size=5))
        need = st.tuples(LEVELS, st.sampled_from([None, True, False]))
        world.needs = {"r": draw(st.dictionaries(st.sampled_from(skills), need, max_size=4))}
    course = st.sampled_from(courses)
    row = st.tuples(course, course, st.sampled_from([None, "", "a", "b"]))
    world.requires = draw(st.lists(row, max_size=5, unique=True))
    return world


@st.composite
def questions(draw: st.DrawFn, max_courses: int = 6) -> tuple[World, dict[str, Any]]:
    world = draw(worlds(max_courses))
    courses = list(world.courses)
    targets: list[dict[str, Any]] = [{"course_id": course} for course in courses]
    if world.skills:
        some = st.lists(st.sampled_from(world.skills), min_size=1, max_size=4, unique=True)
        targets += [{"role_id": "r"}, {"role_id": "r"}, {"skill_ids": draw(some)}] * 2
    request: dict[str, Any] = {"target": draw(st.sampled_from(targets))}
    few = st.lists(st.sampled_from(courses), max_size=2, unique=True)
    if draw(st.booleans()):
        request["completed"] = draw(few)
    if draw(st.booleans()):
        request["exclude"] = draw(few)
    if world.skills and draw(st.booleans()):
        request["mastered"] = draw(st.lists(st.sampled_from(world.skills), max_size=2))
    if draw(st.integers(0, 3)) == 0:
        request["language"] = draw(st.sampled_from(["en", "Fr"]))
    return world, request


def _answer(world: World, request: dict[str, Any]) -> dict[str, Any]:
    catalogue = Catalogue.from_tables(world.tables())
    return plan(parse_request(request), catalogue).model_dump()


SLOW = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(questions(max_courses=12))
def test_every_answer_obeys_every_rule(question: tuple[World, dict[str, Any]]) -> None:
    world, request = question
    answer = _answer(world, request)
    Judge(world, request).check(answer)
    assert answer == _answer(world, request)


@SLOW
@given(questions(max_courses=12), st.sampled_from([0.0, 1.0, 4.0, 9.0, 20.0]))
def test_a_budget_is_kept(question: tuple[World, dict[str, Any]], budget: float) -> None:
    world, request = question
    request = {**request, "max_total_hours": budget}
    Judge(world, request).check(_answer(world, request))


def _estimates(world: World) -> dict[str, float]:
    known = sorted(f["hours"] for f in world.courses.values() if f["hours"] is not None)
    middle = len(known) // 2
    if not known:
        median = DEFAULT_HOURS
    elif len(known) % 2:
        median = known[middle]
    else:
        median = (known[middle - 1] + known[middle]) / 2
    return {c: median if f["hours"] is None else f["hours"] for c, f in world.courses.items()}


@SLOW
@given(questions(max_courses=5))
def test_nothing_cheaper_exists(question: tuple[World, dict[str, Any]]) -> None:
    world, request = question
    judge, answer = Judge(world, request), _answer(world, request)
    states = judge.states(_estimates(world))
    target = request["target"].get("course_id")
    if target:
        # The skills that the answer gains by the target must be gained by any rival.
        listed = {s for s in judge.listed(answer) if s in world.teaches.get(target, {})}
        costs = [
            cost
            for (taken, held), cost in states.items()
            if target in taken and listed <= set(dict(held))
        ]
        reachable = any(target in taken for taken, _ in states) or target in judge.completed
    else:
        goals = judge.goals()
        costs = [
            cost
            for (_, held), cost in states.items()
            if all(
                dict(held).get(s, -math.inf) >= level and s in dict(held)
                for s, (level, _) in goals.items()
            )
        ]
        reachable = bool(costs)
    assert (not answer["unreachable"]) == reachable
    if reachable and target not in judge.completed:
        assert math.isclose(answer["estimated_hours"], min(costs), abs_tol=1e-6)


@SLOW
@given(questions(max_courses=5), st.sampled_from([1.0, 3.0, 6.0, 11.0]))
def test_no_more_goals_fit_a_budget(question: tuple[World, dict[str, Any]], budget: float) -> None:
    world, request = question
    if "course_id" in request["target"] or all(f["hours"] is None for f in world.courses.values()):
        return
    request = {**request, "max_total_hours": budget}
    judge, answer = Judge(world, request), _answer(world, request)
    goals = judge.goals()
    out = {note["target"] for note in answer["unreachable"]}
    reached = [essential for s, (_, essential) in goals.items() if s not in out]
    best = (0, 0)
    for (_, held), cost in judge.states(_estimates(world)).items():
        if cost <= budget + 1e-6:
            skills = dict(held)
            met = [e for s, (level, e) in goals.items() if s in skills and skills[s] >= level]
            best = max(best, (sum(met), len(met)))
    assert (sum(reached), len(reached)) == best

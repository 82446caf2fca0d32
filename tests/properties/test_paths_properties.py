"""Random worlds with cycles, alternatives, levels, gaps: every answer obeys every rule."""

from __future__ import annotations

import math
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from path_checker import Judge, World

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_schemas import parse_request
from graphrec.recommend.path_universe import DEFAULT_HOURS
from graphrec.recommend.paths import plan

Question = tuple[World, dict[str, Any]]

LEVELS = (None, 1.0, 2.0, 3.0)


def _world(rng: random.Random, num_courses: int, num_skills: int) -> World:
    """Dense enough that most targets take several courses, and some cannot be had."""
    courses = [f"c{i}" for i in range(num_courses)]
    skills = [f"s{i}" for i in range(num_skills)]
    hours = rng.choice([(None,), (1.0,), (None, 0.0, 1.0, 2.0), (1.0, 2.0, 3.5, 5.0, 8.0)])
    has_levels, is_tidy = rng.random() < 0.4, rng.random() < 0.5
    world = World(
        {
            course: {
                "hours": rng.choice(hours),
                "language": rng.choice([None, "en", "EN", "en", "fr"]),
                "hidden": rng.random() < 0.07 or None,
            }
            for course in courses
        },
        skills,
    )
    for course in courses if skills else []:
        taught = rng.sample(skills, min(num_skills, rng.choice([0, 1, 1, 2, 2, 3])))
        world.teaches[course] = {s: rng.choice(LEVELS) if has_levels else None for s in taught}
    for _ in range(rng.randint(0, num_skills + 1) if skills else 0):
        skill, before = rng.choice(skills), rng.choice(skills)
        # A tidy world has a DAG of skills; the others have cycles and loops.
        if not is_tidy or skill > before:
            world.before.add((skill, before))
    for _ in range(rng.randint(0, num_courses)):
        row = (rng.choice(courses), rng.choice(courses), rng.choice([None, "", "a", "a", "b"]))
        if row not in world.requires and (not is_tidy or row[0] > row[1]):
            world.requires.append(row)
    some = rng.sample(skills, min(num_skills, rng.randint(0, 5)))
    world.needs = {
        "r": {
            s: (rng.choice(LEVELS) if has_levels else None, rng.choice([None, True, False]))
            for s in some
        }
    }
    return world


def _request(rng: random.Random, world: World) -> dict[str, Any]:
    courses = list(world.courses)
    targets: list[dict[str, Any]] = [{"course_id": rng.choice(courses)}]
    if world.skills:
        some = rng.sample(world.skills, min(len(world.skills), rng.randint(1, 5)))
        targets += [{"role_id": "r"}, {"skill_ids": some}]
    request: dict[str, Any] = {"target": rng.choice(targets)}
    for field in ("completed", "exclude"):
        if rng.random() < 0.3:
            request[field] = rng.sample(courses, 1)
    if world.skills and rng.random() < 0.3:
        request["mastered"] = rng.sample(world.skills, 1)
    if rng.random() < 0.15:
        request["language"] = rng.choice(["en", "Fr"])
    return request


def questions(max_courses: int, max_skills: int) -> st.SearchStrategy[Question]:
    def draw(seed: int) -> Question:
        rng = random.Random(seed)
        world = _world(rng, rng.randint(1, max_courses), rng.randint(0, max_skills))
        return world, _request(rng, world)

    return st.integers(0, 2**40).map(draw)


def _answer(world: World, request: dict[str, Any]) -> dict[str, Any]:
    catalogue = Catalogue.from_tables(world.tables())
    return plan(parse_request(request), catalogue).model_dump()


SLOW = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@SLOW
@given(questions(14, 9))
def test_every_answer_obeys_every_rule(question: Question) -> None:
    world, request = question
    answer = _answer(world, request)
    Judge(world, request).check(answer)
    assert answer == _answer(world, request)


@SLOW
@given(questions(14, 9), st.sampled_from([0.0, 1.0, 4.0, 9.0, 20.0]))
def test_a_budget_is_kept(question: Question, budget: float) -> None:
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
@given(questions(5, 5))
def test_nothing_cheaper_exists(question: Question) -> None:
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
@given(questions(5, 5), st.sampled_from([1.0, 3.0, 6.0, 11.0]))
def test_no_more_goals_fit_a_budget(question: Question, budget: float) -> None:
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

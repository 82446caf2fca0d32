"""Random worlds with cycles, alternatives, levels, gaps: every answer obeys every rule."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from path_checker import Judge, World
from path_worlds import Question, questions

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_rules import DEFAULT_HOURS
from graphrec.recommend.path_schemas import parse_request
from graphrec.recommend.paths import plan


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
@given(questions(14, 9, is_steered=True), st.sampled_from([None, None, 3.0, 9.0]))
def test_every_rule_holds_however_it_is_steered(question: Question, budget: float | None) -> None:
    world, request = question
    if budget is not None:
        request = {**request, "max_total_hours": budget}
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
@given(
    questions(5, 5), st.sampled_from([1.0, 3.0, 6.0, 11.0]), st.sampled_from([None, None, 1, 2, 3])
)
def test_no_more_goals_fit_a_budget(question: Question, budget: float, most: int | None) -> None:
    world, request = question
    if "course_id" in request["target"] or all(f["hours"] is None for f in world.courses.values()):
        return
    request = {**request, "max_total_hours": budget, "max_courses": most}
    judge, answer = Judge(world, request), _answer(world, request)
    goals = judge.goals()
    out = {note["target"] for note in answer["unreachable"]}
    reached = [essential for s, (_, essential) in goals.items() if s not in out]
    best = (0, 0)
    for (taken, held), cost in judge.states(_estimates(world)).items():
        if cost <= budget + 1e-6 and (most is None or len(taken) <= most):
            skills = dict(held)
            met = [e for s, (level, e) in goals.items() if s in skills and skills[s] >= level]
            best = max(best, (sum(met), len(met)))
    assert (sum(reached), len(reached)) == best

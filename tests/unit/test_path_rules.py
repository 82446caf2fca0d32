"""Business rules in learning paths: demanded, withheld, in order, and named."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from path_checker import World
from path_worlds import random_request, random_world

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_planner import plan_for
from graphrec.recommend.path_schemas import PathResponse, parse_request
from graphrec.recommend.paths import plan
from graphrec.rules.active import RuleBook
from graphrec.rules.planning import PlannerInputs
from graphrec.rules.schema import RuleSet

_WORLD = World(
    {
        "sql": {"hours": 1.0},
        "cloud": {"hours": 2.0},
        "safety": {"hours": 0.5},
        "intro": {"hours": 1.0},
        "other": {"hours": 3.0},
    },
    ["query", "deploy"],
    {"sql": {"query": None}, "other": {"query": None}, "cloud": {"deploy": None}},
    [("safety", "intro", None)],
    needs={"engineer": {"query": (None, True), "deploy": (None, True)}},
)
_COMMON = {"owner": "ann", "expires": "2090-12-31"}


def _planned(*rules: dict[str, Any], **request: Any) -> PathResponse:
    catalogue = Catalogue.from_tables(_WORLD.tables())
    given = RuleSet.model_validate({"version": 1, "rules": [_COMMON | one for one in rules]})
    asked = {"target": {"role_id": "engineer"}} | request
    return plan_for(parse_request(asked), catalogue, rules=RuleBook(given, catalogue))


def _steps(answer: PathResponse) -> list[list[str]]:
    return [[course.course_id for course in step.courses] for step in answer.steps]


_SAFETY = {"id": "compliance", "kind": "must_take", "courses": ["safety"], "roles": ["engineer"]}


def test_what_must_be_taken_comes_with_what_it_requires_and_names_its_rule() -> None:
    answer = _planned(_SAFETY)
    assert _steps(answer) == [["cloud", "intro", "sql"], ["safety"]]
    (reason,) = answer.steps[1].courses[0].reasons
    assert (reason.code, reason.rule_id) == ("required", "compliance")
    assert "compliance" in reason.text
    assert [fact.relation for fact in reason.evidence] == ["RULED"]
    assert answer.steps[1].courses[0].alternatives == []
    german = _planned(_SAFETY, messages_language="de").steps[1].courses[0].reasons[0].text
    assert german != reason.text


def test_a_rule_of_another_role_is_not_obeyed() -> None:
    answer = _planned(_SAFETY, target={"skill_ids": ["query"]})
    assert _steps(answer) == [["sql"]]
    assert _steps(_planned({**_SAFETY, "expires": "2020-01-01"})) == [["cloud", "sql"]]


def test_what_is_demanded_and_cannot_be_had_names_the_rule() -> None:
    answer = _planned(_SAFETY, exclude=["intro"])
    (note,) = answer.unreachable
    assert note.target == "safety"
    assert "'compliance' demands it" in note.why
    assert not answer.complete
    assert _planned(_SAFETY, waive=["safety"]).complete
    assert _planned(_SAFETY, completed=["safety"]).complete


def test_what_is_withheld_is_gone_around_or_blocks_with_the_rule() -> None:
    out = {"id": "retired", "kind": "blackout", "courses": ["sql"]}
    assert _steps(_planned(out)) == [["cloud", "other"]]
    (note,) = _planned({**out, "courses": ["cloud"]}).unreachable
    assert "withheld by the rule 'retired'" in note.why


def test_a_sequence_orders_what_the_path_has() -> None:
    order = {"id": "house", "kind": "sequence", "courses": ["sql", "cloud"]}
    assert _steps(_planned(order)) == [["sql"], ["cloud"]]
    assert _steps(_planned(order, mastered=["query"])) == [["cloud"]]
    against = {"id": "odd", "kind": "sequence", "courses": ["safety", "intro"]}
    answer = _planned(_SAFETY, against)
    assert _steps(answer) == [["cloud", "intro", "sql"], ["safety"]]
    assert any("'odd' wants 'safety' before 'intro'" in warning for warning in answer.warnings)


def test_rules_are_part_of_the_id() -> None:
    plain, ruled = _planned(), _planned(_SAFETY)
    assert plain.path_id != ruled.path_id
    assert plain.path_id[:10] == ruled.path_id[:10]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**40))
def test_rules_do_what_the_request_could_say(seed: int) -> None:
    """A plan under rules has the courses of the request that says so itself, in their order."""
    rng = random.Random(seed)
    world = random_world(rng, rng.randint(3, 12), rng.randint(0, 8))
    request = random_request(rng, world)
    courses = [c for c in world.courses if c not in request.get("exclude", [])]
    rng.shuffle(courses)
    must, out, chain = courses[:1], courses[1:2], courses[2:5]
    before = dict.fromkeys(pairwise(chain), "order")
    sources = dict.fromkeys((*must, *out), "rule")
    rulings = PlannerInputs(tuple(must), tuple(out), {}, {}, "", sources)
    catalogue = Catalogue.from_tables(world.tables())
    ruled = plan(parse_request(request), catalogue, rulings=rulings)
    told = {**request, "must_take": must, "exclude": [*request.get("exclude", []), *out]}
    assert _steps(ruled) == _steps(plan(parse_request(told), catalogue))
    ordered = PlannerInputs(tuple(must), tuple(out), before, {}, "", sources)
    answer = plan(parse_request(request), catalogue, rulings=ordered)
    assert answer.unreachable == ruled.unreachable
    place = {c: number for number, step in enumerate(_steps(answer)) for c in step}
    for first, then in before:
        if first in place and then in place and place[first] >= place[then]:
            assert any(f"'{first}' before '{then}'" in w for w in answer.warnings)


@pytest.mark.parametrize("course", ["gone", "intro"])
def test_a_rule_over_a_course_that_is_gone_demands_nothing(course: str) -> None:
    answer = _planned({**_SAFETY, "courses": [course]})
    assert answer.complete
    assert ("intro" in {c for step in _steps(answer) for c in step}) == (course == "intro")

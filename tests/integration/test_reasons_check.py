"""Reasons held against a real graph: all of them stand, and what is made up is found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_recommender_knobs import World, world  # noqa: F401 - a fixture
from typer.testing import CliRunner

from graphrec import Recommender
from graphrec.cli.main import app
from graphrec.evaluate.reasons_check import Finding, check_recommendations, draw_requests
from graphrec.evaluate.reasons_facts import Facts
from graphrec.evaluate.reasons_paths import check_path, draw_paths
from graphrec.recommend.path_schemas import PathReason, PathRequest, PathResponse
from graphrec.recommend.reason_codes import Evidence


@pytest.fixture(scope="module")
def recommender(world: World) -> Iterator[Recommender]:  # noqa: F811
    with Recommender.open(world.settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def facts(recommender: Recommender) -> Facts:
    return Facts.read(recommender.settings, recommender.store)


def test_a_thousand_reasons_hold(world: World) -> None:  # noqa: F811
    arguments = ["reasons", "check", "--store", str(world.settings.store)]
    result = CliRunner().invoke(app, [*arguments, "--answers", "260", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["ok"]
    assert told["failed"] == []
    assert told["num_answers"] == 260
    codes = told["codes"]
    assert sum(code["reasons"] for code in codes.values()) >= 1000
    assert all(code["reasons"] == code["hold"] for code in codes.values())
    assert {"teaches_needed_skill", "co_taken", "unlocked_by", "popular", "new"} <= set(codes)
    paths = {code for code in codes if code.startswith("path.")}
    assert {"path.teaches_needed_skill", "path.prerequisite_skill_of", "path.required_by"} <= paths


def test_the_draw_is_by_its_seed(recommender: Recommender) -> None:
    drawn = [list(draw_requests(recommender, 20, seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def _findings(
    recommender: Recommender, facts: Facts, code: str, **update: Any
) -> tuple[Finding, Finding]:
    """A true reason of a code as it is found, and with something of it made up."""
    for request in draw_requests(recommender, 400, 5):
        courses = recommender.recommend(request).courses
        course = next((c for c in courses if c.reason.code == code), None)
        if course is not None:
            changed = course.reason.model_copy(update=update)
            other = course.model_copy(update={"reason": changed})
            (true,) = check_recommendations(request, [course], facts)
            (false,) = check_recommendations(request, [other], facts)
            return true, false
    raise AssertionError(f"no reason {code}")


@pytest.mark.parametrize("code", ["teaches_needed_skill", "co_taken", "unlocked_by", "popular"])
def test_what_is_made_up_is_found(recommender: Recommender, facts: Facts, code: str) -> None:
    true, _ = _findings(recommender, facts, code)
    assert true.problem is None
    for place, fact in enumerate(true.evidence):
        for wrong in _wrong(fact):
            evidence = [*true.evidence]
            evidence[place] = wrong
            _, false = _findings(recommender, facts, code, evidence=evidence)
            assert false.problem is not None, wrong
    _, bare = _findings(recommender, facts, code, evidence=[])
    assert bare.problem == f"its evidence is not that of '{code}'"


def _wrong(fact: Evidence) -> list[Evidence]:
    """A fact with its beginning, its end or its number made up."""
    found = [fact.model_copy(update={"to_id": "made up"})]
    if fact.from_id is not None:
        found.append(fact.model_copy(update={"from_id": "made up"}))
    if fact.count is not None:
        found.append(fact.model_copy(update={"count": fact.count + 1}))
    return found


def test_somebody_elses_events_are_no_evidence(recommender: Recommender, facts: Facts) -> None:
    true, _ = _findings(recommender, facts, "unlocked_by")
    rows = recommender.store.export("interactions").to_pylist()
    done = true.evidence[0]
    other = next(
        row["learner_id"]
        for row in rows
        if row["course_id"] == done.to_id
        and row["type"] == "completed"
        and row["learner_id"] != true.learner_id
    )
    evidence = [done.model_copy(update={"from_id": other}), *true.evidence[1:]]
    _, false = _findings(recommender, facts, "unlocked_by", evidence=evidence)
    assert false.problem is not None
    assert "somebody else" in false.problem


def test_an_edge_that_leaves_the_graph_fails_the_command(
    world: World,  # noqa: F811
    recommender: Recommender,
    facts: Facts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "_edges", {relation: set() for relation in facts._edges})
    monkeypatch.setattr(Facts, "read", classmethod(lambda cls, settings, store: facts))
    arguments = ["reasons", "check", "--store", str(world.settings.store), "--answers", "20"]
    monkeypatch.setattr(Recommender, "open", classmethod(lambda cls, settings: recommender))
    monkeypatch.setattr(recommender, "close", lambda: None)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "the graph has no such edge" in result.output
    assert "do not hold" in result.output


def test_what_a_path_makes_up_is_found(recommender: Recommender, facts: Facts) -> None:
    seen = set()
    for request in draw_paths(recommender, 60, 3):
        answer = recommender.path(request)
        true = list(check_path(request, answer, facts))
        assert [finding.problem for finding in true] == [None] * len(true)
        for step in answer.steps:
            for course in step.courses:
                for reason in course.reasons:
                    seen.add(reason.code)
                    _assert_all_of_it_matters(request, answer, reason, facts)
    assert {"target_course", "teaches_needed_skill", "required_by"} <= seen


def _assert_all_of_it_matters(
    request: PathRequest, answer: PathResponse, reason: PathReason, facts: Facts
) -> None:
    told = reason.evidence
    for place, fact in enumerate(told):
        for wrong in _wrong(fact):
            reason.evidence = [*told]
            reason.evidence[place] = wrong
            assert any(finding.problem for finding in check_path(request, answer, facts)), wrong
    reason.evidence = told
    text, reason.text = reason.text, "Because."
    if {reason.skill_id, reason.for_skill_id, reason.role_id} - {None}:
        assert any(finding.problem for finding in check_path(request, answer, facts))
    reason.text = text

"""What a course's score loses without the evidence of its reason."""

from __future__ import annotations

import json

import pytest
from test_recommender_knobs import World, world  # noqa: F401 - a fixture
from typer.testing import CliRunner

from graphrec import Recommender
from graphrec.cli.main import app
from graphrec.evaluate.reasons_removal import weigh_answer
from graphrec.recommend.schemas import RecommendRequest


def test_scores_fall_without_the_evidence(world: World) -> None:  # noqa: F811
    arguments = ["reasons", "weigh", "--answers", "40", "--store", str(world.settings.store)]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    told = {one["code"]: one for one in json.loads(result.stdout)["codes"]}
    assert told["unlocked_by"]["share"] == 1
    assert told["teaches_needed_skill"]["share"] > 0.95
    assert told["co_taken"]["share"] > 0.75
    assert "popular" not in told  # it rests on no edge that could be taken away


def test_the_loss_is_that_of_asking_again(world: World) -> None:  # noqa: F811
    with Recommender.open(world.settings) as recommender:
        popular = recommender.recommend(RecommendRequest(k=2)).courses
        recent = [course.course_id for course in popular]
        request = RecommendRequest(recent_courses=recent, k=20)
        losses = list(weigh_answer(recommender, request))
        assert len(losses) > 5
        for loss in losses:
            left = [course for course in recent if course != loss.evidence.to_id]
            asked = RecommendRequest(recent_courses=left, exploration=0.0, k=200)
            scores = {c.course_id: c.score for c in recommender.recommend(asked).courses}
            expected = scores.get(loss.course_id)  # None: locked without it
            assert loss.after == (expected and pytest.approx(expected, abs=1e-6))
        assert any(loss.after is not None for loss in losses)


def test_a_learners_event_and_a_roles_need_are_taken_away(world: World) -> None:  # noqa: F811
    with Recommender.open(world.settings) as recommender:
        role = next(iter(recommender.catalogue.roles))
        for learner in world.learners[:3]:
            request = RecommendRequest(learner_id=learner, target_role_id=role, k=6)
            before = recommender.recommend(request)
            for loss in weigh_answer(recommender, request):
                assert loss.evidence.from_id in (learner, role)
            assert recommender.recommend(request) == before  # nothing was really taken away

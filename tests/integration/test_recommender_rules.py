"""Business rules in a real recommender: started with, answered by, changed while it serves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from service_world import build_world, publish_bundle
from typer.testing import CliRunner

from graphrec import Recommender
from graphrec.cli.rules import app
from graphrec.errors import SourceError
from graphrec.graph.store import open_store
from graphrec.recommend.schemas import RecommendRequest, RecommendResponse
from graphrec.settings import Settings

_HEAD = {"owner": "ann", "expires": "2090-12-31"}
_MUST = {"id": "must", "kind": "must_take", "courses": ["C16"]}
_OUT = {"id": "out", "kind": "blackout", "courses": ["C00", "C01"]}
_UP = {"id": "up", "kind": "boost", "courses": ["C12"], "factor": 10}
_IDLE = {"id": "idle", "kind": "blackout", "languages": ["en"], "roles": ["somebody else"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(store=tmp_path_factory.mktemp("ruled"), graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    with open_store(settings) as store:
        publish_bundle(settings, store)
    return settings


def _write(path: Path, *rules: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"version": 1, "rules": [_HEAD | r for r in rules]}), "utf-8")
    return path


def _asked(settings: Settings, rules: Path | None) -> dict[str, RecommendResponse]:
    ruled = settings.model_copy(update={"rules": str(rules or "")})
    requests = {
        "warm": RecommendRequest(learner_id="L3", k=6),
        "anybody": RecommendRequest(k=6),
        "novel": RecommendRequest(learner_id="L3", k=6, novelty=0.5),
        "session": RecommendRequest(recent_courses=["C02"], k=6, exclude=["C15"]),
    }
    with Recommender.open(ruled) as recommender:
        answers = {name: recommender.recommend(one) for name, one in requests.items()}
        (batch,) = recommender.recommend_many(["L3"], 6)
        assert batch.courses == [c.course_id for c in answers["warm"].courses]
    return answers


def test_rules_move_courses_and_say_so(world: Settings, tmp_path: Path) -> None:
    plain = _asked(world, None)
    assert all(c.rule is None for answer in plain.values() for c in answer.courses)
    assert _asked(world, _write(tmp_path / "idle.yaml", _IDLE)) == plain
    ruled = _asked(world, _write(tmp_path / "rules.yaml", _MUST, _OUT, _UP))
    for name, answer in ruled.items():
        ids = [c.course_id for c in answer.courses]
        assert len(ids) == 6
        assert ids[0] == "C16"
        assert not {"C00", "C01"} & set(ids)
        first = answer.courses[0]
        assert first.rule is not None
        assert (first.rule.rule_id, first.rule.effect) == ("must", "required")
        assert first.reason.code == "required"
        assert "must" in first.reason.text
        scores = [c.score for c in answer.courses]
        assert scores == sorted(scores, reverse=True), name
        for course in answer.courses:
            if not course.is_exploration:
                assert sum(course.scores.values()) == pytest.approx(course.score, abs=1e-4)


def test_a_file_that_is_broken_stops_the_start_and_not_the_service(
    world: Settings, tmp_path: Path
) -> None:
    path = _write(tmp_path / "rules.yaml", _MUST)
    settings = world.model_copy(update={"rules": str(path)})
    with Recommender.open(settings) as recommender:
        assert recommender.recommend(k=3).courses[0].course_id == "C16"
        path.write_text("version: 1\nrules: [{}]\n", encoding="utf-8")
        with pytest.raises(SourceError, match=r"rules\.yaml:2"):
            recommender.refresh()
        assert recommender.refresh() is False  # said once
        assert recommender.recommend(k=3).courses[0].course_id == "C16"
        _write(path, _MUST | {"courses": ["C14"]})
        recommender.refresh()
        assert recommender.recommend(k=3).courses[0].course_id == "C14"
    _write(path, _MUST, _OUT | {"courses": ["C16"]})
    with pytest.raises(SourceError, match="blacks out"):
        Recommender.open(settings)


def test_the_command_explains(world: Settings, tmp_path: Path) -> None:
    path = str(_write(tmp_path / "rules.yaml", _MUST, _OUT))
    command = ["explain", path, "--learner", "L3", "--anonymous", "--k", "5"]
    where = ["--store", str(world.store_dir)]
    done = CliRunner().invoke(app, [*command, *where, "--json"])
    assert done.exit_code == 0, done.output
    warm, anybody = json.loads(done.stdout)
    assert (warm["learner_id"], anybody["learner_id"]) == ("L3", None)
    assert warm["before"] != warm["after"]
    assert warm["after"][0] == "C16"
    assert "must" in {change["rule_id"] for change in warm["changes"]}
    assert "C16" not in warm["without"].get("must", [])
    shown = CliRunner().invoke(app, [*command, *where])
    assert "through must: + Course 16" in shown.output
    unknown = CliRunner().invoke(app, ["check", path.replace("rules", "none"), *where])
    assert isinstance(unknown.exception, SourceError)

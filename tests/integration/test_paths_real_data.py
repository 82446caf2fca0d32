"""Paths on real curricula: MOOCCube's concept graph and the demonstration academy."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from path_checker import Judge, World
from typer.testing import CliRunner

from graphrec.cli.main import app
from graphrec.demo.catalogue import load_catalogue
from graphrec.graph.store import open_store
from graphrec.recommend.catalogue import CATALOGUE_TABLES, Catalogue
from graphrec.recommend.path_schemas import parse_request
from graphrec.recommend.paths import plan
from graphrec.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def store(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mooccube")
    source = str(data_dir / "mooccube")
    done = CliRunner().invoke(app, ["import", "mooccube", source, "--store", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def tables(store: Path) -> dict[str, pa.Table]:
    with open_store(Settings(store=store)) as graph:
        return dict(graph.export_snapshot(CATALOGUE_TABLES))


def test_every_rule_holds_on_mooccube(tables: dict[str, pa.Table]) -> None:
    world, catalogue = World.from_tables(tables), Catalogue.from_tables(tables)
    targets: list[dict[str, Any]] = [{"skill_ids": [s]} for s in world.skills[::5]]
    targets += [{"course_id": c} for c in list(world.courses)[::10]]
    num_long = 0
    for target in targets:
        request = {"target": target}
        answer = plan(parse_request(request), catalogue)
        Judge(world, request).check(answer.model_dump())
        num_long += len(answer.steps) > 1
    assert num_long > 10


@pytest.mark.parametrize("hours", [None, 60])
def test_every_rule_holds_for_the_roles_of_the_demonstration(hours: float | None) -> None:
    tables = load_catalogue()
    world, catalogue = World.from_tables(tables), Catalogue.from_tables(tables)
    for role in catalogue.roles:
        request = {"target": {"role_id": role}, "max_total_hours": hours}
        answer = plan(parse_request(request), catalogue)
        Judge(world, request).check(answer.model_dump())
        assert answer.complete == (hours is None)
        assert len(answer.steps) > 2 or hours is not None


def test_no_prerequisite_is_violated_for_real_learners(store: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        "count_violations", ROOT / "benchmarks" / "count_violations.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = module.count_violations(store, 60, seed=1)
    assert found["violated"] == 0
    assert found["learners"] == 60
    assert found["steps"] > 60
    assert found["checked"] > 1_000


def test_the_command_answers_in_order_and_keeps_failures_as_lines(
    store: Path, tmp_path: Path, tables: dict[str, pa.Table]
) -> None:
    skill = tables["skill_prerequisites"]["skill_id"][0].as_py()
    lines = [
        json.dumps({"target": {"skill_ids": [skill]}}),
        json.dumps({"target": {"course_id": "nowhere"}}),
        "not JSON",
        json.dumps({"target": {"skill_ids": [skill]}, "learner_id": "nobody"}),
        json.dumps({"target": {"skill_ids": [skill]}, "mastered": [skill]}),
        json.dumps({"target": {"skill_ids": [skill]}, "hours": 3}),
    ]
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    requests.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["path", "--requests", str(requests), "--output", str(answers)]
    done = CliRunner().invoke(app, [*command, "--store", str(store)])
    assert done.exit_code == 0, done.output
    found = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    fields = [answer.get("error", {}).get("field") for answer in found]
    assert fields == [None, "target.course_id", f"{requests}:3", "learner_id", None, "hours"]
    assert found[0]["steps"] or found[0]["unreachable"]
    assert found[4]["complete"]
    assert not found[4]["steps"]


def test_the_command_shows_one_path(store: Path, tables: dict[str, pa.Table]) -> None:
    course = tables["teaches"]["course_id"][0].as_py()
    command = ["path", "--to-course", course, "--store", str(store)]
    table = CliRunner().invoke(app, command)
    assert table.exit_code == 0, table.output
    assert "complete" in table.output
    answer = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    last = [c["course_id"] for c in answer["steps"][-1]["courses"]]
    assert course in last

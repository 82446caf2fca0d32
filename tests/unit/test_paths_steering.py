"""What a request, or its reader on the command line, asks of a path beside its target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from path_checker import Judge, World
from service_world import build_world
from typer.testing import CliRunner

from graphrec.cli.main import app
from graphrec.errors import GraphrecError, ParameterError
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_schemas import PathResponse, parse_request
from graphrec.recommend.paths import plan
from graphrec.settings import Settings

_WORLD = World(
    {
        "cheap": {"hours": 1.0, "provider": "Acme", "level": "basic"},
        "dear": {"hours": 9.0, "provider": "Uni", "level": "advanced"},
        "first": {"hours": 2.0, "provider": "Uni"},
        "beside": {"hours": 3.0},
    },
    ["s", "t"],
    {"cheap": {"s": None}, "dear": {"s": None}, "first": {"t": None}},
    [("cheap", "first", None), ("dear", "first", None)],
)


def _plan(keep: tuple[str, ...] = (), **request: Any) -> PathResponse:
    request = {"target": {"skill_ids": ["s"]}} | request
    answer = plan(parse_request(request), Catalogue.from_tables(_WORLD.tables()), keep=keep)
    Judge(_WORLD, {**request, "keep": keep}).check(answer.model_dump())
    return answer


def _steps(answer: PathResponse) -> list[list[str]]:
    return [[course.course_id for course in step.courses] for step in answer.steps]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, [["first"], ["cheap"]]),
        ({"waive": ["first"]}, [["cheap"]]),
        ({"pin": ["dear"]}, [["first"], ["dear"]]),
        ({"keep": ("dear",)}, [["first"], ["dear"]]),
        ({"providers": ["UNI"]}, [["first"], ["dear"]]),
        ({"levels": ["advanced"], "waive": ["first"]}, [["dear"]]),
        ({"must_take": ["beside"], "waive": ["first"]}, [["beside", "cheap"]]),
        ({"max_courses": 2}, [["first"], ["cheap"]]),
        ({"max_courses": 1}, []),
    ],
)
def test_each_wish_is_followed(request_: dict[str, Any], expected: list[list[str]]) -> None:
    assert _steps(_plan(**request_)) == expected


def test_a_waived_course_gives_no_skill() -> None:
    assert _steps(_plan(waive=["cheap"])) == [["first"], ["dear"]]


def test_steps_follow_each_other_in_time() -> None:
    answer = _plan(hours_per_week=1, start_at="2026-03-02")
    dates = [(step.starts_at, step.ends_at) for step in answer.steps]
    assert dates == [("2026-03-02", "2026-03-16"), ("2026-03-16", "2026-03-23")]


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        ({"must_take": ["a"], "exclude": ["a"]}, "must_take"),
        ({"pin": ["a"], "waive": ["a"]}, "pin"),
        ({"max_courses": -1}, "max_courses"),
        ({"max_courses": 1.5}, "max_courses"),
        ({"levels": [""]}, "levels"),
        ({"providers": "Uni"}, "providers"),
    ],
)
def test_a_bad_wish_is_refused_by_name(request_: dict[str, Any], where: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_request({"target": {"skill_ids": ["s"]}} | request_)
    assert where in str(caught.value)


def test_the_command_steers_too(tmp_path: Path) -> None:
    settings = Settings(store=tmp_path / "store", graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    asked = ["path", "--to-course", "C04", "--store", str(settings.store)]

    def answer(*options: str) -> Any:
        result = CliRunner().invoke(app, [*asked, "--json", *options])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def planned(*options: str) -> set[str]:
        return {c["course_id"] for step in answer(*options)["steps"] for c in step["courses"]}

    assert "C03" in planned()
    assert "C03" not in planned("--waive", "C03")
    assert {"C04", "C09"} <= planned("--must-take", "C09")
    assert not planned("--max-courses", "0")
    assert not planned("--provider", "nobody") or answer("--provider", "nobody")["warnings"]
    assert not planned("--level", "none") or answer("--level", "none")["warnings"]
    assert answer("--pin", "nothing")["warnings"]
    table = CliRunner().invoke(app, [*asked, "--hours-per-week", "5", "--start-at", "2026-03-02"])
    assert "From" in table.stdout
    bad = CliRunner().invoke(app, [*asked, "--must-take", "C09", "--exclude", "C09"])
    assert bad.exit_code != 0
    assert isinstance(bad.exception, GraphrecError)

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


def test_what_would_do_instead_is_named() -> None:
    (first, cheap) = (step.courses[0] for step in _plan().steps)
    assert [one.course_id for one in cheap.alternatives] == ["dear"]
    assert first.alternatives == []
    for bound in ({"alternatives": 0}, {"max_total_hours": 10}, {"must_take": ["cheap"]}):
        assert not any(c.alternatives for s in _plan(**bound).steps for c in s.courses)


def test_a_course_in_the_plan_is_not_called_out_of_reach() -> None:
    """Taken for one of its skills, though what another of them needs does not fit."""
    world = World(
        {"both": {"hours": 2.0}, "long": {"hours": 5.0}, "dear": {"hours": 3.0}},
        ["quick", "late", "before"],
        {"both": {"quick": None, "late": None}, "long": {"before": None}, "dear": {"quick": None}},
        before={("late", "before")},
    )
    request: dict[str, Any] = {"target": {"skill_ids": ["quick"]}, "must_take": ["both"]}
    request |= {"max_total_hours": 3.0}
    answer = plan(parse_request(request), Catalogue.from_tables(world.tables()))
    Judge(world, request).check(answer.model_dump())
    assert _steps(answer) == [["both"]]
    assert answer.unreachable == []
    assert answer.warnings[0].startswith("late: ")


def test_a_prerequisite_counts_at_any_level() -> None:
    """``both`` may add ``late`` at once; only ``deep``, after it, takes ``early`` to its level."""
    world = World(
        {"both": {"hours": 1.0}, "deep": {"hours": 1.0}, "again": {"hours": 1.0}},
        ["early", "late"],
        {
            "both": {"early": 1.0, "late": 3.0},
            "deep": {"early": 3.0},
            "again": {"late": 2.0},
        },
        [("deep", "both", None)],
        {("late", "early")},
    )
    request = {"target": {"skill_levels": {"early": 3.0, "late": 2.0}}}
    answer = plan(parse_request(request), Catalogue.from_tables(world.tables()))
    Judge(world, request).check(answer.model_dump())
    assert _steps(answer) == [["both"], ["deep"]]


def test_a_skill_is_planned_to_its_level() -> None:
    world = World(
        {"basic": {"hours": 1.0}, "deep": {"hours": 9.0}},
        ["s"],
        {"basic": {"s": 1.0}, "deep": {"s": 3.0}},
    )
    catalogue = Catalogue.from_tables(world.tables())
    for level, course in ((1, "basic"), (2.5, "deep")):
        answer = plan(parse_request({"target": {"skill_levels": {"s": level}}}), catalogue)
        assert _steps(answer) == [[course]]
    with pytest.raises(GraphrecError) as caught:
        plan(parse_request({"target": {"skill_levels": {"t": 1}}}), catalogue)
    assert caught.value.where == "target.skill_levels"


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
    assert "2026-03-02" in table.stdout  # the first day of the first step
    levels = ["path", "--to-skill-level", "S1=1", "--store", str(settings.store), "--json"]
    assert CliRunner().invoke(app, levels).exit_code == 0
    for wrong in ("S1", "S1=much"):
        refused = CliRunner().invoke(app, [*levels[:2], wrong, *levels[3:]])
        assert isinstance(refused.exception, ParameterError)
    bad = CliRunner().invoke(app, [*asked, "--must-take", "C09", "--exclude", "C09"])
    assert bad.exit_code != 0
    assert isinstance(bad.exception, GraphrecError)

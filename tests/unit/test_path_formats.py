"""Which form `graphrec path` gives its answer in."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from graphrec.cli import path_formats
from graphrec.cli.path_formats import chosen_form, print_path
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import ParameterError
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_schemas import parse_request
from graphrec.recommend.paths import plan

_NOTHING: dict[str, Any] = {"form": None, "output": None, "as_json": False, "is_batch": False}


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({}, "table"),
        ({"as_json": True}, "json"),
        ({"form": "ical"}, "ical"),
        ({"output": Path("plan.ICS")}, "ical"),
        ({"output": Path("plan.html")}, "html"),
        ({"output": Path("plan.txt"), "form": "html"}, "html"),
        ({"output": Path("plan"), "as_json": True}, "json"),
        ({"output": Path("answers.jsonl"), "is_batch": True}, "json"),
    ],
)
def test_options_name_one_form(given: dict[str, Any], form: str) -> None:
    assert chosen_form(**{**_NOTHING, **given}) == form


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"as_json": True, "form": "html"}, "--json"),
        ({"output": Path("plan.pdf")}, "--output"),
        ({"output": Path("plan.html"), "form": "table"}, "--output"),
        ({"form": "ical", "is_batch": True}, "--format"),
    ],
)
def test_contradictions_are_refused(given: dict[str, Any], where: str) -> None:
    with pytest.raises(ParameterError) as caught:
        chosen_form(**{**_NOTHING, **given})
    assert caught.value.where == where


def test_a_plan_fits_eighty_columns_with_no_word_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue.from_tables(load_catalogue())
    asked = {"target": {"role_id": "data-scientist"}, "hours_per_week": 6}
    answer = plan(parse_request({**asked, "start_at": "2026-03-02"}), catalogue)
    printed = StringIO()
    monkeypatch.setattr(path_formats, "console", Console(file=printed, width=80))
    print_path(answer, catalogue)
    lines = printed.getvalue().splitlines()
    assert max(len(line) for line in lines) <= 80
    assert not any("\u2026" in line for line in lines)
    for step in answer.steps:
        for day in (step.starts_at, step.ends_at):
            assert any(str(day) in line for line in lines)
    alternatives = [c for s in answer.steps for course in s.courses for c in course.alternatives]
    assert sum("\u2502 or " in line for line in lines) > 0
    assert alternatives


def test_a_step_without_dates_shows_so_beside_dated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = Catalogue.from_tables(load_catalogue())
    asked = {"target": {"role_id": "data-scientist"}, "hours_per_week": 6}
    answer = plan(parse_request({**asked, "start_at": "2026-03-02"}), catalogue)
    *dated, last = answer.steps
    undated = last.model_copy(update={"starts_at": None, "ends_at": None})
    printed = StringIO()
    monkeypatch.setattr(path_formats, "console", Console(file=printed, width=80))
    print_path(answer.model_copy(update={"steps": [*dated, undated]}), catalogue)
    assert "\u2502?  " in printed.getvalue()

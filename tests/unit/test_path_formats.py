"""Which form `graphrec path` gives its answer in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphrec.cli.path_formats import chosen_form
from graphrec.errors import ParameterError

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

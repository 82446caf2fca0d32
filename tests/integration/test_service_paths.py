"""Paths over HTTP: what another request would change, and planning anew after events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import build_world, listening

from graphrec import Recommender
from graphrec.settings import Settings
from serving.app import create_app
from serving.settings import ServiceSettings

BASE: dict[str, Any] = {
    "target": {"course_id": "C05"},
    "hours_per_week": 5,
    "start_at": "2027-01-04",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store: Path = tmp_path_factory.mktemp("store")
    settings = Settings(store=store, graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    with (
        Recommender.open(settings) as recommender,
        listening(create_app(ServiceSettings(), recommender)) as client,
    ):
        yield client


def _ok(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def _field(response: httpx.Response) -> str:
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["field"])


def _courses(path: dict[str, Any]) -> list[str]:
    return [course["course_id"] for step in path["steps"] for course in step["courses"]]


def test_what_if_compares_two_paths(client: httpx.Client) -> None:
    change = {"hours_per_week": 10, "completed": ["C03"]}
    answer = _ok(client.post("/v1/paths:whatif", json={"base": BASE, "change": change}))
    assert answer["base"] == _ok(client.post("/v1/paths", json=BASE))
    assert answer["changed"] == _ok(client.post("/v1/paths", json=BASE | change))
    difference = answer["difference"]
    assert difference["removed"] == ["C03"]
    assert difference["hours"] == -4
    assert difference["finish_days"] < 0
    assert (difference["added"], difference["moved"], difference["order_agreement"]) == ([], [], 1)


def test_null_in_a_change_takes_a_field_away(client: httpx.Client) -> None:
    body = {"base": BASE, "change": {"hours_per_week": None}}
    answer = _ok(client.post("/v1/paths:whatif", json=body))
    assert answer["base"]["finish_at"] is not None
    assert answer["changed"]["finish_at"] is None
    assert answer["difference"]["finish_days"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"base": BASE}, "change"),
        ({"base": BASE, "change": {}}, "change"),
        ({"base": BASE, "change": {"hours": 3}}, "change.hours"),
        ({"base": BASE, "change": {"hours_per_week": -1}}, "change.hours_per_week"),
        ({"base": BASE, "change": {"target": None}}, "change.target"),
        ({"base": {}, "change": {"max_courses": 3}}, "base.target"),
        ({"base": BASE, "change": {"target": {"course_id": "nope"}}}, "target.course_id"),
    ],
)
def test_wrong_fields_of_a_change_are_named(
    client: httpx.Client, body: dict[str, Any], field: str
) -> None:
    assert _field(client.post("/v1/paths:whatif", json=body)) == field


def test_a_learner_is_planned_for_anew_after_events(client: httpx.Client) -> None:
    request = BASE | {"learner_id": "Nora"}
    event = {"learner_id": "Nora", "course_id": "C01", "type": "enrolled", "at": 1_760_000_000_000}
    _ok(client.post("/v1/events", json={"events": [event | {"event_id": "n1"}]}))
    first = _ok(client.post("/v1/paths", json=request))
    assert "C03" in _courses(first)
    done = event | {"event_id": "n2", "course_id": "C03", "type": "completed"}
    _ok(client.post("/v1/events", json={"events": [done]}))
    body = {"request": request, "path": first}
    url = f"/v1/paths/{first['path_id']}:replan"
    ends = time.monotonic() + 10
    while "C03" in _courses((answer := _ok(client.post(url, json=body)))["path"]):
        assert time.monotonic() < ends, "the event was not read"
        time.sleep(0.1)
    assert answer["difference"]["removed"] == ["C03"]
    assert answer["difference"]["moved"] == []
    codes = {r["code"] for s in answer["path"]["steps"] for c in s["courses"] for r in c["reasons"]}
    assert codes <= {"target_course", "required_by", "kept"}


def test_somebody_unknown_says_what_was_done(client: httpx.Client) -> None:
    first = _ok(client.post("/v1/paths", json=BASE))
    body = {"request": BASE, "path": first, "completed": ["C03"]}
    answer = _ok(client.post(f"/v1/paths/{first['path_id']}:replan", json=body))
    assert _courses(answer["path"]) == ["C04", "C05"]


def test_a_path_of_another_request_is_refused(client: httpx.Client) -> None:
    first = _ok(client.post("/v1/paths", json=BASE))
    url = f"/v1/paths/{first['path_id']}:replan"
    other = BASE | {"hours_per_week": 6}
    assert _field(client.post(url, json={"request": other, "path": first})) == "request"
    wrong = {"request": BASE, "path": first}
    assert _field(client.post("/v1/paths/other:replan", json=wrong)) == "path.path_id"
    assert _field(client.post(url, json={"request": BASE})) == "path"

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from graphrec import errors
from graphrec.errors import AccessError, GraphrecError, ParameterError
from graphrec.recommend.schemas import Health
from serving.access import Gatekeeper
from serving.docs_page import render_docs
from serving.encoded_paths import route_on_raw_path
from serving.errors import KINDS, ForbiddenError, OverloadedError, kind_of
from serving.metrics import Metrics
from serving.query_params import describe_query, parse_query
from serving.routers import (
    admin,
    catalogue,
    events,
    health,
    learners,
    paths,
    queries,
    recommendations,
)
from serving.schemas import RecommendQuery
from serving.server import listen
from serving.settings import ServiceSettings, is_loopback
from serving.upkeep import Upkeep
from serving.workers import Workers


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)
    assert not ServiceSettings(host=host).needs_keys


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "academy.example", "127.1.evil"])  # noqa: S104
def test_anything_else_needs_keys(host: str) -> None:
    assert not is_loopback(host)
    assert ServiceSettings(host=host).needs_keys


def test_an_argument_beats_the_environment_which_beats_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ServiceSettings().port == 8000
    monkeypatch.setenv("GRAPHREC_SERVE_PORT", "9001")
    monkeypatch.setenv("GRAPHREC_SERVE_ALLOWED_HOSTS", '["academy.example"]')
    assert ServiceSettings().port == 9001
    assert ServiceSettings(port=9002).port == 9002
    assert ServiceSettings().allowed_hosts == ("academy.example",)
    monkeypatch.setenv("GRAPHREC_SERVE_MAX_IN_FLIGHT", "0")
    with pytest.raises(ValidationError, match="max_in_flight"):
        ServiceSettings()


def test_every_error_of_the_tree_has_a_status() -> None:
    tree = [
        e for e in vars(errors).values() if isinstance(e, type) and e is not errors.GraphrecError
    ]
    for error in tree:
        if not issubclass(error, GraphrecError):
            continue
        kind = kind_of(error.__new__(error))
        assert 400 <= kind.status < 600
        assert kind is not KINDS[GraphrecError] or issubclass(
            error, errors.TrainingError | errors.ItemIndexError
        ), error
    assert len({k.name for k in KINDS.values()}) == len(KINDS)


def test_the_path_is_routed_as_it_was_sent() -> None:
    scope: dict[str, Any] = {"path": "/v1/courses/a/b", "raw_path": b"/v1/courses/a%2Fb?k=1"}
    route_on_raw_path(scope)
    assert scope["path"] == "/v1/courses/a%2Fb"
    scope = {"path": "/v1/courses/é"}
    route_on_raw_path(scope)
    assert scope["path"] == "/v1/courses/%C3%A9"


def _request(query: str) -> Request:
    scope = {"type": "http", "query_string": query.encode(), "headers": [], "path": "/"}
    return Request(scope)


def test_query_parameters_are_read_by_their_model() -> None:
    found = parse_query(_request("k=5&level=a&level=b&max_hours=2.5"), RecommendQuery)
    assert (found.k, found.level, found.max_hours) == (5, ["a", "b"], 2.5)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("k=0", "k"),
        ("k=x", "k"),
        ("k=1&k=2", "k"),
        ("langauge=en", "langauge"),
        ("max_hours=-1", "max_hours"),
    ],
)
def test_a_wrong_query_parameter_is_named(query: str, field: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        parse_query(_request(query), RecommendQuery)
    assert caught.value.errors()[0]["loc"][-1] == field


def test_query_parameters_are_described() -> None:
    described = {p["name"]: p for p in describe_query(RecommendQuery)["parameters"]}
    assert set(described) == set(RecommendQuery.model_fields)
    assert described["k"]["schema"]["maximum"] == 200
    assert all(p["description"] for p in described.values())


def test_workers_refuse_what_they_cannot_hold() -> None:
    async def scenario() -> None:
        workers = Workers(num_threads=1, max_waiting=1)
        gate = threading.Event()
        first = asyncio.create_task(workers.run(gate.wait, 5))
        second = asyncio.create_task(workers.run(gate.wait, 5))
        await asyncio.sleep(0.01)
        with pytest.raises(OverloadedError):
            await workers.run(gate.wait, 5)
        gate.set()
        assert await first
        assert await second
        assert await workers.run(str, 5) == "5"
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0)
        workers.close()

    asyncio.run(scenario())


class _Keys:
    def verify(self, secret: str) -> Any:
        known = {"i": "integrator", "d": "designer", "a": "admin"}
        if secret not in known:
            raise AccessError("unknown key")
        return type("Key", (), {"scopes": (known[secret],)})()


def test_scopes_decide() -> None:
    gatekeeper = Gatekeeper(_Keys())
    gatekeeper.check("i", ("integrator",))
    gatekeeper.check("d", ("integrator", "designer"))
    gatekeeper.check("a", ("integrator",))
    with pytest.raises(ForbiddenError, match="integrator"):
        gatekeeper.check("d", ("integrator",))
    for secret in (None, "", "?"):
        with pytest.raises(AccessError):
            gatekeeper.check(secret, ("integrator",))
    Gatekeeper(None).check(None, ("admin",))


class _Kept:
    """A recommender whose first steps fail; preparing takes as long as it may."""

    num_prepared = 0
    is_prepared = False

    def __init__(self) -> None:
        self.steps: list[str] = []

    def health(self) -> Health:
        return Health(ready=True, bundle="b1", graph="ladybug", num_courses=3)

    def refresh(self) -> bool:
        self.steps.append("refresh")
        if len(self.steps) < 4:
            raise OSError("no disk")
        return True

    def prepare(self, should_stop: Callable[[], bool]) -> int:
        self.steps.append("prepare")
        if len(self.steps) < 4:
            raise OSError("no disk")
        while not should_stop():
            time.sleep(0.001)
        self.num_prepared += 1
        return self.num_prepared


def test_upkeep_alternates_and_survives_failures() -> None:
    recommender, seen = _Kept(), []
    metrics = Metrics(recommender)
    log = SimpleNamespace(
        info=lambda event, **_: seen.append(event), error=lambda event, **_: seen.append(event)
    )
    upkeep = Upkeep(
        recommender,
        interval_s=0.05,
        settle_s=0.05,
        on_settled=lambda: seen.append("settled"),
        metrics=metrics,
        log=log,
    )
    upkeep.start()
    deadline = time.monotonic() + 20
    while len(recommender.steps) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    upkeep.stop()
    assert recommender.steps[:7] == ["prepare", *["prepare", "refresh"] * 3]
    failed = ["prepare", "settled", "prepare", "refresh"]
    assert seen[:7] == ["preparing", *failed, "prepared", "new_champion"]
    assert upkeep.is_settled
    shown = metrics.render().decode()
    assert 'graphrec_upkeep_failures_total{step="prepare"} 2.0' in shown
    assert f"graphrec_prepared_learners {recommender.num_prepared}.0" in shown


def test_upkeep_goes_on_when_nobody_hears_that_it_is_settled() -> None:
    recommender, seen = _Kept(), []
    metrics = Metrics(recommender)
    log = SimpleNamespace(info=lambda *_, **__: None, error=lambda event, **_: seen.append(event))

    def broken_pipe() -> None:
        raise BrokenPipeError

    upkeep = Upkeep(
        recommender,
        interval_s=0.05,
        settle_s=0.05,
        on_settled=broken_pipe,
        metrics=metrics,
        log=log,
    )
    upkeep.start()
    deadline = time.monotonic() + 20
    while len(recommender.steps) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    upkeep.stop()
    assert upkeep.is_settled
    assert "refresh" in recommender.steps
    assert "announce" in seen
    assert 'graphrec_upkeep_failures_total{step="announce"} 1.0' in metrics.render().decode()


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert port < second.getsockname()[1] <= port + 100


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 8000)
    with pytest.raises(ParameterError, match="no-such-host"):
        listen("no-such-host.invalid", 8000)


def test_the_docs_page_loads_nothing_from_elsewhere() -> None:
    app = FastAPI(title="a <b>", description="It `is`.")
    app.add_api_route("/x/{id}", lambda id: id, methods=["GET"], summary="Read <x>")  # noqa: A006
    page = render_docs(app.openapi())
    assert "Read &lt;x&gt;" in page
    assert "/x/{id}" in page
    assert "<code>is</code>" in page
    for loader in ("src=", "<link", "<script", "@import", "url("):
        assert loader not in page
    json.dumps(app.openapi())


def test_every_setting_stands_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
    for name, field in ServiceSettings.model_fields.items():
        assert f"| `GRAPHREC_SERVE_{name.upper()}` |" in text
        assert field.description
        assert field.description in text, name


def test_every_route_stands_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")
    modules = (admin, catalogue, events, health, learners, paths, queries, recommendations)
    routers = [m.router for m in modules] + [recommendations.direct]
    found = {route.path for router in routers for route in router.routes if route.include_in_schema}  # type: ignore[attr-defined]
    assert len(found) >= 17
    for path in found:
        shown = re.sub(r"\{\w+_id:id\}", "{id}", path)
        assert f"{shown}`" in text or f"{shown}?" in text, path

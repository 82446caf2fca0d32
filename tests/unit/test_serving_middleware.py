from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI, Request
from pydantic import BaseModel
from service_world import listening

from graphrec.errors import StoreUnavailableError, UnknownIdError
from graphrec.recommend.schemas import Health
from serving.errors import add_error_handlers
from serving.metrics import Metrics
from serving.middleware import Guard, Observe
from serving.settings import ServiceSettings


class _Body(BaseModel):
    n: int
    tags: list[str] = []


class _Healthy:
    num_prepared = 0

    def health(self) -> Health:
        return Health(ready=True, bundle="b1", graph="ladybug", num_courses=3)


def _routes(app: FastAPI) -> None:
    @app.post("/v1/echo")
    async def echo(body: _Body) -> _Body:
        return body

    @app.post("/v1/events")
    async def events(request: Request) -> int:
        return len(await request.body())

    @app.get("/v1/things/{thing_id:id}")
    async def thing(thing_id: str, role_id: str | None = None) -> str:
        if thing_id == "none":
            raise UnknownIdError("There is no thing 'none'.", where="thing_id")
        if role_id:
            raise UnknownIdError("There is no such role.", where="role_id")
        return thing_id

    @app.get("/v1/slow")
    async def slow(seconds: float) -> None:
        await asyncio.sleep(seconds)

    @app.get("/v1/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret learner zyx")

    @app.get("/v1/away")
    async def away() -> None:
        raise StoreUnavailableError("Neo4j does not answer.", remedy="Start it.")


def _app(log: io.BytesIO, **options: Any) -> tuple[FastAPI, Metrics]:
    settings = ServiceSettings(max_body_bytes=2000, max_events_body_bytes=5000, **options)
    app = FastAPI(redirect_slashes=False)
    metrics = Metrics(_Healthy())
    logger = structlog.wrap_logger(
        structlog.BytesLogger(log),
        processors=[
            structlog.processors.JSONRenderer(serializer=lambda v, **_: json.dumps(v).encode())
        ],
    )
    add_error_handlers(app)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Observe, settings=settings, metrics=metrics, log=logger)
    _routes(app)
    return app, metrics


@pytest.fixture(scope="module")
def log() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture(scope="module")
def served(log: io.BytesIO) -> Iterator[tuple[httpx.Client, Metrics]]:
    app, metrics = _app(log, max_in_flight=4, request_timeout_s=0.6)
    with listening(app) as client:
        yield client, metrics


@pytest.fixture
def client(served: tuple[httpx.Client, Metrics]) -> httpx.Client:
    return served[0]


def _problem(response: httpx.Response, status: int, name: str, field: str | None = None) -> Any:
    body = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"urn:graphrec:problem:{name}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body.get("field") == field
    assert body["request_id"] == response.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    ("path", "thing"),
    [
        ("a%2Fb", "a/b"),
        ("a+b", "a+b"),
        ("a%2Bb%20c", "a+b c"),
        ("c%252F", "c%2F"),
        ("%C3%A9:%3F%23", "é:?#"),
    ],
)
def test_an_id_of_any_characters_is_one_segment(
    client: httpx.Client, path: str, thing: str
) -> None:
    response = client.get(f"/v1/things/{path}")
    assert response.status_code == 200
    assert response.json() == thing


def test_an_unencoded_slash_is_another_route(client: httpx.Client) -> None:
    _problem(client.get("/v1/things/a/b"), 404, "no-route")


def test_unknown_ids_are_404_in_the_path_and_422_elsewhere(client: httpx.Client) -> None:
    _problem(client.get("/v1/things/none"), 404, "unknown-id", "thing_id")
    _problem(client.get("/v1/things/x?role_id=r"), 422, "unknown-id", "role_id")


def test_wrong_fields_are_named(client: httpx.Client) -> None:
    _problem(client.post("/v1/echo", json={}), 422, "invalid-input", "n")
    found = _problem(
        client.post("/v1/echo", json={"n": "x", "tags": ["a", 3]}), 422, "invalid-input", "n"
    )
    assert [e["field"] for e in found["errors"]] == ["n", "tags.1"]
    headers = {"content-type": "application/json"}
    _problem(client.post("/v1/echo", content=b"{x", headers=headers), 422, "invalid-input", "body")
    _problem(client.post("/v1/echo", content=b"[]", headers=headers), 422, "invalid-input", "body")
    _problem(client.get("/v1/slow?seconds=x"), 422, "invalid-input", "seconds")


def test_wrong_methods_and_media_types(client: httpx.Client) -> None:
    response = client.get("/v1/echo")
    _problem(response, 405, "wrong-method")
    assert response.headers["allow"] == "POST"
    _problem(client.post("/v1/echo", data={"n": "1"}), 415, "not-json")


def test_bodies_are_bounded_whatever_their_length_was_said_to_be(client: httpx.Client) -> None:
    def chunks(num_bytes: int) -> Iterator[bytes]:
        yield b'{"n": 1, "tags": ["'
        for _ in range(num_bytes // 100):
            yield b"x" * 100
        yield b'"]}'

    headers = {"content-type": "application/json"}
    assert client.post("/v1/echo", content=chunks(1000), headers=headers).status_code == 200
    _problem(client.post("/v1/echo", content=chunks(9000), headers=headers), 413, "body-too-large")
    _problem(client.post("/v1/echo", content=b" " * 2001, headers=headers), 413, "body-too-large")
    assert client.post("/v1/events", content=b" " * 4001, headers=headers).json() == 4001
    _problem(client.post("/v1/events", content=b" " * 5001, headers=headers), 413, "body-too-large")


def test_slow_answers_end(client: httpx.Client) -> None:
    _problem(client.get("/v1/slow?seconds=5"), 504, "timed-out")


def test_too_many_at_once_are_told_to_wait(client: httpx.Client) -> None:
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: client.get("/v1/slow?seconds=0.3"), range(12)))
    refused = [r for r in found if r.status_code != 200]
    assert len(refused) == 8
    for response in refused:
        _problem(response, 503, "overloaded")
        assert response.headers["retry-after"] == "1"


def test_an_unforeseen_error_is_answered_and_logged_without_its_message(
    client: httpx.Client, log: io.BytesIO
) -> None:
    found = _problem(client.get("/v1/broken"), 500, "internal")
    assert "zyx" not in json.dumps(found)
    line = next(x for x in _lines(log) if x["event"] == "unforeseen")
    assert line["error"] == "ZeroDivisionError"
    assert any(frame.startswith("broken ") for frame in line["at"])
    assert b"zyx" not in log.getvalue()


def test_an_unreachable_graph_says_when_to_try_again(client: httpx.Client) -> None:
    response = client.get("/v1/away")
    _problem(response, 503, "graph-unavailable")
    assert response.headers["retry-after"] == "5"


def test_request_ids_are_kept_where_sane(client: httpx.Client) -> None:
    def sent(value: str) -> str:
        return client.get("/v1/things/x", headers={"X-Request-ID": value}).headers["x-request-id"]

    assert sent("run-7:a") == "run-7:a"
    for odd in ("", "a b", "x" * 65, '"}', "{jndi}"):
        assert len(sent(odd)) == 32


def test_every_answer_carries_the_security_headers(client: httpx.Client) -> None:
    for path in ("/v1/things/x", "/nowhere", "/v1/broken"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers or "uvicorn" in headers["server"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "evil:80"])
def test_a_rebound_name_is_not_answered(client: httpx.Client, host: str) -> None:
    _problem(client.get("/v1/things/x", headers={"host": host}), 421, "wrong-host")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8000", "127.1.2.3:4"])
def test_loopback_names_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/things/x", headers={"host": host}).status_code == 200


def test_another_sites_page_may_not_post(client: httpx.Client) -> None:
    response = client.post("/v1/echo", json={"n": 1}, headers={"origin": "https://evil.example"})
    _problem(response, 403, "cross-origin")
    own = str(client.base_url).rstrip("/")
    assert client.post("/v1/echo", json={"n": 1}, headers={"origin": own}).status_code == 200


def test_logs_hold_templates_not_paths(client: httpx.Client, log: io.BytesIO) -> None:
    client.get("/v1/things/learner-ada", headers={"X-Request-ID": "find-me"})
    line = next(x for x in _lines(log) if x.get("request_id") == "find-me")
    assert line["route"] == "/v1/things/{thing_id}"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert b"learner-ada" not in log.getvalue()


def test_metrics_count_by_template_and_status(served: tuple[httpx.Client, Metrics]) -> None:
    client, metrics = served
    client.get("/v1/things/learner-bob")
    client.get("/some/where")
    client.request("PROPFIND", "/some/where")
    text = metrics.render().decode()
    assert 'route="/v1/things/{thing_id}",status="200"' in text
    assert 'method="GET",route="unmatched",status="404"' in text
    assert 'method="other",route="unmatched"' in text
    assert 'graphrec_http_request_seconds_bucket{le="0.01",route="/v1/things/{thing_id}"}' in text
    assert 'graphrec_bundle_info{bundle="b1",graph="ladybug"} 1.0' in text
    assert "graphrec_http_requests_in_flight 0.0" in text
    assert "bob" not in text


def test_half_a_request_does_not_hold_a_place(client: httpx.Client) -> None:
    head = b"POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as raw:
        raw.sendall(head + b"Content-Length: 20\r\n\r\n{")
        raw.settimeout(5)
        assert b" 504 " in raw.recv(4096).split(b"\r\n")[0]
    assert client.get("/v1/things/x").status_code == 200


def test_beyond_loopback_any_host_is_answered_unless_some_are_named() -> None:
    for allowed, status in (((), 200), (("academy.example",), 421)):
        app, _ = _app(io.BytesIO(), host="0.0.0.0", allowed_hosts=allowed)  # noqa: S104
        with listening(app) as client:
            assert client.get("/v1/things/x", headers={"host": "x.example"}).status_code == status


def _lines(log: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]

"""What surrounds every request, as plain ASGI: a wrapper class costs too much here.

``Observe`` (outermost) gives each request its id, its headers, its log line and its metrics;
``Guard`` refuses what should not reach a route and ends what takes too long.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.encoded_paths import route_on_raw_path
from serving.errors import (
    INVALID,
    KINDS,
    TOO_LARGE,
    Kind,
    OverloadedError,
    TimedOutError,
    problem_response,
)
from serving.logs import frames_of
from serving.metrics import Metrics
from serving.settings import ServiceSettings, is_loopback

_SANE_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_PORT = re.compile(r":\d+$")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"cache-control", b"no-store"),
]
_INTERNAL = Kind(500, "internal", "The service failed")
_WRONG_HOST = Kind(421, "wrong-host", "This host is not answered here")
_CROSS_ORIGIN = Kind(403, "cross-origin", "Another site's page may not do this")
_NOT_JSON = Kind(415, "not-json", "The body must be JSON")


class Observe:
    """Request id, security headers, log line, metrics, and an answer to the unforeseen."""

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings, metrics: Metrics, log: Any):
        self._app = app
        self._metrics = metrics
        self._log = log
        self._log_requests = settings.log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        route_on_raw_path(scope)
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message.get("headers", [])
                given = {name for name, _ in own}  # a page may say what it needs itself
                common = [pair for pair in _SECURITY_HEADERS if pair[0] not in given]
                headers = [*common, (b"x-request-id", request_id.encode())]
                message["headers"] = [*own, *headers]
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_observed)
        except Exception as error:  # noqa: BLE001 - the last resort must catch all
            self._log.error(
                "unforeseen", request_id=request_id, error=type(error).__name__, at=frames_of(error)
            )
            if status == 0:
                detail = "This is a fault of the service; its log has more under the request id."
                answer = problem_response(_INTERNAL, detail, request_id=request_id)
                await answer(scope, receive, send_observed)
        finally:
            self._metrics.in_flight.dec()
            self._record(scope, request_id, status, time.perf_counter() - started)
        return None

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        template = getattr(scope.get("route"), "path", "unmatched").replace(":id}", "}")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.observe_request(method, template, status, seconds)
        if self._log_requests:
            self._log.info(
                "request",
                request_id=request_id,
                method=method,
                route=template,
                status=status,
                ms=round(seconds * 1000, 2),
            )


class Guard:
    """Bounds on hosts, origins, bodies, requests at once and seconds."""

    def __init__(self, app: ASGIApp, *, settings: ServiceSettings) -> None:
        self._app = app
        self._settings = settings
        self._answers_any_host = not settings.is_loopback and not settings.allowed_hosts
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is not None:
            return await refusal(scope, receive, send)
        self._in_flight += 1
        try:
            return await self._answer(scope, receive, send)
        finally:
            self._in_flight -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_started = False

        async def send_marked(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        body = _BoundedBody(receive, self._settings.body_bytes(scope["path"]))
        timeout_s = self._settings.timeout_s(scope["path"])
        try:
            async with asyncio.timeout(timeout_s):
                await self._app(scope, body.receive, send_marked)
        except TimeoutError:
            if is_started:
                raise
            detail = f"There was no answer within {timeout_s:g} s. What was begun may still end."
            await _refuse(scope, KINDS[TimedOutError], detail)(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._answers_host(headers.get("host", "")):
            detail = "Use localhost, or name the host in GRAPHREC_SERVE_ALLOWED_HOSTS."
            return _refuse(scope, _WRONG_HOST, detail)
        if self._in_flight >= self._settings.max_in_flight and scope["path"] != "/health/live":
            detail = f"{self._in_flight} requests are being answered. Try again in a moment."
            return _refuse(scope, KINDS[OverloadedError], detail)
        if scope["method"] in _SAFE_METHODS:
            return None
        return self._refusal_of_body(scope, headers)

    def _refusal_of_body(self, scope: Scope, headers: Headers) -> Response | None:
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] != headers.get("host"):
            return _refuse(scope, _CROSS_ORIGIN, "Send it from a program, or from this origin.")
        length = headers.get("content-length", "0")
        limit = self._settings.body_bytes(scope["path"])
        if not length.isdecimal():
            return _refuse(scope, INVALID, "Content-Length is no number.")
        if int(length) > limit:
            return _refuse(scope, TOO_LARGE, f"At most {limit} bytes are taken here.")
        has_body = int(length) > 0 or "transfer-encoding" in headers
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and media_type != "application/json" and not media_type.endswith("+json"):
            return _refuse(scope, _NOT_JSON, "Send it with Content-Type: application/json.")
        return None

    def _answers_host(self, header: str) -> bool:
        """Whether a Host header names this service (a page elsewhere may rebind its DNS name)."""
        if self._answers_any_host or not header:
            return True
        host = header.rpartition(":")[0] if _PORT.search(header) else header
        return is_loopback(host) or host.lower() in self._settings.allowed_hosts


class _BoundedBody:
    """Counts what a body brings, whatever its length was said to be."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._limit:
                raise HTTPException(413, f"At most {self._limit} bytes are taken here.")
        return message


def _refuse(scope: Scope, kind: Kind, detail: str) -> Response:
    return problem_response(kind, detail, request_id=scope["state"]["request_id"])


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-ID where it is sane, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: str = value.decode("latin-1")
            if _SANE_ID.fullmatch(given):
                return given
    return uuid.uuid4().hex

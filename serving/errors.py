"""Errors as problem+json (RFC 9457): one table from the error tree to HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from graphrec.errors import (
    AccessError,
    BundleError,
    GraphrecError,
    InputError,
    MissingExtraError,
    QueryError,
    QueryLimitError,
    StoreError,
    StoreOwnedError,
    StoreUnavailableError,
    UnknownIdError,
)

MEDIA_TYPE: Final = "application/problem+json"

_ALIASES: Final = {"target_role_id": "role"}
"""Field of the core -> the query parameter that brings it."""


class OverloadedError(GraphrecError):
    """More requests at once than the service takes."""


class TimedOutError(GraphrecError):
    """The answer took longer than a request may."""


class ForbiddenError(AccessError):
    """The key is good but lacks the scope."""


class NotAcceptableError(InputError):
    """None of the forms that ``Accept`` names can be given."""


class Problem(BaseModel):
    """What went wrong, where, and what to do about it."""

    type: str = Field(description="Kind of problem; stays the same over versions.")
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status again.")
    detail: str = Field(description="What was wrong here and how to go on.")
    field: str | None = Field(default=None, description="The parameter or body field at fault.")
    errors: list[dict[str, str]] | None = Field(
        default=None, description="Every fault with its field, where there are several."
    )
    request_id: str = Field(description="Under which the service logged the request.")


@dataclass(frozen=True)
class Kind:
    """One kind of problem: HTTP status, name in ``type``, title, seconds to wait (0: none)."""

    status: int
    name: str
    title: str
    retry_after_s: int = 0


KINDS: Final[dict[type[GraphrecError], Kind]] = {
    GraphrecError: Kind(500, "internal", "The service failed"),
    InputError: Kind(422, "invalid-input", "The request cannot be understood"),
    NotAcceptableError: Kind(406, "not-acceptable", "There is no such form of the answer"),
    UnknownIdError: Kind(404, "unknown-id", "There is nothing under that id"),
    AccessError: Kind(401, "no-access", "An API key is needed"),
    ForbiddenError: Kind(403, "wrong-scope", "The API key may not do this"),
    StoreError: Kind(500, "graph-failed", "The graph failed"),
    StoreOwnedError: Kind(503, "graph-owned", "Another process owns the graph", 10),
    StoreUnavailableError: Kind(503, "graph-unavailable", "The graph cannot be reached", 5),
    QueryError: Kind(400, "query-refused", "The query was refused"),
    QueryLimitError: Kind(422, "query-limit", "The query was stopped at a limit"),
    BundleError: Kind(503, "no-bundle", "There is no usable model bundle", 30),
    MissingExtraError: Kind(501, "not-installed", "An optional part is not installed"),
    OverloadedError: Kind(503, "overloaded", "Too many requests at once", 1),
    TimedOutError: Kind(504, "timed-out", "The answer took too long"),
}
"""The nearest ancestor in here decides."""

INVALID: Final = KINDS[InputError]
NO_ROUTE: Final = Kind(404, "no-route", "There is no such route")
TOO_LARGE: Final = Kind(413, "body-too-large", "The body is too large")
_HTTP_KINDS: Final = {
    400: Kind(400, "bad-request", "The request cannot be read"),
    404: NO_ROUTE,
    405: Kind(405, "wrong-method", "This route has other methods"),
    413: TOO_LARGE,
}


def kind_of(error: GraphrecError) -> Kind:
    """The kind of problem an error is."""
    return next(KINDS[base] for base in type(error).__mro__ if base in KINDS)


def request_id_of(request: Request) -> str:
    """The id under which a request is logged."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def problem_response(
    kind: Kind,
    detail: str,
    *,
    request_id: str,
    field: str = "",
    errors: list[dict[str, str]] | None = None,
    status: int = 0,
) -> Response:
    """A problem+json answer."""
    body: dict[str, Any] = {
        "type": f"urn:graphrec:problem:{kind.name}",
        "title": kind.title,
        "status": status or kind.status,
        "detail": detail,
    }
    if field:
        body["field"] = field
    if errors and len(errors) > 1:
        body["errors"] = errors
    body["request_id"] = request_id
    headers = {"Retry-After": str(kind.retry_after_s)} if kind.retry_after_s else {}
    if body["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="graphrec"'
    return Response(orjson.dumps(body), body["status"], headers, MEDIA_TYPE)


async def on_graphrec_error(request: Request, error: GraphrecError) -> Response:
    """Any error of the tree; an unknown id is 404 where the path names it, else 422."""
    kind = kind_of(error)
    field = _field_in_request(request, error.where)
    status = 0
    if isinstance(error, UnknownIdError) and field not in request.path_params:
        status = 422
    detail = f"{error.message} {error.remedy}".strip()
    return problem_response(
        kind, detail, request_id=request_id_of(request), field=field, status=status
    )


async def on_validation_error(request: Request, error: RequestValidationError) -> Response:
    """What FastAPI refused before a route saw it."""
    return invalid_response(error.errors(), request_id=request_id_of(request))


def invalid_response(found: Any, *, request_id: str) -> Response:
    """An answer to faults found by pydantic, each with ``loc``, ``msg`` and ``type``."""
    errors = [{"field": _field(e), "detail": _explain(e)} for e in found]
    first = errors[0]
    detail = f"{first['field']}: {first['detail']}"
    return problem_response(
        INVALID, detail, request_id=request_id, field=first["field"], errors=errors
    )


async def on_http_error(request: Request, error: HTTPException) -> Response:
    """No such route, wrong method and the like."""
    phrase = HTTPStatus(error.status_code).phrase
    fallback = Kind(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    kind = _HTTP_KINDS.get(error.status_code, fallback)
    detail = error.detail
    if kind is NO_ROUTE:
        detail = "/docs lists the routes. A slash within an id is sent as %2F."
    response = problem_response(kind, detail, request_id=request_id_of(request))
    response.headers.update(error.headers or {})
    return response


def add_error_handlers(app: FastAPI) -> None:
    """Answer every error of this service as problem+json."""
    app.add_exception_handler(GraphrecError, on_graphrec_error)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]


def _field_in_request(request: Request, where: str) -> str:
    """The field as the request spells it: ``role_id`` may have come as ``?role=``."""
    short = _ALIASES.get(where, where.removesuffix("_id"))
    return short if where not in request.path_params and short in request.query_params else where


def _field(error: dict[str, Any]) -> str:
    """``("body", "filters", "level", 0)`` -> ``filters.level.0``."""
    inner = [str(part) for part in error["loc"][1:]]
    return "body" if error["type"] == "json_invalid" else ".".join(inner) or "body"


def _explain(error: dict[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"The body is not JSON: {error.get('ctx', {}).get('error', error['msg'])}."
    if error["type"] == "extra_forbidden":
        return "There is no such field; look for a typing error."
    if error["type"] == "model_attributes_type":
        return "Send a JSON object with the header Content-Type: application/json."
    return f"{error['msg']}."

"""What routes are given: the recommender, the workers, the settings, the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from graphrec.recommend.path_schemas import PathRequest
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.schemas import RecommendRequest
from serving import encoded_paths as _encoded_paths  # noqa: F401 - registers the form of ids
from serving.access import Gatekeeper
from serving.metrics import Metrics
from serving.settings import ServiceSettings
from serving.upkeep import Upkeep
from serving.workers import Workers

_Asked = TypeVar("_Asked", RecommendRequest, PathRequest)


@dataclass(frozen=True)
class Service:
    """Everything a running service holds."""

    settings: ServiceSettings
    recommender: Recommender
    workers: Workers
    designers: Workers  # few: designers' own queries never take all threads
    writer: Workers  # one thread: batches of events are judged and written one after the other
    metrics: Metrics
    gatekeeper: Gatekeeper
    upkeep: Upkeep


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]

_ID_NOTE = "The source's id, percent-encoded (a slash as %2F)."
LearnerId = Annotated[str, Path(max_length=512, description=f"Learner. {_ID_NOTE}")]
CourseId = Annotated[
    str, Path(max_length=512, description=f"Course. {_ID_NOTE}", examples=["PY101"])
]
RoleId = Annotated[str, Path(max_length=512, description=f"Role. {_ID_NOTE}")]
ModelId = Annotated[str, Path(max_length=512, description="Bundle, or an alias such as champion.")]
KQuery = Annotated[int, Query(ge=1, le=200, description="Number of courses.")]


def in_preferred_language(http: Request, asked: _Asked) -> _Asked:
    """What is asked, in the language that the client prefers where the request names none."""
    preferred = http.headers.get("accept-language")
    if asked.messages_language is not None or preferred is None:
        return asked
    return asked.model_copy(update={"messages_language": preferred})


def json_response(model: BaseModel) -> Response:
    """An answer serialised once; the route's ``response_model`` only documents it."""
    return Response(model.__pydantic_serializer__.to_json(model), media_type="application/json")


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"description": "An API key is needed (beyond loopback)."},
    403: {"description": "The key lacks the scope."},
    422: {"description": "A parameter or field is wrong; `field` names it."},
    503: {"description": "Too busy, or the graph cannot be reached; see Retry-After."},
}
"""Answers that every route may give."""
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such id."}}

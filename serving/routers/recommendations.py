"""What to take next: for a learner, or for an anonymous session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import Response

from graphrec.recommend.schemas import RecommendRequest, RecommendResponse
from serving.access import RequireScope
from serving.deps import (
    ERRORS,
    LearnerId,
    Service,
    ServiceDep,
    in_preferred_language,
    json_response,
)
from serving.direct_route import DirectRoute
from serving.query_params import describe_query, parse_query
from serving.schemas import RecommendQuery

_require_integrator = RequireScope("integrator")
router = APIRouter(prefix="/v1", tags=["recommendations"], responses=ERRORS)
direct = APIRouter(
    prefix="/v1", tags=["recommendations"], responses=ERRORS, route_class=DirectRoute
)

_SESSION = {
    "session": {
        "summary": "An anonymous visitor who has looked at two courses",
        "value": {
            "recent_courses": ["PY101", "SQL101"],
            "target_role_id": "data-analyst",
            "filters": {"language": ["en"], "max_hours": 40},
            "exclude": ["PY102"],
            "k": 5,
        },
    }
}


@direct.get(
    "/learners/{learner_id:id}/recommendations",
    response_model=RecommendResponse,
    summary="What a learner should take next",
    openapi_extra=describe_query(RecommendQuery),
)
async def recommend_for_learner(learner_id: LearnerId, request: Request) -> Response:
    """The `k` best courses, best first.

    Never one that the learner completed or is enrolled in, that is hidden, or whose
    prerequisites are missing. Each comes with its score by part and a reason whose ids the
    graph confirms. An unknown learner is no error: the answer rests on the target and on
    popularity and says `is_cold`.
    """
    await _require_integrator(request)
    service: Service = request.app.state.service
    query = parse_query(request, RecommendQuery)
    return await answer_recommendation(request, service, query.to_request(learner_id))


@router.post(
    "/recommendations",
    response_model=RecommendResponse,
    summary="What to take next, for a session",
    dependencies=[Depends(_require_integrator)],
)
async def recommend_for_session(
    request: Request,
    service: ServiceDep,
    body: Annotated[RecommendRequest, Body(openapi_examples=_SESSION)],
) -> Response:
    """As for a learner, but from what the request says.

    Recent courses, a target role, filters and exclusions; with a `learner_id` they come
    beside the stored history.
    """
    return await answer_recommendation(request, service, body)


async def answer_recommendation(
    http: Request, service: Service, request: RecommendRequest
) -> Response:
    """Recommend and count it; the words are in the language that the client prefers.

    On the embedded graph the call is short and holds the interpreter: a thread of its own
    would only add to it. A graph server is waited for elsewhere than in the event loop.
    """
    request = in_preferred_language(http, request)
    recommend = service.recommender.recommend
    if service.recommender.store.engine == "ladybug":
        answer = recommend(request)
    else:
        answer = await service.workers.run(recommend, request)
    service.metrics.recommendations.labels(answer.source).inc()
    return json_response(answer)

"""Is it alive, can it answer in full, what has it done."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from serving.access import RequireScope
from serving.deps import ServiceDep
from serving.docs_page import render_docs
from serving.errors import Kind, Problem, problem_response, request_id_of
from serving.metrics import CONTENT_TYPE
from serving.schemas import Readiness

router = APIRouter(tags=["operation"])

_NOT_READY = Kind(503, "not-ready", "The service is not ready", retry_after_s=5)


@router.get("/health/live", response_model=Readiness, summary="Is the process alive")
async def read_liveness() -> Readiness:
    """200 as long as requests are answered at all."""
    return Readiness(status="live")


@router.get(
    "/health/ready",
    response_model=Readiness,
    responses={503: {"model": Problem, "description": "Not in full; `detail` says why."}},
    summary="Can it answer in full",
)
async def read_readiness(request: Request, service: ServiceDep) -> Response | Readiness:
    """503 with the reason where the model bundle is missing or damaged, or at the start.

    Recommendations are answered even then: from popularity, or slower.
    """
    health = service.recommender.health()
    if not health.ready or not service.upkeep.is_settled:
        reason = health.reason or "There is no usable model bundle."
        if health.ready:
            made = service.recommender.num_prepared
            reason = f"Shortlists are being made, {made:,} learners have theirs; answers are slow."
        return problem_response(_NOT_READY, reason, request_id=request_id_of(request))
    return Readiness(
        status="ready", bundle=health.bundle, graph=health.graph, num_courses=health.num_courses
    )


@router.get(
    "/metrics",
    summary="Counters for Prometheus",
    response_class=Response,
    dependencies=[Depends(RequireScope("integrator", "designer"))],
)
async def read_metrics(service: ServiceDep) -> Response:
    """Requests by route and status, seconds, events and recommendations by outcome."""
    return Response(service.metrics.render(), media_type=CONTENT_TYPE)


@router.get("/docs", include_in_schema=False)
async def read_docs(request: Request) -> Response:
    """The OpenAPI description as a page that needs nothing from elsewhere."""
    return Response(render_docs(request.app.openapi()), media_type="text/html")

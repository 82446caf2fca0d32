"""The whole way to a course, a role or skills."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import Response

from graphrec.recommend.path_schemas import PathRequest, PathResponse
from serving.access import RequireScope
from serving.deps import ERRORS, ServiceDep, in_preferred_language
from serving.path_answers import CALENDAR, PAGE, path_response, preferred_form

router = APIRouter(
    prefix="/v1",
    tags=["paths"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("integrator"))],
)

_EXAMPLES = {
    "role": {
        "summary": "From scratch to a role, five hours a week",
        "value": {"target": {"role_id": "data-analyst"}, "hours_per_week": 5},
    },
    "course": {
        "summary": "A learner to one course, by a date",
        "value": {
            "learner_id": "ada",
            "target": {"course_id": "ML301"},
            "hours_per_week": 8,
            "deadline": "2027-06-30",
        },
    },
    "skills": {
        "summary": "Two skills from what is mastered, in English",
        "value": {
            "completed": ["PY101"],
            "mastered": ["python-basics"],
            "target": {"skill_ids": ["regression", "data-visualisation"]},
            "language": "en",
            "max_total_hours": 80,
            "exclude": ["ST900"],
        },
    },
}


_FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in (CALENDAR, PAGE)}},
    406: {"description": "`Accept` takes none of JSON, iCalendar and HTML."},
}


@router.post(
    "/paths", response_model=PathResponse, responses=_FORMS, summary="An ordered learning path"
)
async def plan_path(
    request: Request,
    service: ServiceDep,
    body: Annotated[PathRequest, Body(openapi_examples=_EXAMPLES)],
) -> Response:
    """Steps in order; courses of one step may be taken in parallel.

    Every prerequisite, of courses and of skills, is met before it is needed. Nothing is
    planned beyond what the target needs. What cannot be reached is listed in `unreachable`
    with the constraint that binds; no steps and something unreachable means blocked.
    `Accept: text/calendar` gives it as iCalendar, `text/html` as a page with the path drawn.
    """
    form, asked = preferred_form(request), in_preferred_language(request, body)
    answer = await service.workers.run(service.recommender.path, asked)
    return path_response(form, asked, answer, service.recommender.catalogue)

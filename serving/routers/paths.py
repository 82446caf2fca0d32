"""The whole way to a course, a role or skills."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Request
from starlette.responses import Response

from graphrec.recommend.path_compare import compare_paths
from graphrec.recommend.path_schemas import PathRequest, PathResponse
from serving.access import RequireScope
from serving.deps import ERRORS, ServiceDep, in_preferred_language, json_response
from serving.path_answers import CALENDAR, PAGE, path_response, preferred_form
from serving.path_changes import ReplanAnswer, ReplanRequest, WhatIfAnswer, WhatIfRequest

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


_WHAT_IF = {
    "hours": {
        "summary": "Eight hours a week instead of five",
        "value": {
            "base": {"target": {"role_id": "data-analyst"}, "hours_per_week": 5},
            "change": {"hours_per_week": 8},
        },
    }
}


@router.post("/paths:whatif", response_model=WhatIfAnswer, summary="Two paths compared")
async def compare_change(
    request: Request,
    service: ServiceDep,
    body: Annotated[WhatIfRequest, Body(openapi_examples=_WHAT_IF)],
) -> Response:
    """The path of a request and of the same request with a change, and what differs."""
    planner, workers = service.recommender.path, service.workers
    base = in_preferred_language(request, body.base)
    changed = in_preferred_language(request, body.changed())
    before, after = await workers.run(planner, base), await workers.run(planner, changed)
    return json_response(
        WhatIfAnswer(base=before, changed=after, difference=compare_paths(before, after))
    )


_REPLAN = {
    "done": {
        "summary": "A course of the plan is done",
        "value": {
            "request": {"target": {"course_id": "ML301"}, "completed": ["PY101"]},
            "path": {
                "path_id": "5d8f0c2b7a914e3366a1",
                "steps": [
                    {
                        "order": 1,
                        "courses": [
                            {
                                "course_id": course_id,
                                "title": None,
                                "hours": 20,
                                "skills_gained": [],
                                "reasons": [],
                            }
                            for course_id in ("ST101", "ML301")
                        ],
                    }
                ],
                "total_hours": 40,
                "estimated_hours": 40,
                "finish_at": None,
                "unreachable": [],
                "complete": True,
                "relaxed": [],
            },
            "completed": ["ST101"],
        },
    }
}


@router.post(
    "/paths/{path_id}:replan", response_model=ReplanAnswer, summary="A path after what was done"
)
async def replan_path(
    request: Request,
    service: ServiceDep,
    path_id: Annotated[str, Path(description="Of the earlier answer.")],
    body: Annotated[ReplanRequest, Body(openapi_examples=_REPLAN)],
) -> Response:
    """The way from where the learner stands now, by the courses of the earlier plan where they do.

    What a `learner_id` did since is read from the events; the service keeps no plans, so the
    earlier answer and its request come along.
    """
    asked = in_preferred_language(request, body.again(path_id))
    kept = [course.course_id for step in body.path.steps for course in step.courses]
    after = await service.workers.run(service.recommender.path, asked, kept)
    return json_response(ReplanAnswer(path=after, difference=compare_paths(body.path, after)))

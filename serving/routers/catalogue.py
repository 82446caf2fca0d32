"""Courses, skills and roles, as the graph holds them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from graphrec.recommend.schemas import SimilarCourse
from serving import catalogue_views as views
from serving.access import RequireScope
from serving.deps import ERRORS, NOT_FOUND, CourseId, KQuery, RoleId, ServiceDep, json_response
from serving.schemas import CourseDetail, CoursePage, RoleDetail, RoleList, SkillPage

router = APIRouter(
    prefix="/v1",
    tags=["catalogue"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("integrator", "designer"))],
)


class Page(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field(default="", max_length=200, description="Only where id or name contains this.")
    offset: int = Field(default=0, ge=0, description="So many are skipped.")
    limit: int = Field(default=50, ge=1, le=500, description="At most so many.")


class CourseListQuery(Page):
    """Which courses."""

    level: list[str] = Field(default=[], description="Any of these levels.")
    language: list[str] = Field(default=[], description="Any of these languages.")
    provider: list[str] = Field(default=[], description="Any of these providers.")
    min_hours: float | None = Field(default=None, ge=0, description="At least this many hours.")
    max_hours: float | None = Field(default=None, ge=0, description="At most this many hours.")
    hidden: bool = Field(default=False, description="Hidden courses too.")


@router.get("/courses", response_model=CoursePage, summary="Courses, a page at a time")
async def list_courses(service: ServiceDep, query: Annotated[CourseListQuery, Query()]) -> Response:
    """By id; `total` counts the matches on all pages."""
    found = views.find_courses(service.recommender.catalogue, query.q, hidden=query.hidden)
    kept = [c for c in found if views.passes(c, query)]
    page = kept[query.offset : query.offset + query.limit]
    return json_response(
        CoursePage(
            total=len(kept),
            offset=query.offset,
            limit=query.limit,
            courses=[views.course_summary(c) for c in page],
        )
    )


@router.get(
    "/courses/{course_id:id}", response_model=CourseDetail, responses=NOT_FOUND, summary="A course"
)
async def read_course(service: ServiceDep, course_id: CourseId) -> Response:
    """With the skills it teaches and the courses it requires."""
    return json_response(views.course_detail(service.recommender.catalogue, course_id))


@router.get(
    "/courses/{course_id:id}/similar",
    response_model=list[SimilarCourse],
    responses=NOT_FOUND,
    summary="Courses near a course",
)
async def read_similar_courses(
    service: ServiceDep, course_id: CourseId, k: KQuery = 10
) -> list[SimilarCourse]:
    """Nearest first, with the skills that both teach."""
    return service.recommender.similar(course_id, k)


@router.get("/skills", response_model=SkillPage, summary="Skills, a page at a time")
async def list_skills(service: ServiceDep, page: Annotated[Page, Query()]) -> Response:
    """By id, each with its prerequisites and the number of courses that teach it."""
    catalogue = service.recommender.catalogue
    kept = views.find_skills(catalogue, page.q)
    shown = kept[page.offset : page.offset + page.limit]
    return json_response(
        SkillPage(
            total=len(kept),
            offset=page.offset,
            limit=page.limit,
            skills=[views.skill_summary(catalogue, s) for s in shown],
        )
    )


@router.get("/roles", response_model=RoleList, summary="All roles")
async def list_roles(service: ServiceDep) -> Response:
    """By id."""
    catalogue = service.recommender.catalogue
    return json_response(
        RoleList(roles=[views.role_summary(catalogue, r) for r in catalogue.roles.values()])
    )


@router.get("/roles/{role_id:id}", response_model=RoleDetail, responses=NOT_FOUND, summary="A role")
async def read_role(service: ServiceDep, role_id: RoleId) -> Response:
    """With the skills it needs."""
    return json_response(views.role_detail(service.recommender.catalogue, role_id))

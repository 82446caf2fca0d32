"""`GET /curriculum`: the page for curriculum designers, its files, and the graph that it draws."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from graphrec.errors import ParameterError
from serving.access import RequireScope
from serving.curriculum.graph import PrerequisiteGraph, draw_graph
from serving.deps import ERRORS, Service, ServiceDep, json_response

router = APIRouter(tags=["curriculum"])

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES: Final = {
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "graph.js": ("graph.js", "text/javascript"),
    "cytoscape.min.js": ("vendor/cytoscape.min.js", "text/javascript"),
    "cytoscape-dagre.min.js": ("vendor/cytoscape-dagre.min.js", "text/javascript"),
}
_ALL_COURSES: Final = 2_147_483_647
"""More rows than there are courses."""


@router.get("/curriculum", include_in_schema=False)
async def read_page() -> Response:
    """The page; it asks the service with the designer's own key."""
    return _file("index.html", "text/html")


@router.get("/curriculum/{name}", include_in_schema=False)
async def read_part(name: str) -> Response:
    """A script or style of the page."""
    if name not in _FILES:
        raise HTTPException(404, "The page has no such file.")
    return _file(*_FILES[name])


def _file(name: str, media_type: str) -> Response:
    content = (files("serving.curriculum") / "static" / name).read_bytes()
    return Response(content, media_type=media_type, headers={"content-security-policy": _POLICY})


@router.get(
    "/v1/curriculum/graph",
    response_model=PrerequisiteGraph,
    responses=ERRORS,
    dependencies=[Depends(RequireScope("designer"))],
    summary="The prerequisite graph of a role or course",
)
async def read_graph(
    service: ServiceDep,
    role: Annotated[
        str | None, Query(min_length=1, max_length=512, description="Id of a role.")
    ] = None,
    course: Annotated[
        str | None, Query(min_length=1, max_length=512, description="Id of a course.")
    ] = None,
) -> Response:
    """Courses that teach what the role needs, or the course, and all before them.

    With neither: every course that requires another or is required. At most 2,000 courses.
    """
    if role is not None and course is not None:
        raise ParameterError("give a role or a course, not both.", where="course")
    return json_response(await service.workers.run(_draw, service, role, course))


def _draw(service: Service, role: str | None, course: str | None) -> PrerequisiteGraph:
    dropouts = service.recommender.query("dropout_by_course", {"limit": _ALL_COURSES})
    return draw_graph(service.recommender.catalogue, dropouts, role_id=role, course_id=course)

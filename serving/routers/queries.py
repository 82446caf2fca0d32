"""The named queries of `cypher/`, for who designs the catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from graphrec.errors import ParameterError, UnknownIdError
from serving.access import RequireScope
from serving.deps import ERRORS, NOT_FOUND, Service, ServiceDep, json_response
from serving.query_docs import FORMAT_PARAMETER
from serving.row_answers import csv_response, wants_csv
from serving.schemas import QueryAnswer, QueryDescription

router = APIRouter(
    prefix="/v1/queries",
    tags=["queries"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("designer"))],
)

_PARAMETERS = {
    "parameters": [
        {
            "name": "parameters",
            "in": "query",
            "description": "The query's own parameters, each by its name: `?limit=10`.",
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            "style": "form",
            "explode": True,
        },
        FORMAT_PARAMETER,
    ]
}


@router.get("", response_model=list[QueryDescription], summary="All named queries")
async def list_queries(service: ServiceDep) -> list[QueryDescription]:
    """With what each answers, its parameters and its columns."""
    described = service.recommender.library.describe()
    return [QueryDescription.model_validate(query) for query in described]


@router.get(
    "/{name}",
    response_model=QueryAnswer,
    responses=NOT_FOUND,
    summary="Run a named query",
    openapi_extra=_PARAMETERS,
)
async def run_query(
    request: Request,
    service: ServiceDep,
    name: Annotated[str, Path(description="As listed.", examples=["orphan_courses"])],
) -> Response:
    """Its rows, at most so many as the service allows; `truncated` says where some are missing.

    With `format=csv` or `Accept: text/csv` they come as CSV, and `X-Truncated` says it.
    """
    given = _parameters(service, name, request)
    as_csv = wants_csv(request)
    rows = await service.workers.run(service.recommender.query, name, given)
    bound = service.settings.max_query_rows
    truncated, rows = len(rows) > bound, rows[:bound]
    if as_csv:
        columns = list(service.recommender.library.get(name).columns)
        return csv_response(columns, rows, truncated=truncated, name=name)
    return json_response(QueryAnswer(name=name, num_rows=len(rows), truncated=truncated, rows=rows))


def _parameters(service: Service, name: str, request: Request) -> dict[str, str]:
    known = {query.name for query in service.recommender.library}
    if name not in known:
        raise UnknownIdError(
            f"There is no query '{name}'.", where="name", remedy="GET /v1/queries lists them."
        )
    given: dict[str, str] = {}
    for key, value in request.query_params.multi_items():
        if key in given:
            raise ParameterError(f"'{key}' is given more than once.", where=key)
        given[key] = value
    given.pop("format", None)
    return given

"""A designer's own read-only Cypher, within bounds."""

from __future__ import annotations

import time
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from graphrec.errors import ParameterError
from graphrec.graph.own_query import MAX_CHARS
from graphrec.graph.store import GraphStore
from serving.access import RequireScope
from serving.deps import ERRORS, Service, ServiceDep
from serving.row_answers import csv_response, wants_csv

router = APIRouter(
    prefix="/v1/cypher",
    tags=["queries"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("designer"))],
)


class CypherRequest(BaseModel):
    """A text with its parameters and how far it may go."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "query": "MATCH (c:Course)-[:TEACHES]->(s:Skill) WHERE c.level = $level "
                    "RETURN s.id AS skill, count(c) AS courses ORDER BY courses DESC, skill",
                    "parameters": {"level": "beginner"},
                    "max_rows": 20,
                    "timeout_s": 5,
                }
            ]
        },
    )

    query: str = Field(max_length=MAX_CHARS, description="One statement that only reads.")
    parameters: dict[str, Any] = Field(
        default={},
        max_length=100,
        description="Every `$name` of the text: texts, numbers, truth values, lists of one kind.",
    )
    max_rows: int | None = Field(
        default=None, ge=1, description="Rows to return; at most and by default the service's own."
    )
    timeout_s: float | None = Field(
        default=None, gt=0, description="Seconds it may run; at most and by default the service's."
    )


class CypherAnswer(BaseModel):
    """Rows of a text."""

    columns: list[str]
    num_rows: int
    truncated: bool = Field(description="Whether there were more rows than `max_rows`.")
    seconds: float = Field(description="Seconds it ran.")
    rows: list[dict[str, Any]] = Field(
        description="A node is its properties with `_label`, a relation has `_type`."
    )


@router.post("", response_model=CypherAnswer, summary="Run a read-only query of your own")
async def run_cypher(request: Request, body: CypherRequest, service: ServiceDep) -> Response:
    """One Cypher statement of the engine behind the service, stopped at its time and its rows.

    A write, a second statement, a file, a procedure that changes something, and what could not
    be stopped (`field` is `query`) are refused; `query-limit` says that it was stopped. With
    `Accept: text/csv` the rows come as CSV.
    """
    max_rows, timeout_s = _bounds(service, body)
    return await service.designers.run(
        _answer, service.recommender.store, body, max_rows, timeout_s, wants_csv(request)
    )


def _bounds(service: Service, body: CypherRequest) -> tuple[int, float]:
    most, longest = service.settings.max_query_rows, service.settings.max_query_s
    if body.max_rows is not None and body.max_rows > most:
        raise ParameterError(f"This service returns at most {most} rows.", where="max_rows")
    if body.timeout_s is not None and body.timeout_s > longest:
        raise ParameterError(f"A query may run at most {longest:g} s here.", where="timeout_s")
    return body.max_rows or most, body.timeout_s or longest


def _answer(
    store: GraphStore, body: CypherRequest, max_rows: int, timeout_s: float, as_csv: bool
) -> Response:
    """Run it and write its answer, both beside the event loop."""
    started = time.perf_counter()
    answer = store.run_own(body.query, body.parameters, max_rows=max_rows, timeout_s=timeout_s)
    if as_csv:
        return csv_response(answer.columns, answer.rows, truncated=answer.truncated)
    content = {
        "columns": answer.columns,
        "num_rows": len(answer.rows),
        "truncated": answer.truncated,
        "seconds": round(time.perf_counter() - started, 4),
        "rows": answer.rows,
    }
    return Response(orjson.dumps(content), media_type="application/json")

"""Every named query as a path of the OpenAPI description, with its parameters and columns."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, Final

from graphrec.graph.parameters import Parameter
from graphrec.graph.queries import Query
from serving.row_answers import FORMATS

Schema = dict[str, Any]

_TYPES: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "int": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "double"},
    "bool": {"type": "boolean"},
    "strings": {"type": "array", "items": {"type": "string"}},
}
FORMAT_PARAMETER: Final[Schema] = {
    "name": "format",
    "in": "query",
    "required": False,
    "description": "json or csv; without it the header `Accept` decides, else json.",
    "schema": {"type": "string", "enum": list(FORMATS), "default": "json"},
}


def add_queries(paths: dict[str, Schema], queries: Iterable[Query]) -> None:
    """Put ``/v1/queries/NAME`` beside ``/v1/queries/{name}``, which answers them all.

    Args:
        paths: ``paths`` of an OpenAPI description; changed.
        queries: In the order in which they are to stand.
    """
    general = paths["/v1/queries/{name}"]["get"]
    for query in queries:
        paths[f"/v1/queries/{query.name}"] = {"get": _operation(query, general)}


def _operation(query: Query, general: Schema) -> Schema:
    notes = "".join(f"\n\n{note}" for note in query.notes)
    columns = "\n\n".join(f"`{name}`: {meaning}" for name, meaning in query.columns.items())
    return {
        "tags": general["tags"],
        "summary": query.purpose,
        "description": f"Columns:\n\n{columns}{notes}",
        "operationId": f"query_{query.name}",
        "parameters": [*map(_parameter, query.parameters), FORMAT_PARAMETER],
        "responses": deepcopy(general["responses"]),
        "security": general.get("security", []),
    }


def _parameter(parameter: Parameter) -> Schema:
    schema = dict(_TYPES[parameter.type])
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.name == "limit":
        schema["minimum"] = 1
    described: Schema = {
        "name": parameter.name,
        "in": "query",
        "required": parameter.default is None,
        "description": parameter.meaning or parameter.name,
        "schema": schema,
    }
    if parameter.type == "strings":
        described |= {"style": "form", "explode": False}  # between commas
    return described

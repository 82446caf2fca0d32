"""Rows as CSV where a request asks for it, by ``format=csv`` or its ``Accept`` header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from starlette.responses import Response

from graphrec.errors import ParameterError
from graphrec.graph.row_files import to_csv

FORMATS = ("json", "csv")


def wants_csv(request: Request) -> bool:
    """Whether CSV is asked for; ``format`` beats ``Accept``.

    Raises:
        ParameterError: ``format`` is neither json nor csv.
    """
    chosen = request.query_params.get("format")
    if chosen is None:
        accepted = request.headers.get("accept", "").lower()
        return "text/csv" in accepted and "application/json" not in accepted
    if chosen not in FORMATS:
        raise ParameterError(f"'{chosen}' is neither json nor csv.", where="format")
    return chosen == "csv"


def csv_response(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, truncated: bool, name: str = ""
) -> Response:
    """CSV with a header line; ``X-Truncated`` says whether rows were cut off."""
    headers = {"X-Truncated": str(truncated).lower()}
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return Response(to_csv(columns, rows), headers=headers, media_type="text/csv")

"""Stage 2, GRAPH: rows of a query as CSV, JSON values or Parquet; in come rows, out go bytes.

A list or a map within a cell is JSON in CSV and in columns whose values have no one type.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from graphrec.errors import ParameterError
from graphrec.files import replace_file


def to_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV (RFC 4180, a header line, UTF-8); null is an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def to_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as one JSON array of objects."""
    return orjson.dumps(rows, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"


def to_arrow(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table; each column has the type of its values, else it is JSON text."""
    return pa.table({name: _array([row[name] for row in rows]) for name in columns})


def to_parquet(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(to_arrow(columns, rows), out)
    return out.getvalue()


def write_rows(path: Path, data: bytes) -> None:
    """Write a file of rows: all of it, or nothing.

    Raises:
        ParameterError: It cannot be written.
    """
    try:
        replace_file(path, data)
    except OSError as error:
        raise ParameterError(
            f"It cannot be written: {error.strerror}.",
            where=str(path),
            remedy="Name a file that may be written.",
        ) from error


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(value) if isinstance(value, list | Mapping) else value


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # values of several types
        return pa.array([None if v is None else _json(v) for v in values], pa.string())

"""Stage 1, EVENTS: native tables out again, as files that import to the same graph.

CSV is RFC 4180 in UTF-8 with line feeds: null is empty, a whole number has no decimals,
times are epoch milliseconds. The same tables give the same bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graphrec.errors import ParameterError
from graphrec.schema import TABLES

Format = Literal["csv", "parquet"]
_ROWS_AT_ONCE = 100_000
_MAX_EXACT = 2.0**53


def prepare_folder(folder: Path, *, force: bool) -> None:
    """Make the folder, empty of native tables.

    Args:
        folder: Where to write.
        force: Replace the native tables in a folder that is not empty.

    Raises:
        ParameterError: The folder is a file, or holds something and ``force`` is not given.
    """
    if folder.is_file():
        raise ParameterError("this is a file.", where=str(folder), remedy="Name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise ParameterError(
            "the folder is not empty.",
            where=str(folder),
            remedy="Name another one, or add --force to replace the tables in it.",
        )
    folder.mkdir(parents=True, exist_ok=True)


def write_native(tables: Mapping[str, pa.Table], folder: Path, form: Format) -> dict[str, int]:
    """Write tables; one without rows is left out, but for courses.

    A file takes its name only when it is whole; tables that were there before and are
    empty now are removed.

    Args:
        tables: Native table -> rows, ``TABLES[name].schema``.
        folder: Where to write; see ``prepare_folder``.
        form: "csv" or "parquet".

    Returns:
        Rows of each file written.
    """
    written = {}
    for name in TABLES:
        rows = tables.get(name)
        is_wanted = rows is not None and (rows.num_rows > 0 or name == "courses")
        if rows is not None and is_wanted:
            partial = folder / f".{name}.{form}.partial"
            if form == "csv":
                _write_csv(rows, partial)
            else:
                pq.write_table(rows, partial, compression="zstd")
            partial.replace(folder / f"{name}.{form}")
            written[name] = rows.num_rows
        for other in ("csv", "parquet"):
            if not is_wanted or other != form:
                (folder / f"{name}.{other}").unlink(missing_ok=True)
    return written


def _write_csv(rows: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        # The writer takes a carriage return for harmless; unquoted, it would end the record.
        quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(rows.column_names)
        for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
            records = zip(*(_as_text(column) for column in batch.columns), strict=True)
            if not any(_has_return(column) for column in batch.columns):
                writer.writerows(records)
                continue
            for record in records:
                has_return = any(isinstance(value, str) and "\r" in value for value in record)
                (quoting if has_return else writer).writerow(record)


def _has_return(column: pa.Array) -> bool:
    if not pa.types.is_string(column.type):
        return False
    return bool(pc.any(pc.match_substring(column, "\r"), min_count=0).as_py())


def _as_text(column: pa.Array) -> list[str | int | None]:
    values: list[str | int | None]
    if pa.types.is_floating(column.type):
        values = [_number(value) for value in column.to_pylist()]
    elif pa.types.is_boolean(column.type):
        values = [None if value is None else str(value).lower() for value in column.to_pylist()]
    else:
        values = column.to_pylist()
    return values


def _number(value: float | None) -> str | int | None:
    if value is None:
        return None
    is_whole = np.isfinite(value) and value == int(value) and abs(value) < _MAX_EXACT
    return int(value) if is_whole else repr(value)

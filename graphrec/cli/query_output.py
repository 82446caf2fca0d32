"""How rows reach a person or a program: a table, CSV, JSON or Parquet; to stdout or a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphrec.cli.common import console, err_console
from graphrec.errors import ParameterError
from graphrec.graph.row_files import to_csv, to_json, to_parquet, write_rows
from graphrec.graph.store import Row


class Format(StrEnum):
    """What rows are written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def chosen_format(given: Format | None, json_output: bool, output: Path | None) -> Format:
    """The format asked for: by --format, --json, or the ending of --output; else a table.

    Raises:
        ParameterError: Two that differ are asked for, or Parquet without a file.
    """
    if json_output and given not in (None, Format.JSON):
        raise ParameterError("--json says another format than --format.", where="--format")
    known = {f".{name}": name for name in Format}
    by_name = known.get(output.suffix.lower()) if output else None
    format_ = given or (Format.JSON if json_output else by_name) or Format.TABLE
    if format_ is Format.PARQUET and (output is None or str(output) == "-"):
        raise ParameterError(
            "Parquet is not for a terminal.", where="--format", remedy="Add --output FILE."
        )
    return format_


def put_rows(
    columns: Sequence[str], rows: Sequence[Row], format_: Format, output: Path | None, title: str
) -> None:
    """Write rows to ``output``, or to stdout where it is None or ``-``.

    Raises:
        ParameterError: The file cannot be written.
    """
    to_stdout = output is None or str(output) == "-"
    if format_ is Format.TABLE and to_stdout:
        console.print(as_table(columns, rows, title))
        console.print(counted(len(rows)))
        return
    data = _data(columns, rows, format_, title)
    if output is None or to_stdout:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_rows(output, data)
        err_console.print(f"{counted(len(rows))} in {output}", markup=False, highlight=False)


def _data(columns: Sequence[str], rows: Sequence[Row], format_: Format, title: str) -> bytes:
    if format_ is Format.CSV:
        return to_csv(columns, rows).encode()
    if format_ is Format.JSON:
        return to_json(rows)
    if format_ is Format.PARQUET:
        return to_parquet(columns, rows)
    plain = Console(width=200, no_color=True)
    with plain.capture() as capture:
        plain.print(as_table(columns, rows, title))
    return capture.get().encode()


def as_table(columns: Sequence[str], rows: Sequence[Row], title: str) -> Table:
    """Rows as a table for a terminal."""
    table = Table(*map(escape, columns), title=escape(title), title_justify="left")
    for row in rows:
        table.add_row(*(escape(_cell(row[column])) for column in columns))
    return table


def counted(number: int) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {'row' if number == 1 else 'rows'}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " → ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""``graphrec export``: the graph as a folder of native tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.errors import ParameterError
from graphrec.events.export import prepare_folder, write_native
from graphrec.schema import TABLES


class ExportFormat(StrEnum):
    """Kinds of file."""

    csv = "csv"
    parquet = "parquet"


def export_command(
    layout: Annotated[str, typer.Argument(help="What to write: native.")],
    path: Annotated[Path, typer.Argument(help="Folder to write; new or empty.")],
    form: Annotated[
        ExportFormat, typer.Option("--format", help="Kind of file.")
    ] = ExportFormat.csv,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the tables of a folder that is not empty.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the graph as native tables, which import to the same graph elsewhere."""
    if layout != "native":
        raise ParameterError(
            f"there is no layout '{layout}'.", where="LAYOUT", remedy="Write: export native PATH."
        )
    prepare_folder(path, force=force)
    with open_graph(settings_for(store)) as graph:
        tables = graph.export_snapshot(list(TABLES))
    written = write_native(tables, path, form.value)
    if as_json:
        print_json({"path": str(path), "format": form.value, "tables": written})
        return
    table = Table("table", "file")
    table.add_column("rows", justify="right")
    for name, rows in written.items():
        table.add_row(name, f"{name}.{form.value}", f"{rows:,}")
    console.print(table)
    console.print(f"written to {path}", markup=False, highlight=False)

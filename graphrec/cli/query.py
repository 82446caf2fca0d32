"""``graphrec query``: lists the named queries, or runs one on the graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    err_console,
    open_graph,
    settings_for,
)
from graphrec.cli.query_output import Format, chosen_format, put_rows
from graphrec.cli.query_own import read_own_file, run_own_file
from graphrec.errors import ParameterError
from graphrec.graph.own_query_rows import DEFAULT_ROWS, DEFAULT_TIMEOUT_S
from graphrec.graph.queries import Query, QueryLibrary

_LISTED = ("name", "subject", "purpose", "parameters", "columns")


def query(
    name: Annotated[
        str | None, typer.Argument(help="The query; without it, all are listed.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; repeatable."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A read-only Cypher text of your own.")
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option("--max-rows", min=1, help="Rows of --file (1000).")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="For --file (10).")
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: the ending of --output, else table."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of the terminal.")
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run a named query on the graph, or list the queries there are."""
    library = QueryLibrary.load()
    written_as = chosen_format(format_, json_output, output)
    if file is not None:
        if name is not None:
            raise ParameterError("Give a query's name or --file, not both.", where="--file")
        own = read_own_file(file, parameters_of(param or []))
        limit_s = DEFAULT_TIMEOUT_S if timeout is None else timeout
        with open_graph(settings_for(store)) as graph:
            answer = run_own_file(graph, own, max_rows or DEFAULT_ROWS, limit_s)
        put_rows(answer.columns, answer.rows, written_as, output, str(file))
        if answer.truncated:
            err_console.print(f"There are more than {len(answer.rows)} rows: raise --max-rows.")
        return
    if max_rows is not None or timeout is not None:
        raise ParameterError(
            "--max-rows and --timeout bound a query of your own.",
            where="--max-rows",
            remedy="Add --file; a named query takes --param limit=...",
        )
    if name is None:
        _list(library, written_as, output)
        return
    chosen = library.get(name)
    values = chosen.values(parameters_of(param or []))  # before a store is opened for nothing
    with open_graph(settings_for(store)) as graph:
        rows = graph.run(name, **values)
    put_rows(list(chosen.columns), rows, written_as, output, chosen.purpose)


def parameters_of(given: list[str]) -> dict[str, str]:
    """``name=value`` entries as a mapping.

    Raises:
        ParameterError: One has no name or no ``=``.
    """
    values: dict[str, str] = {}
    for entry in given:
        name, separator, value = entry.partition("=")
        if not separator or not name:
            raise ParameterError(
                f"'{entry}' is no parameter.", where="--param", remedy="Write --param name=value."
            )
        values[name] = value
    return values


def _list(library: QueryLibrary, written_as: Format, output: Path | None) -> None:
    if written_as is not Format.TABLE:
        put_rows(_LISTED, library.describe(), written_as, output, "")
        return
    list_queries(library.subjects, console)
    console.print("Run one with: graphrec query NAME --param name=value")


def list_queries(subjects: Mapping[str, list[Query]], to: Console) -> None:
    """Print queries by subject, with what each answers and takes."""
    for subject, queries in subjects.items():
        table = Table(title=subject, title_justify="left", expand=True)
        table.add_column("query", no_wrap=True)
        table.add_column("what it answers", ratio=3)
        table.add_column("parameters", ratio=2)
        for entry in queries:
            table.add_row(entry.name, escape(entry.purpose), escape(_signature(entry)))
        to.print(table)


def _signature(entry: Query) -> str:
    return ", ".join(
        p.name if p.default is None else f"{p.name}={p.default!r}" for p in entry.parameters
    )

"""``graphrec query``: lists the named queries, or runs one on the graph."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
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
from graphrec.graph.queries import Query, QueryLibrary


def query(
    name: Annotated[
        str | None, typer.Argument(help="The query; without it, all are listed.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; repeatable."),
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run a named query on the graph, or list the queries there are."""
    library = QueryLibrary.load()
    if name is None:
        _list(library, json_output)
        return
    chosen = library.get(name)
    values = chosen.values(_parameters(param or []))  # before a store is opened for nothing
    with open_graph(settings_for(store)) as graph:
        rows = graph.run(name, **values)
    if json_output:
        print_json(rows)
    else:
        _show(chosen, rows)


def _parameters(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for entry in given:
        name, separator, value = entry.partition("=")
        if not separator or not name:
            raise ParameterError(
                f"'{entry}' is no parameter.", where="--param", remedy="Write --param name=value."
            )
        values[name] = value
    return values


def _list(library: QueryLibrary, json_output: bool) -> None:
    if json_output:
        print_json(library.describe())
        return
    for subject, queries in library.subjects.items():
        table = Table(title=subject, title_justify="left", expand=True)
        table.add_column("query", no_wrap=True)
        table.add_column("what it answers", ratio=3)
        table.add_column("parameters", ratio=2)
        for entry in queries:
            table.add_row(entry.name, escape(entry.purpose), escape(_signature(entry)))
        console.print(table)
    console.print("Run one with: graphrec query NAME --param name=value")


def _signature(entry: Query) -> str:
    return ", ".join(
        p.name if p.default is None else f"{p.name}={p.default!r}" for p in entry.parameters
    )


def _show(chosen: Query, rows: list[dict[str, Any]]) -> None:
    table = Table(*chosen.columns, title=chosen.purpose, title_justify="left")
    for row in rows:
        table.add_row(*(escape(_cell(row[column])) for column in chosen.columns))
    console.print(table)
    console.print(f"{len(rows)} {'row' if len(rows) == 1 else 'rows'}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " → ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)

"""``graphrec import``: real data into the graph, with progress and a full account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    err_console,
    interruptible,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import READERS, open_reader
from graphrec.events.source import ReadLog
from graphrec.graph import ingest as ingestion
from graphrec.graph.ingest_table import TableCounts


def import_command(
    source: Annotated[str, typer.Argument(help=f"Kind of source: {', '.join(READERS)}.")],
    path: Annotated[Path, typer.Argument(help="Its folder (exercism: or one track's JSON).")],
    with_cycles: Annotated[
        bool,
        typer.Option(
            "--with-cycles", help="mooccube: also read the prerequisites that form cycles."
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Empty the graph first, once the files are checked.")
    ] = False,
    batch_rows: Annotated[
        int, typer.Option(min=1, help="Rows a transaction at most.")
    ] = ingestion.DEFAULT_BATCH_ROWS,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a source into the graph; a second import changes nothing.

    Good rows are kept, bad ones go to a quarantine file in the store with file, line and
    reason. Exit code 0 means that everything was accounted for, 2 that the source cannot be
    used at all (and nothing was written).
    """
    settings = settings_for(store)
    log = ReadLog(Quarantine.for_import(settings.quarantine_dir, source))
    reader = open_reader(source, path, log, with_cycles=with_cycles)
    hint = "whole batches are in the graph; the same command completes the import"
    with interruptible(hint), open_graph(settings) as graph:
        if replace:
            graph.clear()
        with _progress() as report:
            summary = ingestion.ingest(graph, reader, batch_rows=batch_rows, progress=report)
    if as_json:
        print_json(summary.model_dump())
    else:
        _show(summary)


@contextmanager
def _progress() -> Iterator[ingestion.Progress]:
    """A line a table on stderr, its rows counting up."""
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:,.0f} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err_console) as progress:
        tasks = {}

        def report(table: str, rows: int) -> None:
            if table not in tasks:
                _finish(progress)
                tasks[table] = progress.add_task(table, total=None)
            progress.update(tasks[table], completed=rows)

        yield report
        _finish(progress)


def _finish(progress: Progress) -> None:
    for task in progress.tasks:
        progress.update(task.id, total=task.completed)


def _show(summary: ingestion.ImportSummary) -> None:
    # Seven columns of a million rows fit the 80 characters of a plain terminal.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("table", no_wrap=True)
    for name in TableCounts.model_fields:
        heading = {"duplicates": "duplicate", "quarantined": "refused"}.get(name, name)
        table.add_column(heading, justify="right", no_wrap=True)
    for name, counts in summary.tables.items():
        table.add_row(name, *(f"{n:,}" for n in counts.model_dump().values()))
    console.print(table)
    _say("imported", [f"{summary.source} in {summary.seconds:.1f} s"], style="green")
    held = ", ".join(f"{rows:,} {name}" for name, rows in summary.graph.items() if rows)
    _say("graph", [f"now holds {held or 'nothing'}"], style="green")
    _say("warning", summary.warnings, style="yellow")
    for cycle in summary.cycles:
        ring = " → ".join([*cycle.ids, cycle.ids[0]])
        more = f" ({cycle.group_size} need each other)" if cycle.group_size > 1 else ""
        _say("cycle kept", [f"{cycle.table}: {ring}{more}"], style="yellow")
    _say("note", summary.notes, style="dim")
    for reason in summary.quarantined:
        places = ", ".join(reason.examples)
        _say("quarantined", [f"{reason.count:,} × {reason.reason}: {places}"], style="red")
    if summary.quarantine_file:
        _say("quarantine", [summary.quarantine_file], style="red")
    if not any(counts.written for counts in summary.tables.values()):
        _say("result", ["nothing changed"], style="green")


def _say(kind: str, texts: list[str], *, style: str) -> None:
    for text in texts:
        console.print(f"{kind}: {text}", style=style, markup=False, highlight=False, soft_wrap=True)

"""``graphrec curriculum``: the curriculum as reviewable text, and edits of the graph from it."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    err_console,
    is_interactive,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.curriculum.plan import Change, Plan, apply_edit, plan_edit, read_graph
from graphrec.curriculum.text import read_curriculum, to_yaml
from graphrec.errors import ParameterError, SourceError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Export the curriculum as YAML, compare an edited file with the graph, apply it.",
)

FileArgument = Annotated[Path, typer.Argument(help="The whole curriculum, YAML.")]
_SHOWN = 200
"""Rows of a plan shown as a table; --json has all."""


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else to the terminal.")
    ] = None,
    store: StoreOption = None,
) -> None:
    """Write courses, skills, roles and what ties them as YAML, in the order of their ids."""
    with open_graph(settings_for(store)) as graph:
        text = to_yaml(read_graph(graph))
    if output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    try:
        output.write_text(text, encoding="utf-8", newline="\n")
    except OSError as exc:
        raise SourceError(f"cannot be written: {exc.strerror}.", where=str(output)) from exc
    err_console.print(f"written: {output}", highlight=False, markup=False)


@app.command()
def diff(file: FileArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show what a file would add, change and remove; exit code 1 where it is refused."""
    said = read_curriculum(file)
    with open_graph(settings_for(store)) as graph:
        plan = plan_edit(graph, said)
    _show(plan, as_json=as_json)
    if plan.refusals:
        raise typer.Exit(1)


@app.command()
def apply(
    file: FileArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the plan, ask, and carry it out in one transaction, or not at all."""
    said = read_curriculum(file)
    with open_graph(settings_for(store)) as graph:
        plan = plan_edit(graph, said)
        _show(plan, as_json=as_json)
        if plan.refusals:
            raise typer.Exit(1)
        if not plan.changes:
            return
        if not yes and not _confirmed():
            err_console.print("nothing was changed.")
            raise typer.Exit(1)
        apply_edit(graph, plan)
    err_console.print(f"applied: {_summary(plan)}", highlight=False, markup=False)


def _confirmed() -> bool:
    if not is_interactive() or not sys.stdin.isatty():
        raise ParameterError(
            "nobody is there to be asked; nothing was changed.", where="--yes", remedy="Give --yes."
        )
    return typer.confirm("Apply this?", err=True)


def _summary(plan: Plan) -> str:
    counts = Counter(change.action for change in plan.changes)
    return f"{counts['add']} added, {counts['change']} changed, {counts['remove']} removed"


def _show(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "ok": not plan.refusals,
                "summary": dict(Counter(change.action for change in plan.changes)),
                "changes": [asdict(one) for one in plan.changes],
                "refusals": [asdict(one) for one in plan.refusals],
            }
        )
        return
    if not plan.changes:
        console.print("no difference: the file and the graph say the same.")
    else:
        console.print(_table(plan))
        if len(plan.changes) > _SHOWN:
            console.print(f"… and {len(plan.changes) - _SHOWN:,} more; --json shows all.")
        console.print(f"plan: {_summary(plan)}", highlight=False)
    for one in plan.refusals:
        typer.echo(f"{one.where}: refused: {one.message}")


def _table(plan: Plan) -> Table:
    table = Table("", "in", "what", "values")
    for change in plan.changes[:_SHOWN]:
        sign = {"add": "+", "change": "~", "remove": "-"}[change.action]
        table.add_row(sign, change.table, escape(change.told_key), escape(_values(change)))
    return table


def _values(change: Change) -> str:
    if change.action != "change":
        return ", ".join(f"{k}: {_short(v)}" for k, v in (change.after or change.before).items())
    return ", ".join(
        f"{name}: {_short(change.before[name])} → {_short(new)}"
        for name, new in change.after.items()
        if new != change.before[name]
    )


def _short(value: Any, most: int = 40) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"

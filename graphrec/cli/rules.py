"""``graphrec rules``: check a file of business rules, and show what it changes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
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
    open_graph,
    print_json,
    settings_for,
)
from graphrec.errors import ParameterError
from graphrec.recommend.catalogue import CATALOGUE_TABLES, Catalogue
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.ruled import Trial
from graphrec.recommend.schemas import K_MAX, RecommendRequest
from graphrec.rules.conflicts import Conflict, find_conflicts
from graphrec.rules.load import RulesFile, load_rules, read_rules
from graphrec.rules.schema import json_schema

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Check business rules, and show what each changes on real requests.",
)

FileArgument = Annotated[Path, typer.Argument(help="The rules, YAML.")]


@app.command()
def check(
    file: FileArgument,
    catalogue: Annotated[
        bool, typer.Option("--catalogue/--no-catalogue", help="Look ids up in the store's graph.")
    ] = True,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find faults and conflicts; exit code 1 where one must be mended."""
    found = read_rules(file)
    conflicts: list[Conflict] = []
    if found.rules is not None:
        known = _catalogue(store) if catalogue else None
        conflicts = find_conflicts(found.rules, datetime.now(UTC).date(), known)
    is_good = found.rules is not None and not any(one.is_error for one in conflicts)
    if as_json:
        print_json(_findings(found, conflicts, is_good=is_good))
    else:
        _print_findings(found, conflicts)
    if not is_good:
        raise typer.Exit(1)


@app.command()
def explain(
    file: FileArgument,
    learner: Annotated[
        list[str] | None, typer.Option("--learner", help="A learner's id; repeatable.")
    ] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Somebody unknown.")] = False,
    role: Annotated[str | None, typer.Option("--role", help="Role aimed at.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=K_MAX, help="Courses each.")] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show lists before and after the rules, and which rule moved what."""
    asked: list[str | None] = [*(learner or []), *([None] if anonymous else [])]
    if not asked:
        raise ParameterError("say for whom.", where="--learner", remedy="Or give --anonymous.")
    rules = load_rules(file)
    told = []
    with Recommender.open(settings_for(store).model_copy(update={"rules": ""})) as recommender:
        if role is not None:
            recommender.catalogue.role(role)
        for learner_id in asked:
            request = RecommendRequest(learner_id=learner_id, target_role_id=role, k=k)
            tried = recommender.try_rules(rules, request)
            if as_json:
                told.append({"learner_id": learner_id, **_plain(tried)})
            else:
                _print_trial(learner_id, tried, recommender.catalogue)
    if as_json:
        print_json(told)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a rules file."""
    print_json(json_schema())


def _catalogue(store: Path | None) -> Catalogue | None:
    """The store's, where it has a graph with courses."""
    settings = settings_for(store)
    if not settings.graph_url and not settings.graph_dir.exists():
        err_console.print("no graph in the store: ids are not checked", highlight=False)
        return None
    with open_graph(settings) as graph:
        return Catalogue.from_tables(graph.export_snapshot(CATALOGUE_TABLES))


def _findings(found: RulesFile, conflicts: list[Conflict], *, is_good: bool) -> dict[str, Any]:
    return {
        "ok": is_good,
        "num_rules": 0 if found.rules is None else len(found.rules.rules),
        "faults": [asdict(fault) for fault in found.faults],
        "conflicts": [asdict(one) | {"line": _line(found, one)} for one in conflicts],
    }


def _line(found: RulesFile, conflict: Conflict) -> int:
    """Where the last rule of a conflict stands: the one that came to the others."""
    return found.lines.get(conflict.rule_ids[-1], 1)


def _print_findings(found: RulesFile, conflicts: list[Conflict]) -> None:
    for fault in found.faults:
        typer.echo(f"{found.name}:{fault.line}: error: {fault.message}")
    for one in conflicts:
        kind = "error" if one.is_error else "warning"
        typer.echo(f"{found.name}:{_line(found, one)}: {kind}: {one.message} [{one.code}]")
    if found.rules is None:
        return
    errors = sum(one.is_error for one in conflicts)
    typer.echo(
        f"{len(found.rules.rules)} rules, {errors} errors, {len(conflicts) - errors} warnings"
    )


def _plain(tried: Trial) -> dict[str, Any]:
    changes = () if tried.ruled is None else tried.ruled.changes
    return {
        "before": tried.before,
        "after": tried.after,
        "changes": [asdict(change) for change in changes],
        "without": tried.alone,
    }


def _print_trial(learner_id: str | None, tried: Trial, catalogue: Catalogue) -> None:
    """Both lists side by side, then what each rule did."""
    table = Table("", "before", "after", "by rule", title=f"for {learner_id or 'anybody'}")
    rules = {} if tried.ruled is None else tried.ruled.by_course
    for n in range(max(len(tried.before), len(tried.after))):
        was, now = (ids[n] if n < len(ids) else None for ids in (tried.before, tried.after))
        change = rules.get(now or "")
        by = "" if change is None else f"{change.rule_id}: {change.why}"
        names = ("" if one is None else escape(catalogue.course_name(one)) for one in (was, now))
        table.add_row(str(n + 1), *names, escape(by))
    console.print(table)
    if tried.ruled is None or not tried.ruled.changes:
        console.print("No rule changes anything here.")
        return
    for change in tried.ruled.changes:
        way = f"{change.before or '–'} → {change.after or '–'}"
        line = f"{change.rule_id}: {catalogue.course_name(change.course_id)} {way}, {change.why}"
        console.print(escape(line), highlight=False)
    for rule_id, without in tried.alone.items():
        gone = [catalogue.course_name(c) for c in tried.after if c not in set(without)]
        back = [catalogue.course_name(c) for c in without if c not in set(tried.after)]
        told = f"+ {', '.join(gone) or 'nothing'}; − {', '.join(back) or 'nothing'}"
        console.print(escape(f"through {rule_id}: {told}"), highlight=False)

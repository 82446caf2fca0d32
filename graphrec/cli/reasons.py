"""``graphrec reasons``: whether the reasons that answers give are true, and what they weigh."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    SeedOption,
    StoreOption,
    console,
    interruptible,
    print_json,
    settings_for,
)
from graphrec.evaluate.reasons_check import Finding, Report, check_recommended
from graphrec.evaluate.reasons_facts import Facts
from graphrec.evaluate.reasons_paths import check_planned
from graphrec.evaluate.reasons_removal import Weighed, summarise
from graphrec.evaluate.reasons_removal import weigh as weigh_reasons
from graphrec.recommend.recommender import Recommender

_MAX_SHOWN = 20
"""Reasons that fail and are printed; all of them stand in the JSON."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Check the reasons of answers against the graph.",
)


@app.command()
def check(
    answers: Annotated[
        int,
        typer.Option("--answers", min=1, max=1_000_000, help="Random answers, half of them paths."),
    ] = 1_000,
    seed: SeedOption = 0,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look up the evidence of random answers' reasons; exit code 1 where one does not hold."""
    settings = settings_for(store)
    with interruptible("nothing was changed"), Recommender.open(settings) as recommender:
        facts = Facts.read(settings, recommender.store)
        report, num_paths = Report(), answers // 2
        check_recommended(recommender, facts, answers - num_paths, seed, report)
        check_planned(recommender, facts, num_paths, seed, report)
    if as_json:
        print_json(_plain(report))
    else:
        _print(report)
    if report.failed:
        raise typer.Exit(1)


@app.command()
def weigh(
    answers: Annotated[
        int, typer.Option("--answers", min=1, max=1_000_000, help="Random answers looked at.")
    ] = 100,
    seed: SeedOption = 0,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask again without the evidence of each reason: how often the course's score falls."""
    settings = settings_for(store)
    with interruptible("nothing was changed"), Recommender.open(settings) as recommender:
        found = summarise(list(weigh_reasons(recommender, answers, seed)))
    if as_json:
        print_json(
            {"num_answers": answers, "codes": [asdict(w) | {"share": w.share} for w in found]}
        )
    else:
        _print_weighed(found)


def _print_weighed(found: list[Weighed]) -> None:
    table = Table("reason", "weighed", "falls", "not given", "share", "median loss")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for one in found:
        table.add_row(
            one.code,
            f"{one.num_reasons:,}",
            f"{one.num_fallen:,}",
            f"{one.num_gone:,}",
            f"{one.share:.1%}",
            "" if one.median_loss is None else f"{one.median_loss:.2f}",
        )
    console.print(table)


def _plain(report: Report) -> dict[str, Any]:
    return {
        "ok": not report.failed,
        "num_answers": report.num_answers,
        "codes": {
            code: {"reasons": total, "hold": held} for code, (total, held) in report.by_code.items()
        },
        "failed": [_failure(finding) for finding in report.failed],
    }


def _failure(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "learner_id": finding.learner_id,
        "course_id": finding.course_id,
        "text": finding.text,
        "evidence": [fact.model_dump() for fact in finding.evidence],
        "problem": finding.problem,
    }


def _print(report: Report) -> None:
    table = Table("reason", "given", "hold", title=f"reasons of {report.num_answers:,} answers")
    for column in table.columns[1:]:
        column.justify = "right"
    for code, (total, held) in report.by_code.items():
        table.add_row(code, f"{total:,}", f"{held:,}")
    console.print(table)
    for finding in report.failed[:_MAX_SHOWN]:
        who = finding.learner_id or "anybody"
        line = f"{finding.code} of {finding.course_id} for {who}: {finding.problem}"
        console.print(escape(line), style="red", highlight=False, soft_wrap=True)
    total = sum(total for total, _ in report.by_code.values())
    num_failed = len(report.failed)
    said = "all hold" if not num_failed else f"{num_failed:,} do not hold"
    console.print(f"{total:,} reasons, {said}", highlight=False)

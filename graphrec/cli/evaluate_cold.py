"""``graphrec evaluate --protocol cold-course|few-shot``: its result as JSON and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from graphrec.cli.common import console
from graphrec.dataset import Dataset
from graphrec.evaluate.cold_run import (
    COLD_BLEND,
    ColdEvaluation,
    evaluate_cold_courses,
    evaluate_few_shot,
)
from graphrec.features.ranking_tables import CourseColumns
from graphrec.features.signals import LearnerSignals
from graphrec.models.registry import MODEL_NAMES
from graphrec.recommend.compose import FitNeural, Report

_METRICS = ("recall@10", "ndcg@10")
_WHERE = {"all": "of all", "cold": "of cold"}


def run_cold(
    dataset: Dataset,
    signals: LearnerSignals,
    protocol: str,
    *,
    columns: CourseColumns,
    fit_neural: FitNeural,
    names: Sequence[str],
    seed: int,
    report: Report,
) -> ColdEvaluation:
    """Run a cold-start protocol (arguments as ``evaluate_cold_courses``)."""
    run = evaluate_cold_courses if protocol == "cold-course" else evaluate_few_shot
    wanted = [name for name in names if name in (*MODEL_NAMES, "pipeline")]
    return run(
        dataset,
        fit_neural=fit_neural,
        signals=signals,
        columns=columns,
        names=wanted,
        seed=seed,
        report=report,
    )


def cold_as_json(found: ColdEvaluation, data: str, protocol: str, seed: int) -> dict[str, Any]:
    """The result, its figures rounded."""
    return {
        "data": data,
        "protocol": protocol,
        "seed": seed,
        "results": {
            model: {
                where: {name: round(value, 5) for name, value in figures.items()}
                for where, figures in row.items()
            }
            for model, row in found.results.items()
        },
        "num_asked": found.num_asked,
        "num_cold_courses": found.num_cold,
        "validation": found.fitted.validation,
        "skipped": found.fitted.skipped,
    }


def print_cold(found: ColdEvaluation, data: str, protocol: str) -> None:
    """A table of figures: where courses are cold, or by the number of events shown."""
    if protocol == "cold-course":
        asked = next(iter(found.num_asked.values()))
        title = f"{data}: {found.num_cold:,} cold courses, {asked:,} learners asked for one"
        console.print(_cold_courses(found, title))
        if COLD_BLEND in found.results:
            console.print(
                "of all, of cold: ranked among all courses, or the cold ones alone. "
                "<model>+content: cold courses placed by their content. cold_blend: every course "
                "ranked as if nobody had taken it yet.",
                highlight=False,
            )
    else:
        console.print(_few_shot(found, f"{data}: ndcg@10 by the number of events shown"))
    for name, reason in found.fitted.skipped.items():
        console.print(f"{name}: left out, {reason}", highlight=False)


def _cold_courses(found: ColdEvaluation, title: str) -> Table:
    table = Table(title=title)
    table.add_column("model", no_wrap=True)
    for told in _WHERE.values():
        for metric in _METRICS:
            table.add_column(f"{metric}\n{told}", justify="right")
    for model, row in found.results.items():
        table.add_row(model, *(f"{row[w][m]:.4f}" for w in _WHERE for m in _METRICS))
    return table


def _few_shot(found: ColdEvaluation, title: str) -> Table:
    table = Table(title=title)
    table.add_column("model\nlearners")
    for num, asked in found.num_asked.items():
        table.add_column(f"{num}\n{asked:,}", justify="right")
    for model, row in found.results.items():
        table.add_row(model, *(f"{row[num]['ndcg@10']:.4f}" for num in found.num_asked))
    return table

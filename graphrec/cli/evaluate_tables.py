"""How ``graphrec evaluate`` shows its result to a person; nothing wider than 100 columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from graphrec.cli.common import console
from graphrec.evaluate.beyond import FIGURES
from graphrec.evaluate.protocols import Evaluation

_METRICS = ("recall@10", "ndcg@10", "recall@20", "ndcg@20")
_CURVE = ("ndcg@10", "coverage@10", "novelty@10", "gini@10")
_BAR = 16


def print_evaluation(found: Evaluation, data: str, protocol: str) -> None:
    """Print every table that there is something for."""
    console.print(_accuracy(found, f"{data}, {protocol}"))
    console.print(_beyond(found))
    if protocol == "loo-100":
        console.print("These lists are 10 of 101 drawn courses: compare them with no other data.")
    for kind in ("history", "course_age"):
        if any(rows[kind] for rows in found.slices.values()):
            console.print(_slices(found, kind))
    _print_calibration(found.calibration)
    if found.curve:
        console.print(_curve(found.curve))
    _print_remarks(found)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _accuracy(found: Evaluation, title: str) -> Table:
    table = _table(title, "model", *_METRICS, "seconds")
    for name, row in found.results.items():
        table.add_row(name, *(f"{row[m]:.4f}" for m in _METRICS), f"{row['seconds']:.0f}")
    return table


def _beyond(found: Evaluation) -> Table:
    names = [figure.replace("popularity_lift", "lift") for figure in FIGURES]
    table = _table("beside accuracy, of the same lists", "model", *names)
    for model, row in found.beyond.items():
        table.add_row(model, *(_number(row[figure], 3) for figure in FIGURES))
    return table


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _slices(found: Evaluation, kind: str) -> Table:
    """ndcg@10 of each row in each slice; slices are the same for all rows."""
    first = next(iter(found.slices.values()))[kind]
    title = "ndcg@10 by number of courses taken before"
    if kind == "course_age":
        by_time = first[0]["by"] == "first_taken"
        told = "age of the course, first taken from" if by_time else "learners of the course"
        title = f"ndcg@10 by {told}"
    heads = [f"{_head(kind, part)}\n{part['learners']:,}" for part in first]
    table = _table(title, "model\nlearners", *heads)
    for model, rows in found.slices.items():
        table.add_row(model, *(f"{part['ndcg@10']:.4f}" for part in rows[kind]))
    return table


def _head(kind: str, part: dict[str, Any]) -> str:
    low, high = part["from"], part["to"]
    if kind == "course_age" and part["quarter"] is None:
        return "not taken"
    if kind == "course_age" and part["by"] == "first_taken":
        return f"{datetime.fromtimestamp(low / 1000, UTC):%Y-%m-%d}"
    if high is None:
        return f"{low}+"
    return f"{low:,}" if low == high else f"{low:,}-{high:,}"


def _print_calibration(figures: dict[str, Any]) -> None:
    if figures:
        console.print(
            f"calibration of the pipeline: error {_number(figures['ece'], 4)} where the course "
            f"taken was a candidate ({figures['target_is_candidate']:.1%} of learners), "
            f"{_number(figures['ece_all'], 4)} over all",
            highlight=False,
        )


def _curve(curve: list[dict[str, float | None]]) -> Table:
    title = "what novelty costs the pipeline, on validation"
    table = _table(title, "weight", *_CURVE, "ndcg@10 kept")
    table.columns[-1].justify = "left"
    whole = curve[0]["ndcg@10"]
    for row in curve:
        kept = (row["ndcg@10"] or 0.0) / whole if whole else 0.0
        bar = f"{'█' * round(_BAR * kept)} {kept:.1%}"
        table.add_row(_number(row["weight"], 2), *(_number(row[name], 4) for name in _CURVE), bar)
    return table


def _print_remarks(found: Evaluation) -> None:
    if found.weights:
        told = ", ".join(f"{part} {weight:+.3f}" for part, weight in found.weights.items())
        console.print(f"weights of the pipeline, chosen on validation: {told}", highlight=False)
        for part in ("graph", "sequence"):
            if part in found.weights and found.weights[part] <= 0:
                console.print(f"[yellow]{part} earns no weight on this data.[/yellow]")
    for name, reason in found.fitted.skipped.items():
        console.print(f"{name}: left out, {reason}", highlight=False)

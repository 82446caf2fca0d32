"""README's main table: ours beside the published, and what is missing, said plainly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_tables import TABLES
from published import COMPARISONS, SIMPLE_BLEND, Comparison
from results_files import read_result

_REMARK = (
    "Published figures are those of the papers' own tables on the same files and protocols. On the "
    "learning data there are none: the strongest simple blend stands for them. MOOCCubeX's target "
    "is a tenth above that blend."
)
_OURS = ("graph", "sequence", "pipeline")
_SHORT = {
    "recall@10": "HR@10",
    "ndcg@10": "NDCG@10",
    "recall@20": "Recall@20",
    "ndcg@20": "NDCG@20",
}


def main_table(folder: Path) -> str:
    """The table and the list of what is missing."""
    lines = [
        "| data | figures | to beat | target | ours: graph | ours: sequence | ours: pipeline | |",
        "|---|---|---|---|--:|--:|--:|---|",
    ]
    missing = []
    for one in COMPARISONS:
        found = read_result(folder, one.result)
        rows = found.get("results", {})
        target = _target(one, rows)
        ours = [_pair(_figures(one, rows.get(name))) for name in _OURS]
        status, told = verdict(one, rows)
        figures = " / ".join(_SHORT[metric] for metric in one.metrics)
        cells = [one.title, figures, _to_beat(one, rows), _at_least(one, target), *ours]
        lines.append(f"| {' | '.join(cells)} | {status} |")
        if told:
            missing.append(f"- **{one.title}**: {told}")
    parts = ["\n".join(lines), _REMARK]
    if missing:
        parts.append("What is missing:\n\n" + "\n".join(missing))
    return "\n\n".join(parts)


def verdict(one: Comparison, rows: dict[str, Any]) -> tuple[str, str]:
    """Whether the target is reached, and by what a judged row misses it ("" where none does)."""
    judged = {name: _figures(one, rows.get(name)) for name in one.judged}
    found = {name: figures for name, figures in judged.items() if figures}
    target = _target(one, rows)
    if not found:
        told = f"`make bench-models TABLES={_table_of(one.result)}` measures it."
        return "not measured yet", f"not measured yet; {told}"
    if target is None:
        return "-", f"nothing to compare with: the result has no row {SIMPLE_BLEND}."
    gaps = {name: " and ".join(_short(one, figures, target)) for name, figures in found.items()}
    below = "; ".join(f"{name} alone is {gap} short" for name, gap in gaps.items() if gap)
    above = " and ".join(name for name, gap in gaps.items() if not gap)
    if not above:
        return "not reached", f"{below.replace(' alone', '') if len(found) == 1 else below}."
    if not below:
        return "reached", ""
    return f"reached by {above}", f"{above} reaches the target; {below}."


def _short(one: Comparison, figures: tuple[float, ...], target: tuple[float, ...]) -> Iterator[str]:
    """Each figure below its target, and by how much."""
    for metric, value, least in zip(one.metrics, figures, target, strict=True):
        if value < least or (one.is_above and value == least):
            yield f"{_number(least - value)} {_SHORT[metric]}"


def _target(one: Comparison, rows: dict[str, Any]) -> tuple[float, ...] | None:
    if one.target is not None:
        return one.target
    simple = _figures(one, rows.get(SIMPLE_BLEND))
    return simple and tuple(one.factor * value for value in simple)


def _to_beat(one: Comparison, rows: dict[str, Any]) -> str:
    if one.best is not None:
        return f"{one.best[0]} {_pair(one.best[1:])}"
    return f"EASE + sequence rules {_pair(_figures(one, rows.get(SIMPLE_BLEND)))}"


def _at_least(one: Comparison, target: tuple[float, ...] | None) -> str:
    return f"{'above' if one.is_above else '≥'} {_pair(target)}"


def _figures(one: Comparison, row: dict[str, float] | None) -> tuple[float, ...] | None:
    return None if row is None else tuple(row[metric] for metric in one.metrics)


def _pair(figures: tuple[float, ...] | None) -> str:
    return "-" if figures is None else " / ".join(_number(value) for value in figures)


def _number(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def _table_of(result: str) -> str:
    return next(name for name, jobs in TABLES.items() if result in jobs)

"""The ablation tables of docs/models.md, from the files in benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

_WHOLE = "the whole"
_HEADS = {
    "pipeline": "The pipeline",
    "graph": "The graph model alone",
    "sequence": "The sequence model alone",
}

Cells = dict[str, dict[str, Any]]
"""Seed -> metrics."""


def ablations(folder: Path) -> str:
    """Every table, or what makes one."""
    found = sorted(folder.glob("ablations.*.json"))
    if not found:
        return "Not measured yet; `make bench-models TABLES=ablations` does."
    return "\n\n".join(_study(json.loads(path.read_text(encoding="utf-8"))) for path in found)


def _study(found: dict[str, Any]) -> str:
    parts = [f"**{found['data']}**, {found['num_learners']:,} validation learners."]
    for model, head in _HEADS.items():
        rows = {r["name"]: r["by_seed"] for r in found["rows"].values() if r["model"] == model}
        whole = rows.pop(_WHOLE, None)
        if whole:
            parts.append(f"{head}:\n\n{_table(whole, rows)}")
    return "\n\n".join(parts)


def _table(whole: Cells, rows: dict[str, Cells]) -> str:
    lines = ["| | HR@10 | NDCG@10 | difference | seeds |", "|---|--:|--:|--:|--:|"]
    lines.append(_row("**whole**", whole, ""))
    gaps = {name: _differences(whole, cells) for name, cells in rows.items()}
    # What costs most stands first.
    ranked = sorted(rows, key=lambda name: mean(gaps[name] or [0.0]))
    return "\n".join([*lines, *(_row(name, rows[name], _spread(gaps[name])) for name in ranked)])


def _row(name: str, cells: Cells, difference: str) -> str:
    hits, gains = ([cell[m] for cell in cells.values()] for m in ("recall@10", "ndcg@10"))
    seeds = ", ".join(sorted(cells, key=int))
    return f"| {name} | {mean(hits):.4f} | {mean(gains):.4f} | {difference} | {seeds} |"


def _differences(whole: Cells, cells: Cells) -> list[float]:
    """NDCG@10 against the whole, seed by seed, of the seeds that both have."""
    return [c["ndcg@10"] - whole[s]["ndcg@10"] for s, c in cells.items() if s in whole]


def _spread(gaps: list[float]) -> str:
    if not gaps:
        return "-"
    return f"{mean(gaps):+.4f}" + (f" ± {stdev(gaps):.4f}" if len(gaps) > 1 else "")

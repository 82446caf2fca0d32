"""Writes the results of README.md and some of docs/ from the files in benchmarks/results.

    python benchmarks/results_table.py          rewrite them
    python benchmarks/results_table.py --check  only say whether they are as they would be written

Which files there are and which command makes each stands in ``model_tables.py``; what ours are
compared with, in ``published.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from model_tables import COLD, CURVE, EVALUATIONS, FEW_SHOT, STORES, Evaluation, StoreEvaluation
from render_ablations import ablations
from render_published import main_table
from render_rivals import rivals
from results_files import read_json, read_result

ROOT = Path(__file__).resolve().parent.parent

SERVICE: Final = "serve_wrk"

_METRICS = ("recall@10", "ndcg@10", "recall@20", "ndcg@20")
_BEYOND = ("coverage@10", "gini@10", "novelty@10", "popularity_lift@10", "diversity@10")
_CURVE = ("ndcg@10", "coverage@10", "novelty@10", "gini@10")
_COLD = ("recall@10", "ndcg@10")


def render(folder: Path) -> str:
    """README's section, of the files that are there."""
    parts = [main_table(folder)]
    for name, job in EVALUATIONS.items():
        if found := read_result(folder, name):
            parts.append(_evaluation(f"{job.title} ({job.protocol})", _told(job), found))
    for name, store in STORES.items():
        if found := read_result(folder, name):
            parts.append(_evaluation(f"{store.title} ({found['protocol']})", _told(store), found))
    for name, store in {**COLD, **FEW_SHOT}.items():
        if found := read_result(folder, name):
            parts.append(_cold(f"{store.title} ({found['protocol']})", _told(store), found))
    for name, job in CURVE.items():
        if found := read_result(folder, name):
            parts.append(_curve(job.title, _told(job), found))
    if found := read_json(folder, SERVICE):
        parts.append(_service(found))
    return "\n\n".join(parts)


def _told(job: Evaluation | StoreEvaluation) -> str:
    if isinstance(job, Evaluation):
        return f"graphrec {' '.join(job.command())}"
    protocol = "" if job.protocol == "loo-full" else f" --protocol {job.protocol}"
    data = f"{job.source} $GRAPHREC_DATA/{job.source}"
    return f"graphrec import {data} && graphrec evaluate{protocol}"


def _evaluation(title: str, command: str, found: dict[str, Any]) -> str:
    rows = found["results"]
    lines = [f"**{title}**: `{command}`", ""]
    lines += [f"| model | {' | '.join(_METRICS)} | seconds |", "|---|" + "--:|" * 5]
    best = {m: max(row[m] for row in rows.values()) for m in _METRICS}
    for model, row in rows.items():
        cells = [_cell(row[m], is_best=row[m] == best[m]) for m in _METRICS]
        lines.append(f"| {model} | {' | '.join(cells)} | {row['seconds']:.0f} |")
    return "\n".join([*lines, *_beyond(found), "", " ".join(_remarks(found))])


def _beyond(found: dict[str, Any]) -> Iterator[str]:
    """Of the strongest simple row and the pipeline: what their lists are like."""
    rows = found.get("beyond", {})
    shown = [name for name in ("popularity", "ease+sequence_rules", "pipeline") if name in rows]
    figures = [f for f in _BEYOND if any(rows[name][f] is not None for name in shown)]
    if not figures:
        return
    yield from ("", f"| the same lists | {' | '.join(figures)} |", "|---|" + "--:|" * len(figures))
    for name in shown:
        values = (rows[name][figure] for figure in figures)
        yield f"| {name} | {' | '.join('-' if v is None else f'{v:.3f}' for v in values)} |"


def _cell(value: float, *, is_best: bool) -> str:
    return f"**{value:.4f}**" if is_best else f"{value:.4f}"


def _remarks(found: dict[str, Any]) -> Iterator[str]:
    if seeds := found.get("seeds"):
        yield f"Mean of seeds {', '.join(map(str, seeds))};"
        if deviation := found["deviation"].get("pipeline"):
            yield f"standard deviation of the pipeline's NDCG@10 {deviation:.4f};"
        yield "the rest of seed 0,"
    else:
        yield f"Seed {found['seed']},"
    yield f"two CPU cores, peak memory {found['peak_memory_mb']:,} MiB."
    if found.get("made", {}).get("is_resumed"):
        yield "Resumed after an interruption: seconds are those since."
    weights = found.get("weights", {})
    if weights:
        told = ", ".join(f"{part} {weight:+.2f}" for part, weight in weights.items())
        yield f"Weights of the pipeline: {told}."
    for part in ("graph", "sequence"):
        if weights.get(part, 1.0) <= 0:
            yield f"{part.capitalize()} earns no weight here."
    for name, reason in found.get("skipped", {}).items():
        yield f"Without {name}: {reason}."


def _cold(title: str, command: str, found: dict[str, Any]) -> str:
    """A cold-start protocol: NDCG@10 (and recall@10 where courses are cold) by what is asked."""
    asked = found["num_asked"]
    is_few_shot = found["protocol"] == "few-shot"
    metrics = ("ndcg@10",) if is_few_shot else _COLD
    heads = [
        f"after {where}: {num:,}" if is_few_shot else f"{metric}, {where}"
        for where, num in asked.items()
        for metric in metrics
    ]
    lines = [f"**{title}**: `{command}`", "", f"| model | {' | '.join(heads)} |"]
    lines.append("|---|" + "--:|" * len(heads))
    for model, row in found["results"].items():
        cells = [f"{row[where][metric]:.4f}" for where in asked for metric in metrics]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    told = (
        "NDCG@10 after so many events, and the learners asked."
        if is_few_shot
        else (
            f"{found['num_cold_courses']:,} cold courses; ranked among all courses, and among the "
            "cold ones alone."
        )
    )
    return "\n".join([*lines, "", f"{told} Seed {found['seed']}."])


def _curve(title: str, command: str, found: dict[str, Any]) -> str:
    lines = [f"**{title}**, on validation: `{command}`", ""]
    lines += [f"| weight | {' | '.join(_CURVE)} |", "|--:|" + "--:|" * len(_CURVE)]
    for row in found["curve"]:
        lines.append(f"| {row['weight']:.2f} | {' | '.join(f'{row[m]:.4f}' for m in _CURVE)} |")
    return "\n".join(lines)


def _service(found: dict[str, Any]) -> str:
    lines = [
        f"**Recommendations over HTTP**, {found['courses']:,} courses, {found['connections']} "
        "connections, one process: `benchmarks/serve_wrk.sh STORE`",
        "",
    ]
    told = {
        "first": "each for the first time",
        "again": "again",
    }
    passes = {told[name]: row for name, row in found["passes"].items()}
    columns = list(next(iter(passes.values())))
    lines += [f"| learners | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for name, row in passes.items():
        lines.append(f"| {name} | {' | '.join(str(row[column]) for column in columns)} |")
    lines += [
        "",
        f"{found['learners']:,} learners, ready {found['ready_after_s']} s after the start, two "
        "CPU cores with wrk beside the service.",
    ]
    return "\n".join(lines)


SECTIONS: Final = {
    "README.md": ("results", render),
    "docs/models.md": ("ablations", ablations),
    "docs/training.md": ("rivals", rivals),
}
"""Page -> the mark around what is written, and what writes it."""


def fresh(root: Path, page: str) -> tuple[str, str]:
    """A page as it is, and as it would be written."""
    mark, write = SECTIONS[page]
    text = (root / page).read_text(encoding="utf-8")
    begin, end = f"<!-- {mark}:begin -->", f"<!-- {mark}:end -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return text, f"{head}{begin}\n{write(root / 'benchmarks' / 'results')}\n{end}{tail}"


def main() -> int:
    """Rewrite the sections, or check them."""
    stale = 0
    for page in SECTIONS:
        text, wanted = fresh(ROOT, page)
        if "--check" not in sys.argv[1:]:
            (ROOT / page).write_text(wanted, encoding="utf-8")
        elif wanted != text:
            print(f"{page}: its results are not those of benchmarks/results", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    raise SystemExit(main())

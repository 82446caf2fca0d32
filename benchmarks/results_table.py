"""Writes the results section of README.md from the files in benchmarks/results.

    python benchmarks/results_table.py          rewrite the section
    python benchmarks/results_table.py --check  only say whether it is as it would be written

A file is read where ``EVALUATIONS`` or ``STORES`` name it (what ``graphrec evaluate --output``
wrote) or ``SERVICE``; each table says which command makes its figures.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"

_BARE = "graphrec evaluate --format {form} --data $GRAPHREC_DATA/{data} --protocol {protocol}"

EVALUATIONS: Final = {
    "mars.loo-full": ("Mars, workplace learning", "sequences", "mars/sequences.tsv", "loo-full"),
    "mooccube.loo-full": ("MOOCCube, videos", "sequences", "mooccube/sequences.tsv", "loo-full"),
    "mooccubex.loo-full": ("MOOCCubeX", "sequences", "mooccubex/sequences.tsv", "loo-full"),
    "mooccubex.loo-100": ("MOOCCubeX", "sequences", "mooccubex/sequences.tsv", "loo-100"),
    "ml-1m.loo-full": ("MovieLens 1M", "pairs", "ml-1m/ml-1m.txt", "loo-full"),
    "beauty.loo-full": ("Beauty", "sequences", "beauty/Beauty.txt", "loo-full"),
    "gowalla.split-full": ("Gowalla", "split", "gowalla", "split-full"),
}
"""File name without .json -> title, form, data, protocol."""

STORES: Final = {
    "mooccube.store": ("MOOCCube, the whole graph", "mooccube"),
    "mooccubex.store": ("MOOCCubeX, the whole graph", "mooccubex"),
}
"""The same over a store that holds an import: file name -> title, source."""

SERVICE: Final = "serve_wrk"

_METRICS = ("recall@10", "ndcg@10", "recall@20", "ndcg@20")
_BEYOND = ("coverage@10", "gini@10", "novelty@10", "popularity_lift@10", "diversity@10")


def render(folder: Path) -> str:
    """The section's text, of the files that are there."""
    parts: list[str] = []
    for name, (title, form, data, protocol) in EVALUATIONS.items():
        if found := _read(folder, name):
            command = _BARE.format(form=form, data=data, protocol=protocol)
            parts.append(_evaluation(f"{title} ({protocol})", command, found))
    for name, (title, source) in STORES.items():
        if found := _read(folder, name):
            command = f"graphrec import {source} $GRAPHREC_DATA/{source} && graphrec evaluate"
            parts.append(_evaluation(f"{title} ({found['protocol']})", command, found))
    if found := _read(folder, SERVICE):
        parts.append(_service(found))
    return "\n\n".join(parts)


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


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
    yield f"Seed {found['seed']}, two CPU cores, peak memory {found['peak_memory_mb']:,} MiB."
    weights = found.get("weights", {})
    if weights:
        told = ", ".join(f"{part} {weight:+.2f}" for part, weight in weights.items())
        yield f"Weights of the pipeline: {told}."
    for part in ("graph", "sequence"):
        if weights.get(part, 1.0) <= 0:
            yield f"{part.capitalize()} earns no weight here."
    for name, reason in found.get("skipped", {}).items():
        yield f"Without {name}: {reason}."


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


def main() -> int:
    """Rewrite the section, or check it."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    fresh = f"{head}{BEGIN}\n{render(ROOT / 'benchmarks' / 'results')}\n{END}{tail}"
    if "--check" in sys.argv[1:]:
        if fresh != text:
            print("README.md: its results are not those of benchmarks/results", file=sys.stderr)
        return int(fresh != text)
    readme.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

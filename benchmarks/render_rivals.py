"""What docs/training.md says of other libraries, from the files in benchmarks/results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results_files import read_json

_SHOWN = 8


def rivals(folder: Path) -> str:
    """The comparison and the profile, or what makes each."""
    return "\n\n".join([*_compared(read_json(folder, "rivals")), *_profiled(folder)])


def _compared(found: dict[str, Any]) -> Iterator[str]:
    if not found:
        yield "Not compared yet; `make bench-models TABLES=rivals` does."
        return
    lines = [
        "| ours beside | budget | its best NDCG | at | ours as good at | times sooner | to be |"
        " ours in the end |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for pair in found["pairs"].values():
        said = pair["verdict"]
        ours = "never" if said["ours_s"] is None else f"{said['ours_s']:.0f} s"
        ratio = "-" if said["ratio"] is None else f"{said['ratio']:.1f}"
        lines.append(
            f"| {pair['rival']}, {Path(pair['data']).parts[0]} | {pair['minutes']:g} min "
            f"| {said['quality']:.4f} | {said['rival_s']:.0f} s | {ours} | {ratio} "
            f"| {pair['target_ratio']:g} | {said['ours_best']:.4f} |"
        )
    yield "\n".join(lines)
    loads = [load for pair in found["pairs"].values() for load in pair["load_before_and_after"]]
    told = found["machine"]
    yield (
        f"{told['processor']}, {told['cores']} cores, seed 0. Others' work on the machine "
        f"meanwhile: load {min(loads):.0f} to {max(loads):.0f}. A rival whose curve still rises "
        "at the end of its budget is compared at what it had reached by then."
    )


def _profiled(folder: Path) -> Iterator[str]:
    found = read_json(folder, "profile")
    if not found:
        yield "Not profiled yet; `make bench-models TABLES=profile` does."
        return
    peak = found["machine"]["cores-1"]
    for model, told in found["models"].items():
        lines = [
            f"**The {model} model** ({told['data']}): {told['step_s']:.3f} s a step, "
            f"{told['epoch_s']:.0f} s an epoch on one core, whose best here is "
            f"{peak['gflop_s']:.0f} GFLOP/s and {peak['gb_s']:.1f} GB/s:",
            "",
            "| | ms a step | share | of FLOP/s | of GB/s |",
            "|---|--:|--:|--:|--:|",
        ]
        whole = told["step_s"] * told["steps"]
        keys = ("seconds", "gflop", "gb")
        total = {"name": "**all**"} | {key: sum(r[key] for r in told["rows"]) for key in keys}
        lines += [_row(row, told["steps"], whole, peak) for row in [*told["rows"][:_SHOWN], total]]
        yield "\n".join(lines)
    yield (
        f"Measured at a load of {found['load']:.0f}. Bytes are those of operands and results, so "
        "that more than 100 % of GB/s is what the caches served."
    )


def _row(row: dict[str, Any], steps: int, whole: float, peak: dict[str, float]) -> str:
    seconds = max(row["seconds"], 1e-9)
    flops = f"{row['gflop'] / seconds / peak['gflop_s']:.0%}" if row["gflop"] else "-"
    moved = f"{row['gb'] / seconds / peak['gb_s']:.0%}" if row["gb"] else "-"
    share = seconds / whole
    return f"| {row['name']} | {1e3 * seconds / steps:.1f} | {share:.0%} | {flops} | {moved} |"

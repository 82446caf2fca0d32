"""Where a training step's time goes, and how far it is from what the machine can do.

    python benchmarks/profile_step.py --data $GRAPHREC_DATA

Measures the machine (triad as in STREAM: bytes a second; products of float32 matrices:
operations a second; the best of many short tries, on one core and on all), then some steps
of the graph model on Gowalla and of the sequence model on ML-1M, as ``graphrec evaluate``
trains them, on one core: the operators of ``torch.profiler`` by their own time, and beside
them the operations and bytes that follow from their shapes (each operand read once, the
result written once: what caches save or lose is not in it, and above 100 % the caches served).
What is no operator of torch stands in two rows. A step is timed without the profiler.

An operator's seconds are those of the wall times the share of the processor that the process
had meanwhile, so that a busy machine counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import torch
from made import write_json
from profile_costs import Row, costs_of, sparse_shapes
from torch.profiler import ProfilerActivity, profile

from graphrec.evaluate.files import Format, read_interactions
from graphrec.evaluate.protocols import split
from graphrec.features.signals import NO_SIGNALS
from graphrec.models.fitting import create_run, default_config

RESULT: Final = Path(__file__).resolve().parent / "results" / "profile.json"
MODELS: Final[dict[str, tuple[str, Format, int]]] = {
    "graph": ("gowalla", "split", 2),
    "sequence": ("ml-1m/ml-1m.txt", "pairs", 20),
}
"""Model -> data, its form, steps that are profiled."""
_SHOWN = 10
_TRIES = 40


def main() -> None:
    """Measure, print, write."""
    options = _options()
    found: dict[str, Any] = {"load": round(os.getloadavg()[0], 2), "machine": {}, "models": {}}
    for cores in sorted({1, os.cpu_count() or 1}):
        found["machine"][f"cores-{cores}"] = peaks(cores)
    torch.set_num_threads(1)
    for model in options.models.split(","):
        path, form, steps = MODELS[model]
        found["models"][model] = profile_model(model, options.data / path, form, steps)
        print(table(model, found), flush=True)
    write_json(options.output, found)


def peaks(cores: int) -> dict[str, float]:
    """The machine's best with so many cores: ``gb_s`` and ``gflop_s``."""
    torch.set_num_threads(cores)
    a, b, c = (torch.rand(16 * 1024**2) for _ in range(3))  # 64 MB each, beyond any cache
    x, y, z = (torch.rand(1024, 1024) for _ in range(3))
    triad = best_s(lambda: torch.add(b, c, alpha=3.0, out=a))
    product = best_s(lambda: torch.mm(x, y, out=z))
    return {
        "gb_s": round(3 * a.numel() * 4 / triad / 1e9, 2),
        "gflop_s": round(2 * 1024**3 / product / 1e9, 2),
    }


def best_s(run: Callable[[], object]) -> float:
    """Seconds of the quickest of many tries."""
    seconds = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def profile_model(model: str, data: Path, form: Format, steps: int) -> dict[str, Any]:
    """Profile some steps of one core, after as many that warm up."""
    read = read_interactions(data, form)
    protocol = "split-full" if read.test is not None else "loo-full"
    task = split(read.dataset, read.test, protocol, 0, NO_SIGNALS)
    validation = task.validation.inputs, task.validation.targets
    config = default_config(model, task.train)
    run: Any = create_run(model, task.train, validation, config)
    if model == "sequence":
        run.net.train()
    key: Any = 0 if model == "graph" else (0, 0)
    batches = run._sampler.epoch(key)
    timed_steps(run, batches, max(1, steps // 4))
    draw_s, step_s, _ = timed_steps(run, batches, steps)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
        *_, share = timed_steps(run, batches, steps)
    events = profiled.key_averages(group_by_input_shape=True)
    rows = costs_of(events, sparse_shapes(run.net), share)
    rows.append(Row("drawing the batches (NumPy)", steps, draw_s))
    rest = draw_s + step_s - sum(row.seconds for row in rows)
    rows.append(Row("the rest (Python, SciPy's products)", steps, max(0.0, rest)))
    whole = (draw_s + step_s) / steps
    return {
        "data": data.name,
        "config": config.model_dump(),
        "steps": steps,
        "step_s": round(whole, 4),
        "epoch_s": round(whole * epoch_steps(run), 1),
        "rows": [row.told() for row in sorted(rows, key=lambda row: -row.seconds)],
    }


def epoch_steps(run: Any) -> int:
    """Steps of an epoch of either model's run."""
    sampler, config = run._sampler, run.config
    if config.model_dump().get("is_set"):
        return -(-len(sampler._rows) // config.batch_size)
    if hasattr(sampler, "steps"):
        return int(sampler.steps())
    return -(-min(len(sampler._positions), config.epoch_size) // config.batch_size)


def timed_steps(run: Any, batches: Iterator[Any], steps: int) -> tuple[float, float, float]:
    """Seconds of the processor for drawing and for training, and its share of the wall's."""
    draw_s, begun = 0.0, (time.process_time(), time.perf_counter())
    for _ in range(steps):
        before = time.process_time()
        batch = next(batches)
        draw_s += time.process_time() - before
        run._step(batch)
    cpu, wall = time.process_time() - begun[0], time.perf_counter() - begun[1]
    return draw_s, cpu - draw_s, min(1.0, cpu / wall)


def table(model: str, found: dict[str, Any]) -> str:
    """The operators that take longest, beside the peak of one core."""
    told, peak = found["models"][model], found["machine"]["cores-1"]
    lines = [
        f"one core: {peak['gb_s']} GB/s, {peak['gflop_s']} GFLOP/s; all: "
        + json.dumps(list(found["machine"].values())[-1]),
        f"{model}, {told['data']}: {told['step_s']} s a step, {told['epoch_s']} s an epoch",
        f"{'operator':44} {'calls':>6} {'ms/step':>8} {'share':>6} {'of FLOP/s':>9} {'of GB/s':>8}",
    ]
    whole = told["step_s"] * told["steps"]
    shown = told["rows"][:_SHOWN]
    total = {
        key: sum(row[key] for row in told["rows"]) for key in ("calls", "seconds", "gflop", "gb")
    }
    for row in [*shown, {"name": "all", **total}]:
        seconds = max(row["seconds"], 1e-9)
        flops, moved = row["gflop"] / seconds / peak["gflop_s"], row["gb"] / seconds / peak["gb_s"]
        lines.append(
            f"{row['name'][:44]:44} {row['calls'] / told['steps']:6.0f} "
            f"{1e3 * seconds / told['steps']:8.2f} {seconds / whole:6.1%} {flops:9.1%} {moved:8.1%}"
        )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found = os.environ.get("GRAPHREC_DATA")
    parser.add_argument("--data", type=Path, default=Path(found) if found else None)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data: the folder of data sets, or GRAPHREC_DATA")
    return options


if __name__ == "__main__":
    main()

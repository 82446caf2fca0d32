"""What Ray costs, and what a second worker brings: the same training bare, on one and on two.

    python benchmarks/ray_scaling.py --data $GRAPHREC_DATA          10 minutes a part, both models
    python benchmarks/ray_scaling.py --quick --output FILE          a minute: does it work?

Parts: ``bare`` (the loop in one process on one core), ``ray-1`` (Ray and one worker, all on
that one core) and ``ray-2`` (Ray and two workers on two cores). Data, config and number of
epochs are the same, early stopping is off, and the first epochs of ``bare`` say how many
epochs fill the minutes. Each part is a process of its own; its seconds are from its start to
its end, with all that Ray starts and stops. CPU seconds are those of all its processes.

What is measured is written at once: called again, the command goes on with what is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from ray_scaling_part import CONFIG_NAME, cpu_seconds, prepare

ROOT: Final = Path(__file__).resolve().parent.parent
PART: Final = Path(__file__).with_name("ray_scaling_part.py")
RESULT: Final = ROOT / "benchmarks" / "results" / "ray_scaling.json"
PARTS: Final = {"bare": 1, "ray-1": 1, "ray-2": 2}
"""Part -> cores it may use."""
LIMITS: Final = {"overhead": 0.10, "speedup": 1.5}


def main() -> None:
    """Measure what is missing, and print the table."""
    options = _options()
    state = _read(options.output, _conditions(options))
    try:
        for model in options.models.split(","):
            measure_model(model, state, options)
    except KeyboardInterrupt:
        sys.exit("interrupted: the same command goes on with what is missing")
    print(table(state))


def measure_model(model: str, state: dict[str, Any], options: argparse.Namespace) -> None:
    """Plan the number of epochs, then run the parts that have no figures yet."""
    found = state["models"].setdefault(model, {"parts": {}})
    with tempfile.TemporaryDirectory(prefix="graphrec-scaling-") as work:
        folder = Path(work)
        told = prepare(folder, model, None if options.quick else options.data)
        found.setdefault("data", told)
        if "epochs" not in found:
            found["epochs"] = 3 if options.quick else _plan(folder, model, options)
            _write(options.output, state)
        for part in PARTS:
            if part in found["parts"]:
                continue
            print(f"{model}: {part}, {found['epochs']} epochs", flush=True)
            found["parts"][part] = run_part(folder, model, part, found["epochs"])
            _write(options.output, summarise(state))


def _plan(folder: Path, model: str, options: argparse.Namespace) -> int:
    """Epochs that take the wanted minutes: two are timed, of which the first is a warm-up."""
    print(f"{model}: timing an epoch", flush=True)
    one, three = (run_part(folder, model, "bare", n)["wall_s"] for n in (1, 3))
    return max(2, round(options.minutes * 60 / max((three - one) / 2, 0.01)))


def run_part(folder: Path, model: str, part: str, epochs: int) -> dict[str, Any]:
    """One training in a process of its own, on as many cores as the part may use."""
    config = json.loads((folder / CONFIG_NAME).read_text())
    config |= {"max_epochs": epochs, "patience": epochs}
    (folder / CONFIG_NAME).write_text(json.dumps(config))
    cores = sorted(os.sched_getaffinity(0))[: PARTS[part]]
    if len(cores) < PARTS[part]:
        sys.exit(f"{part} needs {PARTS[part]} cores, and {len(cores)} can be used here")
    workers = "0" if part == "bare" else part.rpartition("-")[2]
    command = [sys.executable, str(PART), str(folder), model, workers]
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    load_before = os.getloadavg()[0]
    started = time.perf_counter()
    with subprocess.Popen(
        ["taskset", "--cpu-list", ",".join(map(str, cores)), *command],
        env=os.environ | threads | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        cpu = cpu_seconds(process)
        printed = process.communicate()[0]
    wall = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"{model}, {part}: failed with exit code {process.returncode}")
    (line,) = (line for line in printed.splitlines() if line.startswith("{"))
    said: dict[str, Any] = json.loads(line)
    return said | {
        "cores": len(cores),
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "load_before": round(load_before, 2),
    }


def summarise(state: dict[str, Any]) -> dict[str, Any]:
    """Ratios of what is there: overhead of Ray, and speed of two workers over one."""
    for found in state["models"].values():
        walls = {part: row["wall_s"] for part, row in found["parts"].items()}
        if {"bare", "ray-1"} <= walls.keys():
            found["overhead"] = round(walls["ray-1"] / walls["bare"] - 1, 4)
        if {"ray-1", "ray-2"} <= walls.keys():
            found["speedup"] = round(walls["ray-1"] / walls["ray-2"], 3)
    return state


def table(state: dict[str, Any]) -> str:
    """The figures as text."""
    form = "{:10} {:7} {:>6} {:>7} {:>10} {:>10} {:>10}"
    lines = [form.format("model", "part", "cores", "epochs", "wall s", "CPU s", "ndcg@10")]
    for model, found in state["models"].items():
        for part, row in found["parts"].items():
            figures = (row["cores"], row["epochs"], row["wall_s"], row["cpu_s"])
            lines.append(form.format(model, part, *figures, f"{row['ndcg@10']:.4f}"))
        if "overhead" in found:
            lines.append(f"{model}: Ray costs {found['overhead']:+.1%} (limit 10 %)")
        if "speedup" in found:
            lines.append(f"{model}: two workers are {found['speedup']:.2f} times one (least 1.5)")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("GRAPHREC_DATA"))
    parser.add_argument("--models", default="graph,sequence", help="of graph and sequence")
    parser.add_argument("--minutes", type=float, default=10.0, help="that the bare loop takes")
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--quick", action="store_true", help="made-up data, three epochs")
    options = parser.parse_args()
    if options.quick and options.output == RESULT:
        parser.error("--quick measures nothing worth keeping: name another --output")
    if not options.quick and options.data is None:
        parser.error("--data: the folder of data sets, or GRAPHREC_DATA")
    return options


def _conditions(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "is_quick": options.quick,
        "minutes": options.minutes,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
    }


def _read(path: Path, conditions: dict[str, Any]) -> dict[str, Any]:
    """What an earlier call measured under the same conditions, or nothing yet."""
    if path.is_file():
        state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if {key: state.get(key) for key in conditions} == conditions:
            return state
        sys.exit(f"{path} was measured under other conditions: delete it, or name another --output")
    return conditions | {"limits": LIMITS, "models": {}}


def _write(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    main()

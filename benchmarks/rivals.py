"""Side by side with RecBole and RecTools: the time to the same quality.

    python benchmarks/rivals.py --data $GRAPHREC_DATA                  25 minutes a pair
    python benchmarks/rivals.py --data $GRAPHREC_DATA --pairs rectools-sasrec --minutes 12

A pair is a rival's model and ours, on the same data:

- ``recbole-lightgcn``: RecBole's LightGCN and our graph model, Gowalla;
- ``recbole-sasrec`` and ``rectools-sasrec``: their SASRec and our sequence model, ML-1M.

Protocol. Every contestant trains with its own defaults (ours: those that ``graphrec
evaluate`` takes for the data) on the same training pairs, as ``graphrec evaluate`` cuts them;
the test items are left out. Each has one thread, pinned to one core, and the same minutes of
it; the two of a pair run at the same time on different cores where there are two, else one
after the other. Seconds are the processor's, so that a busy machine takes nothing from a
contestant's budget; those of the wall stand beside them. Every so many seconds of training
a contestant exports vectors of the validation learners (at most 10,000, drawn at random) and
of the items; exporting is not counted. One evaluator, ours, ranks all items that anyone
trained on by their inner products, the learner's own excluded. Imports and the reading of
data are not counted, nor is what a rival prepares (it is reported); our first vectors, an
SVD, are. The result of a pair is the rival's best validation NDCG, the seconds after which
it was first within half a per cent of that, the seconds after which ours first was as good
as the rival's best, and their ratio.

The rivals live in environments of their own (``rivals_environments.py``), made on the first
call. A pair that was measured under the same conditions is not measured again.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from made import read_json, write_json
from rivals_environments import PINNED, python_of
from rivals_measure import curve_of, verdict
from rivals_pairs import PAIRS, Pair, write_task

HERE: Final = Path(__file__).resolve().parent
RESULT: Final = HERE / "results" / "rivals.json"
ENVIRONMENTS: Final = HERE.parent / ".local" / "rivals"


def main() -> None:
    """Measure the pairs that are missing, and print the table."""
    options = _options()
    state = read_json(options.output) or {"pairs": {}}
    for name in options.pairs.split(","):
        found = state["pairs"].get(name, {})
        if (found.get("minutes"), found.get("seed")) == (options.minutes, options.seed):
            continue
        state["pairs"][name] = race(PAIRS[name], options)
        write_json(options.output, {"machine": _machine(), "pairs": state["pairs"]})
    print(table(state["pairs"]))


def race(pair: Pair, options: argparse.Namespace) -> dict[str, Any]:
    """Run both contestants and measure what they exported."""
    python = python_of(pair.rival, options.environments)
    with tempfile.TemporaryDirectory(prefix="graphrec-rivals-", dir=options.work) as work:
        folder = Path(work)
        task = folder / "task.npz"
        about = write_task(pair, options.data / pair.data, task, options.seed)
        times = (60 * options.minutes, options.every, options.seed)
        commands = {
            "rival": [python, HERE / f"rivals_{pair.rival}.py", pair.model],
            "ours": [Path(sys.executable), HERE / "rivals_ours.py", pair.ours],
        }
        loads = [os.getloadavg()[0]]
        is_together = _run(commands, folder, (task, times))
        loads.append(os.getloadavg()[0])
        sides = {}
        for side in commands:
            curve = curve_of(folder / side, task, pair.k)
            sides[side] = read_json(folder / side / "about.json") | {"curve": curve}
    found = verdict(sides["rival"]["curve"], sides["ours"]["curve"], f"ndcg@{pair.k}")
    print(table({f"{pair.rival} {pair.model}": found}), flush=True)
    return {
        "rival": f"{pair.rival} {pair.model}",
        **about,
        "minutes": options.minutes,
        "seed": options.seed,
        "pinned": list(PINNED[pair.rival]),
        "is_together": is_together,
        "load_before_and_after": [round(load, 2) for load in loads],
        "target_ratio": pair.at_least,
        "verdict": found,
        "sides": sides,
    }


def _run(
    commands: dict[str, list[Any]], folder: Path, told: tuple[Path, tuple[float, ...]]
) -> bool:
    """Run the contestants, each on a core of its own; whether that was at the same time."""
    cores = sorted(os.sched_getaffinity(0))
    is_together = len(cores) >= len(commands)
    children: dict[str, subprocess.Popen[bytes]] = {}
    task, times = told
    try:
        for number, (side, command) in enumerate(commands.items()):
            (folder / side).mkdir()
            core = str(cores[number % len(cores)])
            words = [*command, task, folder / side, *times]
            children[side] = subprocess.Popen(
                ["taskset", "--cpu-list", core, *map(str, words)],
                env=os.environ | _ONE_THREAD | {"PYTHONPATH": str(HERE.parent)},
            )
            if not is_together:
                children[side].wait()
        for side, child in children.items():
            if child.wait():
                sys.exit(f"{side} failed with exit code {child.returncode}")
    finally:
        for child in children.values():
            child.kill()
    return is_together


_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}


def table(pairs: dict[str, dict[str, Any]]) -> str:
    """The verdicts as text."""
    form = "{:18} {:>8} {:>9} {:>8} {:>7} {:>10}"
    lines = [form.format("against", "quality", "theirs s", "ours s", "ratio", "ours best")]
    for name, found in pairs.items():
        row = found.get("verdict", found)
        figures = [row[key] for key in ("quality", "rival_s", "ours_s", "ratio", "ours_best")]
        lines.append(form.format(name, *map(str, figures)))
    return "\n".join(lines)


def _machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    found = os.environ.get("GRAPHREC_DATA")
    parser.add_argument("--data", type=Path, default=Path(found) if found else None)
    parser.add_argument("--pairs", default=",".join(PAIRS), help="of " + ", ".join(PAIRS))
    parser.add_argument(
        "--minutes", type=float, default=25.0, help="of training each, the processor's"
    )
    parser.add_argument("--every", type=float, default=60.0, help="seconds between laps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--work", type=Path, default=None, help="folder for exported vectors")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data: the folder of data sets, or GRAPHREC_DATA")
    if unknown := set(options.pairs.split(",")) - set(PAIRS):
        parser.error(f"--pairs: {sorted(unknown)}; there are {', '.join(PAIRS)}")
    for name in ("environments", "output", "data"):
        setattr(options, name, getattr(options, name).resolve())
    return options


if __name__ == "__main__":
    main()

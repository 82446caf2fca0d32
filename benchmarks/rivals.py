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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from made import read_json, write_json
from rivals_environments import PINNED, python_of
from rivals_measure import curve_of, verdict

from graphrec.evaluate.files import Format, read_interactions
from graphrec.evaluate.protocols import split
from graphrec.features.signals import NO_SIGNALS
from graphrec.models.ranking import sample_learners

HERE: Final = Path(__file__).resolve().parent
RESULT: Final = HERE / "results" / "rivals.json"
ENVIRONMENTS: Final = HERE.parent / ".local" / "rivals"
_MAX_ASKED = 10_000


@dataclass(frozen=True)
class Pair:
    """A rival's model and ours.

    Attributes:
        rival: Key of ``PINNED``; its driver is ``rivals_<rival>.py``.
        model: The rival's.
        ours: Our model.
        data: Below the folder of real data.
        form: Of the file.
        k: Where lists are cut.
        at_least: Times sooner that ours is to be.
    """

    rival: str
    model: str
    ours: str
    data: str
    form: Format
    k: int
    at_least: float


PAIRS: Final = {
    "recbole-lightgcn": Pair("recbole", "LightGCN", "graph", "gowalla", "split", 20, 5.0),
    "recbole-sasrec": Pair("recbole", "SASRec", "sequence", "ml-1m/ml-1m.txt", "pairs", 10, 2.0),
    "rectools-sasrec": Pair("rectools", "SASRec", "sequence", "ml-1m/ml-1m.txt", "pairs", 10, 2.0),
}


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


def write_task(pair: Pair, data: Path, path: Path, seed: int) -> dict[str, Any]:
    """Cut the data as ``graphrec evaluate`` does, and write what contestants may see."""
    read = read_interactions(data, pair.form)
    protocol = "split-full" if read.test is not None else "loo-full"
    cut = split(read.dataset, read.test, protocol, 0, NO_SIGNALS)
    validation = cut.validation
    rows = np.arange(len(validation.targets))
    numbers = sample_learners(validation.inputs, rows, _MAX_ASKED, seed)[1]
    asked = validation.inputs.take(numbers)
    train = cut.train.histories
    np.savez(
        path,
        indptr=train.indptr,
        items=train.items.astype(np.int64),
        num_items=cut.train.num_items,
        is_ordered=bool(train.ordered.all()),
        asked=_learners_of(train.lengths, validation.inputs.lengths)[numbers],
        input_indptr=asked.indptr,
        input_items=asked.items.astype(np.int64),
        targets=validation.targets[numbers].astype(np.int64),
    )
    return {
        "data": pair.data,
        "protocol": f"validation of {protocol}",
        "learners": len(train),
        "items": cut.train.num_items,
        "pairs": len(train.items),
        "asked": len(numbers),
    }


def _learners_of(train: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Row in the training of each validation learner: all who have two items or more."""
    rows = np.flatnonzero(train >= 1)
    if len(rows) != len(asked) or (train[rows] != asked).any():
        sys.exit("the validation learners are not those of the training")
    return rows


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

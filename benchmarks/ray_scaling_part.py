"""One part of ``ray_scaling.py``: a training, bare or on Ray, in a process that is timed.

    python benchmarks/ray_scaling_part.py FOLDER MODEL WORKERS      WORKERS 0: without Ray

FOLDER is what ``prepare`` wrote. Prints one JSON line: epochs, the seconds of the loop alone,
and the validation metric, by which the parts can be seen to have done the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.files import Format, read_interactions
from graphrec.ids import IdMap
from graphrec.models.dataset_io import load_dataset, load_validation, save_dataset
from graphrec.models.fitting import config_type, default_config, fit_neural, hold_out_newest

CONFIG_NAME: Final = "config.json"
_DATA: Final[dict[str, tuple[str, Format]]] = {
    "graph": ("gowalla", "split"),
    "sequence": ("ml-1m/ml-1m.txt", "pairs"),
}
_POLL_S: Final = 1.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def prepare(folder: Path, model: str, data: Path | None) -> str:
    """Write the dataset and the default config of a model; says which data it is."""
    told, dataset = "made up", _walks()
    if data is not None:
        told, form = _DATA[model]
        dataset = read_interactions(data / told, form).dataset
    train, validation = hold_out_newest(dataset)
    save_dataset(folder / "dataset", train, validation)
    config = default_config(model, train).model_dump(mode="json")
    (folder / CONFIG_NAME).write_text(json.dumps(config))
    return f"{told}: {len(dataset.learners):,} learners, {len(dataset.histories.items):,} entries"


def main(folder: Path, model: str, workers: int) -> None:
    """Train, and say how it went."""
    config = config_type(model)(**json.loads((folder / CONFIG_NAME).read_text()))
    ends: list[float] = []

    def progress(_: str, __: int, ___: int, ____: Mapping[str, float]) -> None:
        ends.append(time.perf_counter())

    started = time.perf_counter()
    if workers == 0:
        data = folder / "dataset"
        outcome = fit_neural(
            model,
            load_dataset(data),
            load_validation(data),
            config,
            progress=progress,
            run_dir=folder / "bare" / str(os.getpid()),
        )
    else:
        from training.trainer import train_on_ray

        outcome = train_on_ray(
            model,
            folder / "dataset",
            config,
            num_workers=workers,
            run_dir=folder / "runs" / f"{model}-{workers}",
            progress=progress,
        )
    row = {
        "epochs": outcome.state.epoch,
        "ndcg@10": outcome.state.best_metric,
        "first_epoch_s": round(ends[0] - started, 2),
        "other_epochs_s": round(ends[-1] - ends[0], 2),
    }
    print(json.dumps(row))


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    """User and system seconds of a process and all its descendants, until it ends.

    Sampled, for what Ray starts is reaped by Ray: a process that ends between two looks is
    counted up to the first.
    """
    seen: dict[tuple[int, str], float] = {}
    while process.poll() is None:
        seen |= dict(_family(process.pid))
        time.sleep(_POLL_S)
    return sum(seen.values())


def _family(parent: int) -> list[tuple[tuple[int, str], float]]:
    """((process, its start), seconds) of a process and of what descends from it."""
    rows: dict[int, tuple[int, str, float]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        seconds = (int(fields[11]) + int(fields[12])) / _TICKS
        rows[int(stat.parent.name)] = (int(fields[1]), fields[19], seconds)
    family, is_growing = {parent}, True
    while is_growing:
        more = {pid for pid, row in rows.items() if row[0] in family} - family
        family, is_growing = family | more, bool(more)
    return [((pid, rows[pid][1]), rows[pid][2]) for pid in family if pid in rows]


def _walks(num_learners: int = 400, num_items: int = 50) -> Dataset:
    """Walks along a ring, with steps at random."""
    rng = np.random.default_rng(0)
    steps = np.cumsum(rng.integers(1, 3, (num_learners, 8)), axis=1)
    rows = (rng.integers(num_items, size=(num_learners, 1)) + steps) % num_items
    learners, items = (IdMap(map(str, range(n))) for n in (num_learners, num_items))
    return Dataset(learners, items, Histories.from_lists([*rows]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

"""A process that trains on a Ray of its own, so that tests can kill it or its workers.

``python ray_driver.py FOLDER TRAININGS [ADDRESS]`` prints one JSON line for each epoch and one
for each outcome. TRAININGS are one or several ``NAME:NUM_WORKERS:EVENT`` with commas, run one
after the other on one Ray, or on that of ADDRESS. EVENT is ``none``, ``kill`` (SIGKILL a worker
at epoch 3) or ``interrupt`` (SIGINT at epoch 3 to the process group, as a terminal's Ctrl-C does).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap
from graphrec.models.dataset_io import save_dataset
from graphrec.models.fitting import config_type, hold_out_newest
from training.checkpoints import run_name
from training.cluster import ray_cluster
from training.trainer import train_on_ray

AT_EPOCH = 3
PACE = {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.7"}
"""Seconds an epoch takes at least: what is to happen at one of them happens before the last."""

DRIVER = Path(__file__)
RANK_DRIVER = DRIVER.with_name("rank_driver.py")
CONFIGS = {
    "graph": {"embedding_dim": 16, "batch_size": 256},
    "sequence": {"embedding_dim": 16, "num_blocks": 1, "max_len": 16, "learning_rate": 0.01},
}


def noisy_walks(num_learners: int = 600, num_items: int = 60) -> Dataset:
    """Three steps of four go to the next course on a ring, the others anywhere."""
    rng = np.random.default_rng(0)
    rows = []
    for start in rng.integers(0, num_items, num_learners):
        steps = np.where(rng.random(9) < 0.75, 1, rng.integers(0, num_items, 9))
        rows.append(list(dict.fromkeys(((start + np.cumsum(steps)) % num_items).tolist())))
    learners, items = (IdMap(map(str, range(n))) for n in (num_learners, num_items))
    return Dataset(learners, items, Histories.from_lists(rows))


def write_walks(folder: Path, num_epochs: int) -> None:
    """Dataset and configs, where the drivers look for them."""
    save_dataset(folder / "dataset", *hold_out_newest(noisy_walks()))
    for name, config in CONFIGS.items():
        every_epoch = config | {"max_epochs": num_epochs, "patience": num_epochs}
        (folder / f"{name}.json").write_text(json.dumps(every_epoch))


def outcome_folder(folder: Path, name: str, num_workers: int, event: str = "none") -> Path:
    """What a training on Ray left."""
    config = config_type(name)(**json.loads((folder / f"{name}.json").read_text()))
    key = run_name(name, config, folder / "dataset", num_workers)
    return run_folder(folder, name, num_workers, event) / "result" / key


def run_folder(folder: Path, name: str, num_workers: int, event: str) -> Path:
    """Where a driver's training keeps its checkpoints."""
    return folder / f"{name}-{num_workers}-{event if event == 'kill' else 'plain'}"


def descendants(parent: int) -> Iterator[tuple[int, str]]:
    """Process id and command line of all that descends from ``parent``."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    waiting = [*children.get(parent, [])]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        with suppress(OSError):  # it may have ended meanwhile
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            yield pid, command


def kill_one_worker() -> None:
    """SIGKILL one training worker of this process."""
    workers = [pid for pid, command in descendants(os.getpid()) if "RayTrainWorker" in command]
    say(killed=min(workers), of=len(workers))
    os.kill(min(workers), signal.SIGKILL)


def say(**what: object) -> None:
    """Print one JSON line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def train(folder: Path, name: str, num_workers: int, event: str, address: str | None) -> None:
    """Train and report; see the module."""
    is_done = False

    def progress(_: str, epoch: int, most: int, metrics: Mapping[str, float]) -> None:
        nonlocal is_done
        say(epoch=epoch, most=most, pid=os.getpid(), **metrics)
        if epoch >= AT_EPOCH and not is_done:
            is_done = True
            if event == "kill":
                kill_one_worker()
            if event == "interrupt":
                os.killpg(os.getpgrp(), signal.SIGINT)

    config = config_type(name)(**json.loads((folder / f"{name}.json").read_text()))
    outcome = train_on_ray(
        name,
        folder / "dataset",
        config,
        num_workers=num_workers,
        run_dir=run_folder(folder, name, num_workers, event),
        ray_address=address,
        progress=progress,
    )
    epochs = [int(row["epoch"]) for row in outcome.state.history]
    say(
        epochs=epochs, best=outcome.state.best_metric, model=outcome.model.name, workers=num_workers
    )


def main(folder: Path, trainings: str, address: str | None = None) -> None:
    """One training after the other, on one Ray."""
    wanted = [training.split(":") for training in trainings.split(",")]
    most = max(int(num_workers) for _, num_workers, _ in wanted)
    try:
        with ray_cluster(most, address, folder) as ray:
            say(node=ray.get_runtime_context().get_node_id())
            for name, num_workers, event in wanted:
                say(training=f"{name}:{num_workers}:{event}")
                train(folder, name, int(num_workers), event, address)
    except KeyboardInterrupt:
        say(interrupted=True)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

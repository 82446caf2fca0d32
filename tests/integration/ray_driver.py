"""A process that trains on a Ray of its own, so that tests can kill it or its workers.

``python ray_driver.py FOLDER NAME NUM_WORKERS EVENT`` prints one JSON line for each epoch
and one for the outcome. EVENT is ``none``, ``kill`` (SIGKILL a worker at epoch 3) or
``interrupt`` (SIGINT at epoch 3 to the process group, as a terminal's Ctrl-C does).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from graphrec.models.fitting import config_type
from training.trainer import train_on_ray

AT_EPOCH = 3


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


def main(folder: Path, name: str, num_workers: int, event: str) -> None:
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
    run_dir = folder / f"{name}-{num_workers}-{event if event == 'kill' else 'plain'}"
    try:
        outcome = train_on_ray(
            name,
            folder / "dataset",
            config,
            num_workers=num_workers,
            run_dir=run_dir,
            progress=progress,
        )
    except KeyboardInterrupt:
        say(interrupted=True)
        raise SystemExit(130) from None
    epochs = [int(row["epoch"]) for row in outcome.state.history]
    say(epochs=epochs, best=outcome.state.best_metric, model=outcome.model.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4])

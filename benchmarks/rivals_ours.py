"""Our side of ``rivals.py``: a model as ``graphrec evaluate`` trains it, in the bare loop.

    python rivals_ours.py graph|sequence TASK.npz FOLDER SECONDS EVERY SEED

The config is the default for the data. What the first vectors cost (an SVD) counts as
training; what its first use imports does not. Training ends with the config's last epoch.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rivals_clock import BudgetSpentError, Stopwatch

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap
from graphrec.models.base import EmbeddingModel
from graphrec.models.fitting import config_type, create_run, default_config
from graphrec.version import __version__

torch.set_num_threads(1)


def read_task(path: Path) -> tuple[Dataset, tuple[Histories, np.ndarray]]:
    """The training pairs as a data set, and whom to ask."""
    task = np.load(path)
    num_learners = len(task["indptr"]) - 1
    ordered = np.full(num_learners, bool(task["is_ordered"]))
    histories = Histories(task["indptr"], task["items"].astype(np.int32), None, ordered)
    learners, items = (IdMap(map(str, range(n))) for n in (num_learners, int(task["num_items"])))
    asked = np.full(len(task["targets"]), bool(task["is_ordered"]))
    inputs = Histories(task["input_indptr"], task["input_items"].astype(np.int32), None, asked)
    return Dataset(learners, items, histories), (inputs, task["targets"])


def main() -> None:
    """Train until the seconds are spent or the config's last epoch."""
    name, path, folder, seconds, every, seed = sys.argv[1:]
    watch = Stopwatch(Path(folder).resolve(), float(seconds), float(every))
    begun = time.process_time()
    dataset, validation = read_task(Path(path))
    default = default_config(name, dataset)
    config = config_type(name)(**default.model_dump() | {"seed": int(seed)})
    # What a first use imports is not training; no rival's imports are counted either.
    create_run(name, *_tiny(), config_type(name)())
    spent_s = time.process_time()
    watch.start()
    run: Any = create_run(name, dataset, validation, config)
    initial_s = time.process_time() - spent_s
    max_epochs = config.model_dump()["max_epochs"]
    steps = run._sampler.steps() if hasattr(run._sampler, "steps") else None
    watch.say(
        version=__version__,
        torch=torch.__version__,
        preparation_s=round(spent_s - begun, 1),
        initial_vectors_s=round(initial_s, 1),
        steps_per_epoch=steps,
        config=config.model_dump(),
    )

    def vectors() -> tuple[np.ndarray, np.ndarray]:
        model = run.export()
        assert isinstance(model, EmbeddingModel)  # noqa: S101 - both are
        return model.encode(validation[0]), model.item_vectors()

    step = run._step

    def timed(batch: object) -> Any:
        loss = step(batch)
        watch.step(vectors)
        return loss

    run._step = timed
    with suppress(BudgetSpentError):
        for _ in range(max_epochs):
            run.train_epoch()
        watch.lap(vectors)


def _tiny() -> tuple[Dataset, tuple[Histories, np.ndarray]]:
    histories = Histories.from_lists([[0, 1, 2], [2, 1], [0, 2]])
    learners, items = IdMap("abc"), IdMap("xyz")
    return Dataset(learners, items, histories), (Histories.from_lists([[0]]), np.ones(1, int))


if __name__ == "__main__":
    main()

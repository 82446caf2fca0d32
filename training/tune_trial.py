"""What each trial of a search does, in a Ray worker: train one configuration, tell each epoch.

A trial keeps its own state in files, in a folder named by its configuration::

    trials/<digest of the config>/   state.json and safetensors, see graphrec.models.training

so that a search that was interrupted is simply searched again: trials tell the epochs they
have behind them at once, the scheduler decides as it did, and what is left is trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from graphrec.models.dataset_io import load_dataset, load_validation
from graphrec.models.fitting import config_type, create_run, epochs
from graphrec.models.search_space import Scalar, rounded
from graphrec.models.training import (
    TrainingState,
    has_checkpoint,
    run_training,
    save_checkpoint,
)

METRIC = "ndcg@10"
BEST = "best"
"""The greatest ``ndcg@10`` of any epoch so far: what the trained model would have."""

EPOCH = "epoch"


@dataclass(frozen=True)
class TrialTask:
    """What all trials of a search share.

    Attributes:
        name: "graph" or "sequence".
        home: Folder of the search: ``dataset`` and ``trials``.
        default: The config that fields are changed of, as JSON.
    """

    name: str
    home: str
    default: str

    def config(self, point: Mapping[str, Scalar]) -> BaseModel:
        """The default with a sampled point's fields in it."""
        default = config_type(self.name).model_validate_json(self.default)
        changed = default.model_dump() | rounded(point, default)
        return type(default).model_validate(changed)

    def folder(self, config: BaseModel) -> Path:
        """Where the trial of a config keeps its state."""
        digest = sha256(config.model_dump_json().encode()).hexdigest()[:16]
        return Path(self.home, "trials", digest)


def run_trial(point: dict[str, Scalar], task: TrialTask) -> None:
    """Train one configuration, reporting every validated epoch to Ray Tune.

    Args:
        point: Sampled values of the fields in the space.
        task: What trials share.
    """
    from ray import tune

    config = task.config(point)
    folder = task.folder(config)
    state = read_state(folder)
    for number, row in enumerate(state.history):
        tune.report(_told(row, state.history[: number + 1], is_old=True))
    if not state.is_finished:
        _train(task, config, folder, len(state.history))


def _train(task: TrialTask, config: BaseModel, folder: Path, num_told: int) -> None:
    """Train to the end, or until the scheduler ends this worker's thread."""
    import torch
    from ray import tune

    torch.set_num_threads(1)
    dataset = Path(task.home, "dataset")
    run = create_run(task.name, load_dataset(dataset), load_validation(dataset), config)

    def checkpoint(best: dict[str, Any], state: TrainingState) -> None:
        save_checkpoint(folder, run, best, state)
        # Where the weights were cleared away, epochs that were told are trained again unsaid.
        if len(state.history) > num_told:
            tune.report(_told(state.history[-1], state.history, is_old=False))

    run_training(
        run,
        **epochs(config),
        checkpoint=checkpoint,
        resume_from=folder if (folder / "run.safetensors").is_file() else None,
    )


def _told(
    row: Mapping[str, float], history: list[dict[str, float]], *, is_old: bool
) -> dict[str, Any]:
    best = max(history, key=lambda one: one[METRIC])
    told = {**row, BEST: best[METRIC], "best_epoch": int(best[EPOCH]), "is_old": is_old}
    return {**told, EPOCH: int(row[EPOCH])}


def read_state(folder: Path) -> TrainingState:
    """How far the trial of a folder came; nowhere where there is none."""
    if not has_checkpoint(folder):
        return TrainingState()
    return TrainingState(**json.loads((folder / "state.json").read_text()))


def clear(home: Path) -> None:
    """Drop what only a search under way needs, data and weights; how each trial went stays."""
    shutil.rmtree(home / "dataset", ignore_errors=True)
    for path in home.glob("trials/*/*.safetensors"):
        path.unlink(missing_ok=True)


def trainable(task: TrialTask) -> Any:
    """``run_trial`` as Ray Tune takes it: one CPU a trial."""
    from ray import tune

    return tune.with_resources(partial(run_trial, task=task), {"cpu": 1})

"""What each Ray Train worker does: build the run from files, train, report checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from graphrec.models.dataset_io import load_dataset, load_validation
from graphrec.models.fitting import config_type, create_run, epochs
from graphrec.models.training import TrainingRun, TrainingState, run_training, save_checkpoint
from training.checkpoints import rank_folder


def train_worker(task: Mapping[str, Any]) -> None:
    """Train as one rank of the group that Ray Train has set up.

    Args:
        task: name, dataset_dir, config (a dict), item_init (or None), and board, the actor
            that passes progress on to the driver (or None).
    """
    import torch
    from ray import train

    torch.set_num_threads(1)
    context = train.get_context()
    config = config_type(task["name"])(**task["config"])
    folder = Path(task["dataset_dir"])
    run = create_run(
        task["name"], load_dataset(folder), load_validation(folder), config, task["item_init"]
    )
    is_first = context.get_world_rank() == 0

    def progress(name: str, epoch: int, most: int, metrics: Mapping[str, float]) -> None:
        if is_first and task["board"] is not None:
            task["board"].add.remote((name, epoch, most, dict(metrics)))

    def checkpoint(best: dict[str, np.ndarray], state: TrainingState) -> None:
        _report(run, best, state, context.get_world_rank())

    with TemporaryDirectory() as empty:
        newest = train.get_checkpoint()
        restored = Path(empty if newest is None else newest.to_directory(empty))
        run_training(
            run,
            **epochs(config),
            checkpoint=checkpoint,
            resume_from=rank_folder(restored, context.get_world_rank()),
            progress=progress,
        )


def _report(run: TrainingRun, best: dict[str, np.ndarray], state: TrainingState, rank: int) -> None:
    from ray import train

    with TemporaryDirectory() as folder:
        save_checkpoint(rank_folder(Path(folder), rank), run, best, state)
        metrics = {"epoch": state.epoch, "best_metric": state.best_metric}
        train.report(metrics, checkpoint=train.Checkpoint.from_directory(folder))

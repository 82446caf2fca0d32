"""Train one neural model on Ray Train workers, with checkpoints, resume and progress."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from graphrec.errors import TrainingError
from graphrec.models.training import Outcome, Progress
from training.board import board_beside
from training.checkpoints import (
    NUM_KEPT,
    finished_outcome,
    keep_outcome,
    run_name,
    storage_folder,
)
from training.cluster import ray_cluster
from training.worker import train_worker

MAX_FAILURES = 3
"""Workers or nodes lost, one after the other, before a training gives up."""

MAX_WAITS = 30
"""Waits for room, of a minute each: a lost node may come back, an autoscaler may add one."""

# A dict, for Ray's type hints are those of the first version of Train.
_FAILURES: dict[str, Any] = {
    "max_failures": MAX_FAILURES,
    "controller_failure_limit": MAX_WAITS,
}


def train_on_ray(
    name: str,
    dataset_dir: Path,
    config: BaseModel,
    *,
    num_workers: int,
    run_dir: Path,
    ray_address: str | None = None,
    item_init: np.ndarray | None = None,
    progress: Progress | None = None,
    keep: ExitStack | None = None,
) -> Outcome:
    """Train ``name`` on ``num_workers`` gloo workers, going on where an earlier call stopped.

    Args:
        name: "graph" (divided by dimensions) or "sequence" (divided by data).
        dataset_dir: Written by ``graphrec.models.dataset_io.save_dataset``, with its
            validation; on a cluster of several machines, on storage that all of them see.
        config: The model's config.
        num_workers: Worker processes, one CPU each.
        run_dir: Checkpoints and the result; the same storage rule.
        ray_address: See ``ray_cluster``; ignored within an open ``ray_cluster``.
        item_init: Initial item vectors of the sequence model, float32 [num_items, dim].
        progress: Told of each epoch, in this process.
        keep: Ray stays for other trainings until this ends; None: it ends with this one.

    Returns:
        The best model by validation, and how training went.

    Raises:
        TrainingError: Workers failed more than ``MAX_FAILURES`` times, or Ray did.
        KeyboardInterrupt: Ctrl-C; the next call goes on from the last checkpoint.
    """
    run_dir, dataset_dir = run_dir.resolve(), dataset_dir.resolve()
    key = run_name(name, config, dataset_dir, num_workers)
    finished = finished_outcome(name, run_dir, key)
    if finished is not None:
        return finished
    with ExitStack() as own:
        cluster = ray_cluster(num_workers, ray_address, run_dir.parent)
        ray = (own if keep is None else keep).enter_context(cluster)
        board = own.enter_context(board_beside(ray, progress))
        task = {
            "name": name,
            "dataset_dir": str(dataset_dir),
            "config": config.model_dump(mode="json"),
            "item_init": item_init,
            "board": board,
        }
        result = _fit(task, num_workers, storage_folder(run_dir), key)
        if result.checkpoint is None:
            raise TrainingError(f"Training of '{name}' ended without a checkpoint.")
        with result.checkpoint.as_directory() as folder:
            return keep_outcome(name, Path(folder), run_dir, key)


def _fit(task: dict[str, Any], num_workers: int, storage: Path, key: str) -> Any:
    from ray.train import (
        CheckpointConfig,
        FailureConfig,
        RunConfig,
        ScalingConfig,
        TrainingFailedError,
    )
    from ray.train.torch import TorchConfig, TorchTrainer

    logging.getLogger("ray.train").setLevel(logging.ERROR)
    trainer = TorchTrainer(
        train_worker,
        train_loop_config=task,
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(
            num_workers=num_workers, resources_per_worker={"CPU": 1}, use_gpu=False
        ),
        run_config=RunConfig(
            name=key,
            storage_path=str(storage),
            failure_config=FailureConfig(**_FAILURES),
            checkpoint_config=CheckpointConfig(num_to_keep=NUM_KEPT),
        ),
    )
    try:
        return trainer.fit()
    except SystemExit as error:  # Ray's answer to Ctrl-C, once its workers have ended
        raise KeyboardInterrupt from error
    except TrainingFailedError as error:
        raise TrainingError(
            f"Training of '{task['name']}' failed: {error}",
            where=str(storage / key),
            remedy="Run it again: it goes on from its last checkpoint.",
        ) from error

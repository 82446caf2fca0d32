"""Trains the graph model in several gloo processes and brings the first one's model back."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors.numpy import load_file, save_file

from graphrec.dataset import Dataset
from graphrec.models.fitting import hold_out_newest
from graphrec.models.graph import GraphConfig
from graphrec.models.graph_run import GraphRun

EPOCHS = 3


def train_ranks(
    dataset: Dataset, config: GraphConfig, num_ranks: int, folder: Path
) -> dict[str, np.ndarray]:
    """State of the model after ``EPOCHS`` epochs in ``num_ranks`` processes."""
    arguments = (num_ranks, dataset, config, folder)
    if num_ranks == 1:
        _train(dataset, config, folder / "1.safetensors")
    else:
        method = "fork" if sys.platform == "linux" else "spawn"  # importing anew takes a minute
        torch.multiprocessing.start_processes(
            _rank, arguments, nprocs=num_ranks, start_method=method
        )
    return load_file(folder / f"{num_ranks}.safetensors")


def _rank(rank: int, num_ranks: int, dataset: Dataset, config: GraphConfig, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting-{num_ranks}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=num_ranks)
    _train(dataset, config, folder / f"{num_ranks}.safetensors" if rank == 0 else None)
    dist.destroy_process_group()


def _train(dataset: Dataset, config: GraphConfig, target: Path | None) -> None:
    run = GraphRun(*hold_out_newest(dataset), config)
    losses = [run.train_epoch() for _ in range(EPOCHS)]
    state = run.export().state() | {"losses": np.asarray(losses)}
    if target is not None:
        save_file({key: np.ascontiguousarray(value) for key, value in state.items()}, target)

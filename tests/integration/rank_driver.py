"""A process that trains without Ray: as many gloo processes as wanted, forked from this one.

``python rank_driver.py FOLDER NAMES NUM_RANKS`` (several of each, with commas) trains the
dataset and configs that ``ray_driver.py`` trains, and leaves ``best.safetensors`` and
``state.json`` of each in ``FOLDER/ranks/NAME-NUM``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from graphrec.models.dataset_io import load_dataset, load_validation
from graphrec.models.fitting import config_type, create_run, epochs
from graphrec.models.training import run_training, save_checkpoint


def train(rank: int, num_ranks: int, folder: Path, name: str) -> None:
    """Train as one rank of a group."""
    torch.set_num_threads(1)
    target = folder / "ranks" / f"{name}-{num_ranks}"
    meeting = f"file://{target}-meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=num_ranks)
    config = config_type(name)(**json.loads((folder / f"{name}.json").read_text()))
    data = folder / "dataset"
    run = create_run(name, load_dataset(data), load_validation(data), config)
    run_training(
        run,
        **epochs(config),
        checkpoint=lambda *of: save_checkpoint(target, run, *of) if rank == 0 else None,
    )
    dist.destroy_process_group()


def main(folder: Path, names: str, ranks: str) -> None:
    """One training after the other."""
    (folder / "ranks").mkdir(exist_ok=True)
    for name in names.split(","):
        for number in ranks.split(","):
            arguments = (int(number), folder, name)
            torch.multiprocessing.start_processes(
                train, arguments, nprocs=int(number), start_method="fork"
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])

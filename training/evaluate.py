"""``graphrec evaluate --workers N``: the same models, trained by Ray's workers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from graphrec.cli.evaluate import Choose
from graphrec.dataset import Dataset, Histories
from graphrec.models.dataset_io import save_dataset
from graphrec.models.training import Outcome, Progress
from graphrec.recommend.compose import FitNeural
from training.trainer import train_on_ray


def fit_on_ray(workers: int, choose: Choose, progress: Progress | None = None) -> FitNeural:
    """How an evaluation trains graph and sequence on ``workers`` Ray workers.

    Checkpoints live as long as one training: an evaluation is run anew, not resumed.

    Args:
        workers: Worker processes.
        choose: The config of each training, as without Ray.
        progress: Told of each epoch.
    """

    def fit(
        name: str,
        train: Dataset,
        validation: tuple[Histories, np.ndarray],
        num_epochs: int | None = None,
    ) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="graphrec-evaluate-") as folder:
            save_dataset(Path(folder, "dataset"), train, validation)
            return train_on_ray(
                name,
                Path(folder, "dataset"),
                choose(name, train, num_epochs),
                num_workers=workers,
                run_dir=Path(folder, "run", name),
                progress=progress,
            )

    return fit

"""``graphrec evaluate --workers N``: the same models, trained by Ray's workers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.models.config_file import Fields, config_for
from graphrec.models.dataset_io import save_dataset
from graphrec.models.fitting import exactly
from graphrec.models.training import Outcome, Progress
from graphrec.recommend.compose import FitNeural
from training.trainer import train_on_ray


def fit_on_ray(
    workers: int,
    progress: Progress | None = None,
    configs: Mapping[str, Fields] = MappingProxyType({}),
) -> FitNeural:
    """How an evaluation trains graph and sequence on ``workers`` Ray workers.

    Checkpoints live as long as one training: an evaluation is run anew, not resumed.

    Args:
        workers: Worker processes.
        progress: Told of each epoch.
        configs: By model, the fields that differ from the default.
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
                config_for(name, train, configs.get(name)).model_copy(update=exactly(num_epochs)),
                num_workers=workers,
                run_dir=Path(folder, "run", name),
                progress=progress,
            )

    return fit

"""Stage 3, TRAIN: train a neural model by its name, in this process and without Ray."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import TypedDict

import numpy as np
from pydantic import BaseModel

from graphrec.dataset import Dataset, Histories
from graphrec.errors import MissingExtraError, ParameterError
from graphrec.events.splits import hold_out_last
from graphrec.models.base import Model
from graphrec.models.training import (
    Outcome,
    Progress,
    TrainingRun,
    has_checkpoint,
    run_training,
    save_checkpoint,
)
from graphrec.version import __version__

_NEURAL = {
    "graph": ("graph", "GraphConfig", "GraphModel", "graph_run", "GraphRun"),
    "sequence": ("sequence", "SequenceConfig", "SequenceModel", "sequence_run", "SequenceRun"),
}
"""By name: module, config and model class (no torch); module and class of the training run."""

Validation = tuple[Histories, np.ndarray]
"""Histories of n learners and the item each took next, int64 [n]."""


def _entry(name: str) -> tuple[str, str, str, str, str]:
    if name not in _NEURAL:
        raise ParameterError(f"There is no neural model '{name}'.", remedy=f"One of {_NEURAL}.")
    return _NEURAL[name]


def config_type(name: str) -> type[BaseModel]:
    """The config class of a neural model."""
    module, config, *_ = _entry(name)
    found: type[BaseModel] = getattr(import_module(f"graphrec.models.{module}"), config)
    return found


def model_type(name: str) -> type[Model]:
    """The class of a trained model, which needs no torch."""
    module, _, model, *_ = _entry(name)
    found: type[Model] = getattr(import_module(f"graphrec.models.{module}"), model)
    return found


def default_config(name: str, dataset: Dataset) -> BaseModel:
    """The config that suits the dataset's shape."""
    chosen: BaseModel = config_type(name).for_dataset(dataset)  # type: ignore[attr-defined]
    return chosen


def create_run(
    name: str,
    dataset: Dataset,
    validation: Validation,
    config: BaseModel,
    item_init: np.ndarray | None = None,
) -> TrainingRun:
    """Build the training run of a neural model.

    Args:
        name: "graph" or "sequence".
        dataset: What is trained on.
        validation: See ``Validation``.
        config: Of the model's config class.
        item_init: Initial item vectors for the sequence model, float32 [num_items, dim].

    Raises:
        MissingExtraError: torch is not installed.
    """
    *_, module, run_class = _entry(name)
    try:
        run = getattr(import_module(f"graphrec.models.{module}"), run_class)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "torch", "train") from error
    extra = {} if item_init is None or name == "graph" else {"item_init": item_init}
    created: TrainingRun = run(dataset, validation, config, **extra)
    return created


def fit_neural(
    name: str,
    train: Dataset,
    validation: Validation,
    config: BaseModel | None = None,
    *,
    item_init: np.ndarray | None = None,
    progress: Progress | None = None,
    run_dir: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train a neural model in this process.

    Args:
        name: "graph" or "sequence".
        train: What is trained on.
        validation: Decides when to stop and which epoch is best.
        config: Of the model's config class; None: the one for this dataset.
        item_init: See ``create_run``.
        progress: Told of each epoch.
        run_dir: Where checkpoints are kept; a training interrupted there goes on.
        should_stop: Asked after each epoch.

    Returns:
        The best model by validation, and how training went.
    """
    config = config or default_config(name, train)
    run = create_run(name, train, validation, config, item_init)
    return run_training(
        run,
        **epochs(config),
        checkpoint=None if run_dir is None else lambda *of: save_checkpoint(run_dir, run, *of),
        resume_from=run_dir if has_checkpoint(run_dir) else None,
        progress=progress,
        should_stop=should_stop,
    )


def checkpoint_key(name: str, train: Dataset, validation: Validation, config: BaseModel) -> str:
    """A folder's name for a training's checkpoints: another one for any other training."""
    inputs, targets = validation
    digest = blake2b(f"{name} {__version__} {config.model_dump_json()}".encode(), digest_size=8)
    histories, relations = train.histories, (train.item_skill, train.item_requires)
    for array in (histories.indptr, histories.items, inputs.items, targets, *relations):
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"{name}-{digest.hexdigest()}"


class Epochs(TypedDict):
    """The arguments of ``run_training`` that a config holds."""

    max_epochs: int
    patience: int
    validate_every: int


def epochs(config: BaseModel) -> Epochs:
    """How long a config wants training to last."""
    told = config.model_dump()
    return {
        "max_epochs": told["max_epochs"],
        "patience": told["patience"],
        "validate_every": told["validate_every"],
    }


def exactly(num_epochs: int | None) -> dict[str, int]:
    """What a config says so that training takes so many epochs and keeps the last."""
    if num_epochs is None:
        return {}
    return {"max_epochs": num_epochs, "validate_every": num_epochs}


def hold_out_newest(dataset: Dataset, min_items: int = 3) -> tuple[Dataset, Validation]:
    """Cut the newest item of every learner with ``min_items`` or more, as validation."""
    held = hold_out_last(dataset.histories, min_length=min_items, seed=0)
    return dataset.with_histories(held.train), (held.inputs, held.targets.astype(np.int64))


def fit_holding_out(name: str, dataset: Dataset) -> Model:
    """Train on all but each learner's newest item, which decides when to stop."""
    train, validation = hold_out_newest(dataset)
    return fit_neural(name, train, validation).model

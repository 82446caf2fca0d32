"""Stage 3, TRAIN: the loop around a neural model, the same bare and inside a Ray worker.

A model brings a ``TrainingRun`` that trains one epoch and validates itself; this driver
owns what they share: early stopping, checkpoints, resume, a clean stop. It knows no torch
and no Ray: checkpoints are plain arrays and numbers.
"""

from __future__ import annotations

import json
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from safetensors.numpy import load_file, save_file

from graphrec.errors import TrainingError
from graphrec.models.base import Model

_NET, _MOMENTS = "net.", "adam."
"""How ``torch_state.pack_state`` names weights and the optimiser's moments."""

Progress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called after each epoch with model name, epoch (from 1), the most epochs, and metrics."""


class TrainingRun(ABC):
    """A model being trained: weights, optimiser, data and random state.

    Under an initialised ``torch.distributed`` group a run divides its work among the
    ranks (the graph model by dimensions, the sequence model by data), and every rank
    returns the same loss, metrics and best model.
    """

    name: str
    ROWS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Parameters that have a row for each "item" or "skill", or for "padding" and each item."""

    @abstractmethod
    def train_epoch(self) -> float:
        """Train one epoch and return its mean loss."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Metrics on the validation learners; ``ndcg@10`` decides."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """All state needed to go on: weights, optimiser moments, random state (this rank's)."""

    @abstractmethod
    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up the state of ``arrays()``."""

    @abstractmethod
    def export(self) -> Model:
        """The model as it stands now, for scoring (complete on every rank)."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Weights by name (complete on every rank): what a later training can go on from."""
        named = self.arrays().items()
        return {name.removeprefix(_NET): a for name, a in named if name.startswith(_NET)}

    def take_up(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Go on from the ``parameters()`` of another run, with an optimiser that knows nothing."""
        kept = {name: a for name, a in self.arrays().items() if not name.startswith(_MOMENTS)}
        self.load_arrays(kept | {_NET + name: a for name, a in parameters.items()})

    def focus(self, is_target: np.ndarray) -> None:
        """Learn to foretell these entries of the histories alone, bool [nnz]."""
        raise TrainingError(f"'{self.name}' learns from whole histories.", where=self.name)


@dataclass
class TrainingState:
    """Where the driver stands; saved with each checkpoint."""

    epoch: int = 0
    best_epoch: int = 0
    best_metric: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)
    is_finished: bool = False


@dataclass(frozen=True)
class Outcome:
    """A finished training: the best model by validation, and how it went.

    Attributes:
        model: For scoring.
        state: How training went.
        parameters: The weights that the model was made from, by name.
    """

    model: Model
    state: TrainingState
    parameters: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: type[Model], best: Mapping[str, np.ndarray], state: TrainingState) -> Outcome:
        """The outcome whose best arrays are those that ``run_training`` keeps."""
        is_model = {name: not name.startswith(_NET) for name in best}
        model = kind.from_state({name: best[name] for name in best if is_model[name]})
        kept = {n.removeprefix(_NET): best[n] for n in best if not is_model[n]}
        return cls(model, state, kept)


def best_arrays(model: Model, parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A model's state and the weights it was made from, as one set of arrays."""
    return model.state() | {_NET + name: array for name, array in parameters.items()}


def save_checkpoint(
    directory: Path, run: TrainingRun, best: Mapping[str, np.ndarray], state: TrainingState
) -> None:
    """Write one rank's state into ``directory``, each file replaced by rename."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, arrays in (("run", run.arrays()), ("best", dict(best))):
        contiguous = {key: np.asarray(value, order="C") for key, value in arrays.items()}
        target = directory / f"{name}.safetensors"
        save_file(contiguous, target.with_suffix(".tmp"))
        target.with_suffix(".tmp").replace(target)
    # Last: a checkpoint without its state file is no checkpoint.
    with tempfile.NamedTemporaryFile("w", dir=directory, delete=False) as handle:
        json.dump(asdict(state), handle)
    os.replace(handle.name, directory / "state.json")  # noqa: PTH105 - atomic by intent


def load_checkpoint(
    directory: Path, run: TrainingRun
) -> tuple[dict[str, np.ndarray], TrainingState]:
    """Restore ``run`` from ``directory``; returns the best model's arrays and the state."""
    run.load_arrays(load_file(directory / "run.safetensors"))
    state = TrainingState(**json.loads((directory / "state.json").read_text()))
    return load_file(directory / "best.safetensors"), state


def has_checkpoint(directory: Path | None) -> bool:
    """Whether ``directory`` holds a complete checkpoint."""
    return directory is not None and (directory / "state.json").is_file()


def run_training(
    run: TrainingRun,
    *,
    max_epochs: int,
    patience: int,
    validate_every: int = 1,
    checkpoint: Callable[[dict[str, np.ndarray], TrainingState], None] | None = None,
    resume_from: Path | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    start: tuple[Mapping[str, np.ndarray], float] | None = None,
) -> Outcome:
    """Train until validation has not improved for ``patience`` validations.

    Args:
        run: What is trained.
        max_epochs: The most epochs.
        patience: Validations without a better ``ndcg@10`` before stopping.
        validate_every: Epochs between validations.
        checkpoint: Called after each validation with the best arrays and the state.
        resume_from: A folder written by ``save_checkpoint``; ignored when empty.
        progress: Told of each epoch.
        should_stop: Asked after each epoch; True ends training with the best so far.
        start: ``best_arrays`` of what training goes on from, with its ``ndcg@10``: the best
            until an epoch is better.

    Returns:
        The model of the best validation, and the state.
    """
    best, state = dict(start[0]) if start else {}, TrainingState()
    state.best_metric = start[1] if start else state.best_metric
    if resume_from is not None and has_checkpoint(resume_from):
        best, state = load_checkpoint(resume_from, run)
    while not state.is_finished:
        loss = run.train_epoch()
        state.epoch += 1
        metrics = {"loss": loss}
        is_last = state.epoch >= max_epochs or should_stop()
        if state.epoch % validate_every == 0 or is_last:
            metrics |= run.validate()
            if metrics["ndcg@10"] > state.best_metric:
                state.best_metric, state.best_epoch = metrics["ndcg@10"], state.epoch
                best = best_arrays(run.export(), run.parameters())
            num_stale = (state.epoch - state.best_epoch) // validate_every
            state.is_finished = is_last or num_stale >= patience
            state.history.append({"epoch": state.epoch, **metrics})
            if checkpoint is not None:
                checkpoint(best, state)
        if progress is not None:
            progress(run.name, state.epoch, max_epochs, metrics)
    return Outcome.of(type(run.export()), best, state)

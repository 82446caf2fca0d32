"""``graphrec tune``: Ray Tune over the declared space, ASHA ending what does not keep up.

In come a training set and its validation; out goes the configuration that was best on
validation. The default is the first trial and is never ended early, so that the winner is
no worse on validation than what it replaces.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from graphrec.dataset import Dataset
from graphrec.errors import TrainingError
from graphrec.models.config_file import Fields, changed_fields
from graphrec.models.dataset_io import save_dataset
from graphrec.models.fitting import Validation, default_config
from graphrec.models.search_space import Choice, Domain, SearchSpace, default_point, search_space
from graphrec.recommend.compose import why_not
from graphrec.version import __version__
from training.checkpoints import run_name
from training.cluster import ray_cluster
from training.tune_trial import TrialTask, clear, read_state, trainable

MAX_FAILURES = 2
"""Times that a trial whose worker was lost starts again."""

REDUCTION = 3
"""Of the trials that reach a rung about one in so many goes on."""

_ENVIRONMENT = {
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours: all state is in the trials' folders
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints to stdout, however silent it is told to be
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}


class TuneOptions(BaseModel, frozen=True, extra="forbid"):
    """How a search runs; what is not given here is the default config's."""

    trials: int = 16
    minutes: float | None = None
    workers: int = 1
    ray_address: str | None = None
    seed: int = 0
    max_epochs: int | None = None


@dataclass
class Trial:
    """One configuration and how it did.

    Attributes:
        number: From 1, the default; in the order they were drawn.
        config: Fields that differ from the default for the data.
        folder: Where its state is kept.
        metrics: Of its best epoch.
        epochs: Epochs trained.
        best_epoch: The best of them.
        status: ``running``, ``finished``, ``stopped`` (by the scheduler or the clock) or
            ``failed``.
        error: Why it failed.
    """

    number: int
    config: Fields
    folder: str
    metrics: dict[str, float] = field(default_factory=dict)
    epochs: int = 0
    best_epoch: int = 0
    status: Literal["running", "finished", "stopped", "failed"] = "running"
    error: str = ""


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        trials: All that began, by number.
        best: The winner.
        space: What was searched.
    """

    trials: list[Trial]
    best: Trial
    space: SearchSpace


Watch = Callable[[Trial, int, int, Mapping[str, Any]], None]
"""Told of each new epoch: the trial, the epoch, the most epochs, the report."""

Register = Callable[[int, Mapping[str, Any]], Trial]
"""The book-keeping of a trial by its number and its sampled point."""


def tune_model(
    name: str,
    train: Dataset,
    validation: Validation,
    options: TuneOptions,
    *,
    home: Path,
    watch: Watch | None = None,
) -> Tuned:
    """Search the declared space of a model.

    Args:
        name: "graph" or "sequence".
        train: What trials learn from.
        validation: What they are compared on.
        options: How; the same seed and data give the same trials.
        home: Where trials keep their state; the same call goes on from it.
        watch: Told of progress, in this process.

    Raises:
        TrainingError: The data does not allow the model, or no trial finished an epoch.
        KeyboardInterrupt: Ctrl-C; the next call goes on.
    """
    reason = why_not(name, train)
    if reason or not len(validation[1]):
        raise TrainingError(
            f"{name} cannot be tuned: {reason or 'nothing is held out to compare on'}.",
            remedy="Give data in which learners took three courses or more.",
        )
    folder = _prepare(name, train, validation, home)
    # The seed is an option of whoever trains, not a finding; the number of epochs is both.
    usual = default_config(name, train).model_copy(update={"seed": options.seed})
    epochs = {} if options.max_epochs is None else {"max_epochs": options.max_epochs}
    start = usual.model_copy(update=epochs)
    task = TrialTask(name, str(folder), start.model_dump_json())
    space = search_space(name, start)
    trials: dict[int, Trial] = {}

    def register(number: int, point: Mapping[str, Any]) -> Trial:
        config = task.config(point)
        fresh = Trial(number, changed_fields(config, usual), str(task.folder(config)))
        return trials.setdefault(number, fresh)

    with ray_cluster(options.workers, options.ray_address, home):
        _search(task, space, start, options, register, watch)
    for trial in trials.values():
        if trial.status != "failed":
            trial.status = "finished" if read_state(Path(trial.folder)).is_finished else "stopped"
    clear(folder)
    found = [trials[number] for number in sorted(trials)]
    return Tuned(found, _best(found), space)


def _prepare(name: str, train: Dataset, validation: Validation, home: Path) -> Path:
    """The folder of this search, named by what it depends on, with the data in it."""
    incoming = home / f"incoming-{os.getpid()}"
    save_dataset(incoming, train, validation)
    key = run_name(name, _Version(), incoming, 1)
    folder = (home / key).resolve()
    if (folder / "dataset").is_dir():
        shutil.rmtree(incoming)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        incoming.rename(folder / "dataset")
    return folder


class _Version(BaseModel):
    """Trials of another version are other trials."""

    version: str = __version__


def _best(trials: list[Trial]) -> Trial:
    measured = [trial for trial in trials if trial.metrics]
    if not measured:
        why = next((trial.error for trial in trials if trial.error), "")
        raise TrainingError(
            "no trial finished an epoch" + (f": {why}" if why else "."),
            where="tune",
            remedy="" if why else "Give it more --minutes.",
        )
    # Of equals the first: the default before any other.
    return max(measured, key=lambda trial: (trial.metrics["ndcg@10"], -trial.number))


def _search(
    task: TrialTask,
    space: SearchSpace,
    start: BaseModel,
    options: TuneOptions,
    register: Register,
    watch: Watch | None,
) -> None:
    os.environ |= _ENVIRONMENT
    from ray import tune
    from ray.tune.search.basic_variant import BasicVariantGenerator

    from training.tune_ray import Follower, scheduler

    for name in ("ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    storage = Path(task.home, "ray")
    shutil.rmtree(storage, ignore_errors=True)  # Tune's own notes: ours are in the trials
    epochs = int(getattr(start, "max_epochs"))  # noqa: B009 - of either config
    try:
        tune.Tuner(
            trainable(task),
            param_space={key: as_ray(domain) for key, domain in space.items()},
            tune_config=tune.TuneConfig(
                search_alg=BasicVariantGenerator(
                    points_to_evaluate=[default_point(space, start)],
                    max_concurrent=options.workers,
                    random_state=options.seed,
                ),
                scheduler=scheduler(epochs, REDUCTION),
                num_samples=options.trials,
                time_budget_s=None if options.minutes is None else options.minutes * 60,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=str(storage),
                verbose=0,
                callbacks=[Follower(register, watch, epochs)],
                failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
            ),
        ).fit()
    finally:
        shutil.rmtree(storage, ignore_errors=True)


def as_ray(domain: Domain) -> Any:
    """A declared domain as Ray Tune's."""
    from ray import tune

    if isinstance(domain, Choice):
        return tune.choice(list(domain.values))
    make = tune.loguniform if domain.is_log else tune.uniform
    return make(domain.low, domain.high)

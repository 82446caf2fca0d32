"""``graphrec tune``: data in, the configuration that is best on its validation out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from graphrec.cli.bare_data import DataOption, FormatOption, read_bare
from graphrec.cli.common import (
    JsonOption,
    SeedOption,
    StoreOption,
    console,
    interruptible,
    print_json,
    settings_for,
)
from graphrec.cli.progress import StepLog
from graphrec.dataset import Dataset
from graphrec.errors import ParameterError
from graphrec.evaluate.files import Format
from graphrec.evaluate.protocols import split
from graphrec.features.signals import NO_SIGNALS, with_signals
from graphrec.files import sha256_of
from graphrec.models.config_file import TunedModel, read_config, write_config
from graphrec.models.fitting import Validation
from graphrec.settings import Settings
from graphrec.version import __version__
from training.cli import RayAddressOption, take_snapshot
from training.tune import Tuned, TuneOptions, tune_model
from training.tune_progress import SearchProgress, told

_SHOWN = 30
"""Trials that the table has room for."""


@dataclass(frozen=True)
class _Source:
    """What is learned from and compared on; the test of ``evaluate`` is in neither."""

    name: str
    hash: str
    train: Dataset
    validation: Validation


def tune(
    model: Annotated[Literal["graph", "sequence"], typer.Argument(help="What is tuned.")],
    snapshot: Annotated[
        Path | None, typer.Option("--snapshot", help="Tune on this snapshot; opens no graph.")
    ] = None,
    data: DataOption = None,
    file_format: FormatOption = None,
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="Configurations tried, the default first.")
    ] = 16,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="Stop after so many minutes.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", "--concurrent", min=1, help="Trials at once, a CPU each.")
    ] = 1,
    ray_address: RayAddressOption = None,
    seed: SeedOption = 0,
    max_epochs: Annotated[
        int | None, typer.Option("--max-epochs", min=1, help="Most epochs of a trial.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file (default: tuned.json in the store).")
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Search a model's configuration on validation; run again after Ctrl-C, it goes on."""
    settings = settings_for(store)
    log = StepLog()
    target = output or settings.store_dir / "tuned.json"
    if target.exists():
        read_config(target)  # what cannot be added to is told before the search, not after
    source = _source(settings, snapshot, data, file_format, seed, log)
    log(
        f"{source.name}: {len(source.train.learners):,} learners, {source.train.num_items:,} "
        f"courses, {len(source.validation[1]):,} learners to compare on"
    )
    options = TuneOptions(
        trials=trials,
        minutes=minutes,
        workers=workers,
        ray_address=ray_address,
        seed=seed,
        max_epochs=max_epochs,
    )
    found = _search(model, source, options, settings, log)
    tuned = _tuned(found, source, seed)
    write_config(target, model, tuned)
    if json_output:
        print_json(_as_json(model, found, tuned, target))
    else:
        _print(model, found, tuned, target)


def _search(
    model: str, source: _Source, options: TuneOptions, settings: Settings, log: StepLog
) -> Tuned:
    with (
        interruptible("the same command goes on from the last epoch"),
        SearchProgress(log, options.trials) as shown,
    ):
        return tune_model(
            model,
            source.train,
            source.validation,
            options,
            home=settings.store_dir / "tuning",
            watch=shown.epoch,
        )


def _source(
    settings: Settings,
    snapshot: Path | None,
    data: Path | None,
    file_format: Format | None,
    seed: int,
    log: StepLog,
) -> _Source:
    """Cut as ``graphrec evaluate`` with the same seed: its test items are left out."""
    if data is not None and snapshot is not None:
        raise ParameterError("either --data or --snapshot.", where="--snapshot")
    bare = read_bare(data, file_format)
    if data is not None and bare is not None:
        dataset, test, name = bare.dataset, bare.test, data.name
        digest = sha256_of(data / "train.txt" if data.is_dir() else data)
    else:
        taken = take_snapshot(settings, snapshot, log)
        dataset, test, name, digest = with_signals(taken.tables())[0], None, taken.id, taken.hash
    task = split(dataset, test, "loo-full" if test is None else "split-full", seed, NO_SIGNALS)
    return _Source(name, digest, task.train, (task.validation.inputs, task.validation.targets))


def _tuned(found: Tuned, source: _Source, seed: int) -> TunedModel:
    return TunedModel(
        config=found.best.config,
        validation=found.best.metrics,
        default_validation=found.trials[0].metrics,
        best_epoch=found.best.best_epoch,
        trials=len(found.trials),
        seed=seed,
        data=source.name,
        data_hash=source.hash,
        tuned_at=datetime.now(UTC).replace(microsecond=0),
        code_version=__version__,
    )


def _as_json(model: str, found: Tuned, tuned: TunedModel, target: Path) -> dict[str, Any]:
    return {
        "model": model,
        "output": str(target),
        **tuned.model_dump(mode="json", exclude={"trials"}),
        "best_trial": found.best.number,
        "trials": [
            {key: value for key, value in asdict(trial).items() if key != "folder"}
            for trial in found.trials
        ],
        "space": {field: asdict(domain) for field, domain in found.space.items()},
    }


def _print(model: str, found: Tuned, tuned: TunedModel, target: Path) -> None:
    table = Table(title=f"{model} on {tuned.data}: the best trials, on validation")
    for column in ("trial", "ndcg@10", "epochs", "ended", "configuration"):
        table.add_column(column, justify="right" if column in ("ndcg@10", "epochs") else "left")
    ranked = sorted(found.trials, key=lambda t: (-t.metrics.get("ndcg@10", -1.0), t.number))
    for trial in ranked[:_SHOWN]:
        metric = f"{trial.metrics['ndcg@10']:.4f}" if trial.metrics else ""
        config = trial.error or told(trial)
        table.add_row(str(trial.number), metric, str(trial.epochs), trial.status, config)
    console.print(table)
    now, before = tuned.validation["ndcg@10"], tuned.default_validation.get("ndcg@10")
    beside = "" if before is None else f", the default's {before:.4f}"
    console.print(f"validation NDCG@10 {now:.4f}{beside}: {told(found.best)}")
    console.print(f"written: {target}; use it: graphrec train --config {target}", soft_wrap=True)

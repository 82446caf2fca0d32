"""``graphrec evaluate``: the metrics of every model, from the store or from a bare file."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer
from pydantic import BaseModel

from graphrec.cli.bare_data import DataOption, FormatOption, read_bare
from graphrec.cli.common import (
    JsonOption,
    SeedOption,
    StoreOption,
    console,
    err_console,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.cli.configs import read_configs
from graphrec.cli.evaluate_cold import cold_as_json, print_cold, run_cold
from graphrec.cli.evaluate_tables import print_evaluation
from graphrec.cli.progress import StepLog
from graphrec.dataset import Dataset, Histories
from graphrec.errors import MissingExtraError, ParameterError
from graphrec.evaluate.cold_run import COLD_PROTOCOLS, ColdProtocol
from graphrec.evaluate.files import Format
from graphrec.evaluate.protocols import Evaluation, Protocol, evaluate, split
from graphrec.features.ranking_tables import NO_COLUMNS, CourseColumns
from graphrec.features.signals import NO_SIGNALS, LearnerSignals, with_signals
from graphrec.models.config_file import Fields, config_for
from graphrec.models.fitting import Validation, checkpoint_key, exactly, fit_neural
from graphrec.models.registry import ROW_NAMES
from graphrec.models.training import Outcome
from graphrec.schema import TABLES

_ROWS = (*ROW_NAMES, "pipeline")

AnyProtocol = Literal[Protocol, ColdProtocol]

Choose = Callable[[str, Dataset, int | None], BaseModel]
"""The config of a neural model for a dataset, and for exactly so many epochs."""


def evaluate_command(
    data: DataOption = None,
    file_format: FormatOption = None,
    protocol: Annotated[
        AnyProtocol, typer.Option("--protocol", help="What is held out and asked.")
    ] = "loo-full",
    output: Annotated[Path | None, typer.Option("--output", help="Write the JSON here.")] = None,
    models: Annotated[
        str, typer.Option("--models", help=f"Comma-separated: {', '.join(_ROWS)}.")
    ] = "",
    seed: SeedOption = 0,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="More than 1: train on Ray workers.")
    ] = 1,
    curve: Annotated[
        bool, typer.Option("--curve", help="What novelty costs the pipeline, on validation.")
    ] = False,
    refit: Annotated[
        bool, typer.Option("--refit", help="Rows fitted again with the validation items, too.")
    ] = False,
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="Keep trainings here; run again, it goes on."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Configurations that graphrec tune wrote.")
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Score every model on held-out interactions; the test is looked at once."""
    log = StepLog()
    names = _names(models)
    configs = read_configs(config, log, seed=seed)
    dataset, test, signals, columns, described = _read(data, file_format, store)
    log(f"{described}: {len(dataset.learners):,} learners, {dataset.num_items:,} items")

    fit = _fit(workers, checkpoints, log, configs, seed)
    shared: dict[str, Any] = {"fit_neural": fit, "names": names, "seed": seed, "report": log}
    shared["columns"] = columns
    if protocol in COLD_PROTOCOLS:
        _check_cold(test, curve=curve or refit)
        cold = run_cold(dataset, signals, protocol, **shared)
        result = cold_as_json(cold, described, protocol, seed)
        show = partial(print_cold, cold, described, protocol)
    else:
        task = split(dataset, test, protocol, seed, signals)
        found = evaluate(task, protocol, curve=curve, refit=fit if refit else None, **shared)
        result = _as_json(found, described, protocol, seed)
        show = partial(print_evaluation, found, described, protocol)
    result |= {"configs": configs} if configs else {}
    result["peak_memory_mb"] = peak_memory_mb()
    if output is not None:
        _write(output, result)
    if json_output:
        print_json(result)
    else:
        show()
        console.print(f"peak memory {peak_memory_mb():,} MiB", highlight=False)


def _check_cold(test: Histories | None, *, curve: bool) -> None:
    if test is not None:
        raise ParameterError(
            "a published split has its own questions; the cold-start protocols ask others.",
            where="--protocol",
            remedy="Give a sequences or pairs file, or evaluate the store without --data.",
        )
    if curve:
        raise ParameterError(
            "the curve and the refitted rows go with loo-full and split-full.",
            where="--curve, --refit",
        )


def _names(models: str) -> tuple[str, ...]:
    if not models:
        return _ROWS
    names = tuple(name.strip() for name in models.split(",") if name.strip())
    for name in names:
        if name not in _ROWS:
            raise ParameterError(
                f"there is no model '{name}'.", where="--models", remedy=f"One of {_ROWS}."
            )
    return names


def _read(
    data: Path | None, file_format: Format | None, store: Path | None
) -> tuple[Dataset, Histories | None, LearnerSignals, CourseColumns, str]:
    """Interactions, a published split's test, signals, columns and a name: of a file or graph."""
    bare = read_bare(data, file_format)
    if data is not None and bare is not None:
        return bare.dataset, bare.test, NO_SIGNALS, NO_COLUMNS, data.name
    settings = settings_for(store)
    with open_graph(settings) as graph:
        tables = graph.export_snapshot(list(TABLES))
    dataset, signals = with_signals(tables)
    columns = CourseColumns.from_tables(tables)
    return dataset, None, signals, columns, str(settings.store_dir)


def _fit(
    workers: int, checkpoints: Path | None, log: StepLog, configs: dict[str, Fields], seed: int
) -> Any:
    """How a neural model is trained: in this process, or by Ray."""
    if workers > 1 and checkpoints is not None:
        raise ParameterError("checkpoints are kept with one worker.", where="--checkpoints")
    choose = partial(config_of, configs, seed)
    if workers > 1:
        return _on_ray(workers, log, choose)

    def fit(
        name: str, train: Any, validation: Validation, num_epochs: int | None = None
    ) -> Outcome:
        chosen = choose(name, train, num_epochs)
        key = checkpoint_key(name, train, validation, chosen)
        run_dir = None if checkpoints is None else checkpoints / key
        return fit_neural(name, train, validation, chosen, progress=log.epoch, run_dir=run_dir)

    return fit


def config_of(
    configs: Mapping[str, Fields], seed: int, name: str, train: Dataset, num_epochs: int | None
) -> BaseModel:
    """How an evaluation trains a neural model, wherever: options beat the config file.

    Args:
        configs: By model, the fields that differ from the default.
        seed: Of every random choice.
        name: "graph" or "sequence".
        train: What is trained on.
        num_epochs: Exactly so many; None: until validation is no better.
    """
    told = {"seed": seed} | exactly(num_epochs)
    return config_for(name, train, configs.get(name)).model_copy(update=told)


def _write(output: Path, result: dict[str, Any]) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    err_console.print(f"written: {output}")


def _on_ray(workers: int, log: StepLog, choose: Choose) -> Any:
    found = entry_points(group="graphrec.training", name="fit_on_ray")
    try:
        load = next(iter(found)).load()
    except (ModuleNotFoundError, StopIteration) as exc:
        raise MissingExtraError("ray", "train") from exc
    return load(workers=workers, choose=choose, progress=log.epoch)


def _as_json(found: Evaluation, data: str, protocol: str, seed: int) -> dict[str, Any]:
    fitted = found.fitted
    return {
        "data": data,
        "protocol": protocol,
        "seed": seed,
        "results": found.results,
        "beyond": found.beyond,
        "calibration": found.calibration,
        "slices": found.slices,
        "validation": fitted.validation,
        "weights": found.weights,
        "ranker": found.ranker,
        "epochs": fitted.epochs,
        "skipped": fitted.skipped,
        **({"curve": found.curve} if found.curve else {}),
    }


def peak_memory_mb() -> int:
    """Most resident memory of this process so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak // (1024 * 1024 if sys.platform == "darwin" else 1024))

"""``graphrec train``: a snapshot in, a published model bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from graphrec.bundle import BundleStore
from graphrec.cli.common import (
    JsonOption,
    SeedOption,
    StoreOption,
    console,
    interruptible,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.cli.configs import read_configs
from graphrec.cli.evaluate import peak_memory_mb
from graphrec.cli.progress import StepLog
from graphrec.errors import ParameterError
from graphrec.graph.snapshot import Snapshot, read_snapshot, write_snapshot
from graphrec.models.registry import MODEL_NAMES
from graphrec.settings import Settings
from training.train import Data, Trained, TrainOptions
from training.train import train as run_train

RayAddressOption = Annotated[
    str | None, typer.Option("--ray-address", help="A standing cluster (default: our own).")
]


def train(
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", help="Train from this snapshot; opens no graph."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ray Train workers.")] = 1,
    ray_address: RayAddressOption = None,
    seed: SeedOption = 0,
    models: Annotated[
        str, typer.Option("--models", help=f"Comma-separated: {', '.join(MODEL_NAMES)}.")
    ] = "",
    max_epochs: Annotated[
        int | None, typer.Option("--max-epochs", min=1, help="Most epochs of graph and sequence.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Configurations that graphrec tune wrote.")
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Train all models on Ray and publish a bundle; run again after Ctrl-C, it goes on."""
    settings = settings_for(store)
    log = StepLog()
    configs = read_configs(config, log)
    taken = take_snapshot(settings, snapshot, log)
    options = TrainOptions(
        workers=workers,
        ray_address=ray_address,
        seed=seed,
        models=_names(models),
        max_epochs=max_epochs,
        configs=configs,
    )
    bundles = BundleStore(settings.bundles_dir)
    data = Data.of(taken)
    with interruptible("the same command goes on from the last checkpoint"):
        trained = run_train(settings.store_dir, bundles, data, options, log)
    if json_output:
        print_json(_as_json(trained))
    else:
        _print(trained)


def take_snapshot(settings: Settings, directory: Path | None, log: StepLog) -> Snapshot:
    """The snapshot of a folder, or a new one of the graph."""
    if directory is not None:
        return read_snapshot(directory)
    log("exporting a snapshot of the graph")
    with open_graph(settings) as graph:
        return write_snapshot(graph, settings.snapshots_dir)


def _names(models: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in models.split(",") if name.strip()) or MODEL_NAMES
    unknown = [name for name in names if name not in MODEL_NAMES]
    if unknown:
        raise ParameterError(
            f"there is no model '{unknown[0]}'.", where="--models", remedy=f"One of {MODEL_NAMES}."
        )
    return names if "popularity" in names else ("popularity", *names)


def _as_json(trained: Trained) -> dict[str, Any]:
    return {
        "bundle": trained.bundle.id,
        "is_champion": trained.is_champion,
        "verdict": trained.verdict,
        "metrics": trained.bundle.manifest["metrics"],
        "weights": trained.weights,
        "seconds": {name: round(s, 1) for name, s in trained.fitted.seconds.items()},
        "skipped": trained.fitted.skipped,
        "peak_memory_mb": peak_memory_mb(),
    }


def _print(trained: Trained) -> None:
    table = Table(title=f"bundle {trained.bundle.id}, on validation")
    for column in ("model", "recall@10", "ndcg@10", "weight", "seconds"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name, metrics in trained.bundle.manifest["metrics"].items():
        weight, seconds = trained.weights.get(name), trained.fitted.seconds.get(name)
        table.add_row(
            name,
            f"{metrics['recall@10']:.4f}",
            f"{metrics['ndcg@10']:.4f}",
            "" if weight is None else f"{weight:+.3f}",
            "" if seconds is None else f"{seconds:.0f}",
        )
    console.print(table)
    for part in ("graph", "sequence"):
        if part in trained.weights and trained.weights[part] <= 0:
            console.print(f"[yellow]{part} earns no weight on this data.[/yellow]")
    for name, reason in trained.fitted.skipped.items():
        console.print(f"{name}: left out, {reason}", highlight=False)
    console.print(trained.verdict, highlight=False)

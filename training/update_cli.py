"""``graphrec update``: what is new since a bundle, learned in minutes instead of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from graphrec.bundle import CHAMPION, Bundle, BundleStore
from graphrec.cli.common import (
    JsonOption,
    SeedOption,
    StoreOption,
    console,
    interruptible,
    print_json,
    settings_for,
)
from graphrec.cli.evaluate import peak_memory_mb
from graphrec.cli.progress import StepLog
from graphrec.errors import SourceError, StoreOwnedError
from graphrec.features.changes import Changes
from graphrec.graph.snapshot import Snapshot
from graphrec.models.warm_start import WarmStartConfig
from graphrec.settings import Settings
from training.cli import take_snapshot
from training.known_data import known_data, snapshots_in
from training.train import Data
from training.update import Updated, nothing_new
from training.update import update as run_update

_DEFAULT = WarmStartConfig()


def update(
    ref: Annotated[str, typer.Argument(metavar="BUNDLE", help="Id or alias.")] = CHAMPION,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", help="The newer data; else the graph as it is now."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option("--since", help="The bundle's own snapshot; else found by its hash."),
    ] = None,
    passes: Annotated[
        int, typer.Option("--passes", min=0, help="Over new and replayed events.")
    ] = _DEFAULT.passes,
    seed: SeedOption = 0,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Learn what is new since a bundle and publish it updated; after Ctrl-C it goes on."""
    settings = settings_for(store)
    log = StepLog()
    bundles = BundleStore(settings.bundles_dir)
    parent = bundles.load(ref)
    taken = _newest(settings, snapshot, log)
    with interruptible("the same command goes on from the last pass"):
        done = _update(settings, bundles, parent, taken, since, (passes, seed), log)
    if json_output:
        print_json(_as_json(done))
    else:
        _print(done)


def _update(
    settings: Settings,
    bundles: BundleStore,
    parent: Bundle,
    taken: Snapshot,
    since: Path | None,
    chosen: tuple[int, int],
    log: StepLog,
) -> Updated:
    if taken.hash == parent.manifest["snapshot_hash"]:
        return Updated(None, parent.id, Changes(), False, nothing_new(parent), None)
    folders = [settings.snapshots_dir, taken.directory.resolve().parent]
    old = known_data(
        parent.manifest,
        folders if since is None else [since],
        remedy="Name its folder with --since, for what is new is what it does not hold; or train "
        "anew: graphrec train",
    )
    config = WarmStartConfig(passes=chosen[0], seed=chosen[1])
    return run_update(settings.store_dir, bundles, parent, (old, Data.of(taken)), config, log)


def _newest(settings: Settings, directory: Path | None, log: StepLog) -> Snapshot:
    """The data to learn from: as given, of the graph, or the newest that was taken of it."""
    if directory is not None or settings.graph_url or settings.graph_dir.exists():
        try:
            return take_snapshot(settings, directory, log)
        except StoreOwnedError:
            log("another process has the graph: taking the newest snapshot of the store")
    found = sorted(snapshots_in([settings.snapshots_dir]), key=lambda one: one.created_at)
    if not found:
        raise SourceError(
            "there is neither a graph to read nor a snapshot of it.",
            where=str(settings.snapshots_dir),
            remedy="Name one with --snapshot, or have the service write one: "
            "POST /v1/admin/snapshots",
        )
    log(f"newest snapshot: {found[-1].id}")
    return found[-1]


def _as_json(done: Updated) -> dict[str, Any]:
    told: dict[str, Any] = {
        "bundle": None if done.bundle is None else done.bundle.id,
        "parent": done.parent,
        "new": done.changes.as_json(),
        "is_champion": done.is_champion,
        "verdict": done.verdict,
    }
    if done.bundle is None or done.refreshed is None:
        return told
    refreshed = done.refreshed
    return told | {
        "metrics": done.bundle.manifest["metrics"],
        "before": refreshed.before.metrics,
        "held_out": refreshed.now.num_learners,
        "epochs": refreshed.epochs,
        "blend": refreshed.blend,
        "weights": refreshed.pipeline.blend.describe(),
        "seconds": {name: round(s, 1) for name, s in refreshed.seconds.items()},
        "peak_memory_mb": peak_memory_mb(),
    }


def _print(done: Updated) -> None:
    if done.bundle is None or done.refreshed is None:
        console.print(done.verdict, highlight=False)
        return
    now, before = done.refreshed.now, done.refreshed.before
    table = Table(
        "",
        "recall@10",
        "ndcg@10",
        title=f"bundle {done.bundle.id}: {now.num_learners:,} new events held out",
    )
    for name, found in ((done.parent, before), (done.bundle.id, now)):
        table.add_row(name, f"{found.metrics['recall@10']:.4f}", f"{found.metrics['ndcg@10']:.4f}")
    console.print(table)
    console.print(f"learned: {done.changes.describe()}; blend {done.refreshed.blend}")
    console.print(done.verdict, highlight=False)

"""``graphrec reproduce``: train a bundle again from what it says of itself, and compare."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from graphrec.bundle import CHAMPION, Bundle, BundleStore
from graphrec.bundle_compare import FileDifference, compare_bundles
from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    interruptible,
    print_json,
    settings_for,
)
from graphrec.cli.progress import StepLog
from graphrec.errors import TrainingError
from graphrec.version import __version__
from training.known_data import known_data
from training.train import Data, TrainOptions, train
from training.update import update_again

_DIFFERENT = 1


@dataclass(frozen=True)
class Reproduction:
    """A bundle and the one trained after it.

    Attributes:
        files: Every file of either.
        before: Validation NDCG@10 of the bundle's pipeline.
        now: That of the new one.
        seconds: What the models took, in all.
    """

    files: list[FileDifference]
    before: float
    now: float
    seconds: float

    @property
    def is_same(self) -> bool:
        """Whether every file has the same bits."""
        return all(one.is_same for one in self.files)


def reproduce_command(
    ref: Annotated[str, typer.Argument(metavar="BUNDLE", help="Id or alias.")] = CHAMPION,
    snapshot: Annotated[
        Path | None,
        typer.Option("--snapshot", help="The data; else found in the store by its hash."),
    ] = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Train a bundle again from its own data, settings and seed, and compare the two.

    Exit code 0: every file has the same bits; 1: some differ, and the table says by how
    much. The bundle and its aliases stay as they are.
    """
    settings = settings_for(store)
    log = StepLog()
    bundle = BundleStore(settings.bundles_dir).load(ref)
    if bundle.manifest["code_version"] != __version__:
        log(f"made by graphrec {bundle.manifest['code_version']}, this is {__version__}")
    option = bundle.manifest["config"].get("text_encoder", {}).get("option")
    if option not in (None, settings.text_encoder):
        log(f"made with GRAPHREC_TEXT_ENCODER={option}, here it is {settings.text_encoder}")
    data = known_data(
        bundle.manifest,
        [settings.snapshots_dir if snapshot is None else snapshot],
        remedy="Name its folder with --snapshot.",
    )
    others = [settings.snapshots_dir, *([] if snapshot is None else [snapshot.parent])]
    with interruptible("the same command goes on from the last checkpoint"):
        found = reproduce(settings.store_dir / "reproduce" / bundle.id, bundle, data, log, others)
    if json_output:
        print_json(_as_json(bundle, found))
    else:
        _print(bundle, found)
    if not found.is_same:
        raise typer.Exit(_DIFFERENT)


def reproduce(
    folder: Path, bundle: Bundle, data: Data, log: Any, snapshots: Sequence[Path] = ()
) -> Reproduction:
    """Train again in a folder of its own, which is deleted at the end.

    Args:
        folder: Keeps checkpoints, so that the same call goes on after an interruption.
        bundle: What is to be made again.
        data: What it was made from.
        log: A ``graphrec.cli.progress.StepLog``.
        snapshots: Where the snapshot of an updated bundle's parent may be.

    Raises:
        TrainingError: The bundle does not say how it was made.
    """
    if "parent" in bundle.manifest:
        made, seconds = update_again(folder, bundle, data, list(snapshots), log)
    else:
        trained = train(folder, BundleStore(folder / "bundles"), data, _options(bundle), log)
        made, seconds = trained.bundle, trained.fitted.seconds
    metrics = [one.manifest["metrics"]["pipeline"] for one in (bundle, made)]
    before, now = (float(one["ndcg@10"]) for one in metrics)
    files = compare_bundles(bundle, made)
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()  # unless another one is under way in it
    return Reproduction(files, before, now, sum(seconds.values()))


def _options(bundle: Bundle) -> TrainOptions:
    """How the bundle was trained; on our own cluster, wherever that was."""
    try:
        told = TrainOptions.model_validate(bundle.manifest["config"]["options"])
    except (KeyError, ValidationError) as exc:
        raise TrainingError(
            f"the bundle {bundle.id} does not say how it was trained: {exc}",
            remedy="It was made by another version; reproduce it with that one.",
        ) from exc
    return told.model_copy(update={"ray_address": None})


def _as_json(bundle: Bundle, found: Reproduction) -> dict[str, Any]:
    return {
        "bundle": bundle.id,
        "is_same": found.is_same,
        "ndcg@10": {"before": found.before, "now": found.now},
        "seconds": round(found.seconds, 1),
        "files": [
            {"name": f.name, "is_same": f.is_same, "largest": f.largest, "why": f.why}
            for f in found.files
        ],
    }


def _print(bundle: Bundle, found: Reproduction) -> None:
    table = Table("file", "same bits", "difference", title=f"{bundle.id}, trained again")
    for one in found.files:
        apart = "" if one.largest is None else f"up to {one.largest:.2g}"
        table.add_row(one.name, "yes" if one.is_same else "no", apart or one.why)
    console.print(table)
    console.print(
        f"validation NDCG@10 of the pipeline: {found.before:.4f}, again {found.now:.4f}",
        highlight=False,
    )
    verdict = (
        "reproduced: every file has the same bits."
        if found.is_same
        else "not the same bits: other hardware, library versions or several workers round "
        "differently; graphrec doctor shows the versions."
    )
    console.print(verdict, highlight=False)

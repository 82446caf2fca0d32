"""From a bundle and a newer snapshot to an updated bundle, without a training.

Thin: what is learned and how stands in ``graphrec.recommend.refresh``.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from graphrec.bundle import CHAMPION, Bundle, BundleStore, BundleWriter
from graphrec.dataset import Dataset
from graphrec.errors import MissingExtraError, SourceError, TrainingError
from graphrec.features.changes import Changes, find_changes
from graphrec.features.dataset import dataset_from_tables
from graphrec.features.ranking_tables import CourseColumns
from graphrec.features.signals import with_signals
from graphrec.features.summary import summarise
from graphrec.models.fitting import config_type
from graphrec.models.warm_start import WarmStartConfig
from graphrec.recommend.explorer import read_explorer, write_explorer
from graphrec.recommend.explorer_fit import Exploration
from graphrec.recommend.model_io import (
    TrainedPipeline,
    read_parameters,
    read_pipeline,
    write_pipeline,
)
from graphrec.recommend.refresh import Before, Refreshed, refresh
from graphrec.version import __version__
from training.known_data import known_data
from training.train import Data, decide

_MIN_ASKED = 20
"""With fewer held-out events nothing can be said against an update."""


@dataclass(frozen=True)
class Updated:
    """What an update came to.

    Attributes:
        bundle: The new bundle; None where nothing was new.
        parent: Id of the bundle it was made from.
        changes: What was new.
        is_champion: Whether the new bundle serves from now on.
        verdict: Why, one sentence.
        refreshed: Models and figures; None where nothing was new.
    """

    bundle: Bundle | None
    parent: str
    changes: Changes
    is_champion: bool
    verdict: str
    refreshed: Refreshed | None


def update(
    store_dir: Path,
    bundles: BundleStore,
    parent: Bundle,
    data: tuple[Data, Data],
    config: WarmStartConfig,
    log: Any,
) -> Updated:
    """Publish a bundle that knows what is new, champion where it is no worse.

    Args:
        store_dir: Where checkpoints are kept until the bundle stands.
        bundles: Where it is published.
        parent: What is updated; stays as it is.
        data: The snapshot that ``parent`` knows, and the newer one.
        config: How its neural models are trained on.
        log: A ``graphrec.cli.progress.StepLog``.

    Raises:
        SourceError: Courses of the bundle are not in the newer snapshot.
        TrainingError: The bundle cannot be gone on from.
    """
    old, new = data
    changes = find_changes(old.tables, new.tables)
    log(f"snapshot {new.id} against bundle {parent.id}: {changes.describe()}")
    if changes.is_nothing:
        return Updated(None, parent.id, changes, False, nothing_new(parent), None)
    _refuse_what_is_gone(parent, changes, new)
    trained = read_pipeline(parent)
    dataset, signals = with_signals(new.tables)
    before = _before(parent, trained, old, dataset)
    work_dir = store_dir / "training" / f"update-{_key(parent, new, config)}"
    refreshed = refresh(
        before,
        dataset,
        signals,
        config,
        columns=CourseColumns.from_tables(new.tables),
        run_dir=work_dir,
        report=log,
        progress=log.epoch,
    )
    kept = TrainedPipeline(
        refreshed.pipeline, dataset.items, trained.has_commitments, refreshed.parameters
    )
    info = _info(parent, data, config, changes, refreshed)
    explorer = Exploration.of(read_explorer(parent)).publish(refreshed.pipeline, dataset)

    def write(writer: BundleWriter) -> None:
        write_pipeline(writer, kept)
        write_explorer(writer, explorer)

    bundle = bundles.publish(write, info=info)
    asked = _compared(refreshed) if bundles.alias(CHAMPION) == parent.id else None
    is_champion, verdict = decide(bundles, bundle, refreshed.now, dataset, asked)
    shutil.rmtree(work_dir, ignore_errors=True)
    return Updated(bundle, parent.id, changes, is_champion, verdict, refreshed)


def _compared(refreshed: Refreshed) -> tuple[float, float]:
    """NDCG@10 of the bundle as it was, and the noise of the difference."""
    is_told = refreshed.now.num_learners >= _MIN_ASKED
    return refreshed.before.metrics["ndcg@10"], refreshed.margin if is_told else np.inf


def nothing_new(parent: Bundle) -> str:
    """What is said when there is nothing to learn."""
    return f"nothing is new since bundle {parent.id}."


def _refuse_what_is_gone(parent: Bundle, changes: Changes, new: Data) -> None:
    gone = changes.gone_courses
    if gone:
        raise SourceError(
            f"the snapshot {new.id} lacks {len(gone):,} courses that bundle {parent.id} knows, "
            f"among them {', '.join(gone[:3])}; an update only adds.",
            where="--snapshot",
            remedy="Name a newer snapshot of the same catalogue, or train anew: graphrec train",
        )


def _before(parent: Bundle, trained: TrainedPipeline, old: Data, now: Dataset) -> Before:
    if now.has_commitments != trained.has_commitments:
        raise TrainingError(
            f"learners enrol, complete or drop for the first time since bundle {parent.id}, so "
            "that views are no longer what counts as taken.",
            remedy="Train anew: graphrec train",
        )
    try:
        told = parent.manifest["config"]["models"]
        configs = {name: config_type(name).model_validate(told[name]) for name in told}
    except (KeyError, ValidationError) as exc:
        raise TrainingError(
            f"the bundle {parent.id} does not say how its models were trained: {exc}",
            remedy="It was made by another version; train anew: graphrec train",
        ) from exc
    dataset = dataset_from_tables(old.tables)
    if list(dataset.items) != list(trained.items):
        raise SourceError(f"the snapshot {old.id} is not what bundle {parent.id} was made from.")
    _one_thread()
    return Before(trained.pipeline, read_parameters(parent), configs, dataset)


def _one_thread() -> None:
    """Sums in one order, so that the same update gives the same bits."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "train") from error
    torch.set_num_threads(1)


def _key(parent: Bundle, new: Data, config: WarmStartConfig) -> str:
    """Name of an update: the same one goes on where it stopped."""
    told = f"{parent.id} {new.hash} {config.model_dump_json()} {__version__}"
    return blake2b(told.encode(), digest_size=8).hexdigest()


def _info(
    parent: Bundle,
    data: tuple[Data, Data],
    config: WarmStartConfig,
    changes: Changes,
    refreshed: Refreshed,
) -> dict[str, Any]:
    old, new = data
    manifest, now = parent.manifest, refreshed.now
    before = manifest.get("update", {}).get("trained", manifest["metrics"].get("pipeline", {}))
    return {
        "parent": parent.id,
        "snapshot_id": new.id,
        "snapshot_hash": new.hash,
        "config": {
            "update": config.model_dump(),
            "models": manifest["config"]["models"],
            "epochs": refreshed.epochs,
        },
        "seed": config.seed,
        "code_version": __version__,
        "models": list(refreshed.pipeline.models),
        "metrics": {"pipeline": now.metrics, **refreshed.validation},
        "num_validation": now.num_learners,
        "standard_error": round(now.standard_error, 5),
        "update": {
            "since": {"snapshot_id": old.id, "snapshot_hash": old.hash},
            "new": changes.as_json(),
            "before": refreshed.before.metrics,
            "margin": round(refreshed.margin, 5),
            "blend": refreshed.blend,
            "ranker": refreshed.ranker,
            "trained": before,
        },
        "data": summarise(new.tables),
        "seconds": {name: round(seconds, 1) for name, seconds in refreshed.seconds.items()},
    }


def update_again(
    folder: Path, bundle: Bundle, new: Data, snapshots: list[Path], log: Any
) -> tuple[Bundle, dict[str, float]]:
    """Make an updated bundle anew from its parent, into a folder of its own.

    Args:
        folder: Where it is published, and checkpoints are kept.
        bundle: What is to be made again; its parent stands in the same store.
        new: The snapshot that it knows.
        snapshots: Where the parent's snapshot may be.
        log: A ``graphrec.cli.progress.StepLog``.

    Returns:
        The new bundle, and the seconds of its models.

    Raises:
        BundleMissingError: The parent is gone.
        TrainingError: The bundle does not say how it was made.
    """
    parent = BundleStore(bundle.directory.parent).load(str(bundle.manifest["parent"]))
    log(f"bundle {bundle.id} is an update of {parent.id}: updating that one again")
    try:
        config = WarmStartConfig.model_validate(bundle.manifest["config"]["update"])
    except (KeyError, ValidationError) as exc:
        raise TrainingError(
            f"the bundle {bundle.id} does not say how it was updated: {exc}",
            remedy="It was made by another version; reproduce it with that one.",
        ) from exc
    remedy = "Put it beside the snapshot that --snapshot names."
    data = known_data(parent.manifest, snapshots, remedy), new
    again = update(folder, BundleStore(folder / "bundles"), parent, data, config, log)
    if again.bundle is None or again.refreshed is None:
        raise TrainingError(f"{again.verdict} It cannot be what bundle {bundle.id} was made from.")
    return again.bundle, again.refreshed.seconds

"""From a snapshot to a published bundle: split, train on Ray, compose, write.

Thin: what is learned and how stands in ``graphrec``; this file gives each step its place.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from graphrec.bundle import CHAMPION, Bundle, BundleStore, BundleWriter
from graphrec.cli.evaluate import peak_memory_mb
from graphrec.dataset import Dataset
from graphrec.errors import BundleError, TrainingError
from graphrec.evaluate.on_validation import validation_figures
from graphrec.events.splits import hold_out_last
from graphrec.features.ranking_tables import CourseColumns
from graphrec.features.signals import with_signals
from graphrec.features.summary import summarise
from graphrec.graph.snapshot import Snapshot
from graphrec.models.config_file import Fields, config_for
from graphrec.models.content import text_encoder_of
from graphrec.models.dataset_io import save_dataset
from graphrec.models.registry import MODEL_NAMES, NEURAL
from graphrec.models.training import Outcome
from graphrec.recommend.compose import (
    Fitted,
    Validation,
    compose,
    fit_models,
    refit_simple,
)
from graphrec.recommend.explorer import Explorer, write_explorer
from graphrec.recommend.explorer_fit import Exploration, with_untaken
from graphrec.recommend.model_io import TrainedPipeline, write_pipeline
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranker_fit import fit_ranking
from graphrec.recommend.ranking_layer import over_now
from graphrec.recommend.validate import Validated, validate_pipeline
from graphrec.version import __version__
from training.cluster import require_ray
from training.trainer import train_on_ray


class TrainOptions(BaseModel):
    """How a training runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=1, ge=1, le=256, description="Ray Train workers.")
    ray_address: str | None = Field(default=None, description="A standing cluster; None: our own.")
    seed: int = Field(default=0, ge=0, description="Of every random choice.")
    models: tuple[str, ...] = Field(default=MODEL_NAMES, description="Parts of the pipeline.")
    max_epochs: int | None = Field(
        default=None, ge=1, description="Most epochs of graph, sequence."
    )
    configs: dict[str, Fields] = Field(
        default={}, description="Of graph and sequence: the fields that differ from the default."
    )
    min_validation: int = Field(
        default=1_000, ge=1, description="Learners held out where there are so many."
    )
    validation_share: float = Field(
        default=0.1, gt=0, le=1, description="Of the learners, above the minimum."
    )
    max_validation: int = Field(
        default=10_000, ge=1, description="More learners held out would teach less than they cost."
    )


@dataclass(frozen=True)
class Data:
    """A snapshot ready to train on.

    Attributes:
        tables: Native tables.
        hash: Of their content.
        id: The snapshot's name.
    """

    tables: Mapping[str, pa.Table]
    hash: str
    id: str

    @classmethod
    def of(cls, taken: Snapshot) -> Data:
        """The tables of a snapshot, read and checked."""
        return cls(taken.tables(), taken.hash, taken.id)


@dataclass(frozen=True)
class Trained:
    """What a training published.

    Attributes:
        bundle: The bundle.
        is_champion: Whether it serves from now on.
        verdict: Why, one sentence.
        fitted: Models, seconds and validation metrics.
        weights: Part -> weight in the blend.
    """

    bundle: Bundle
    is_champion: bool
    verdict: str
    fitted: Fitted
    weights: dict[str, float]


def train(
    store_dir: Path, bundles: BundleStore, data: Data, options: TrainOptions, log: Any
) -> Trained:
    """Train every model, publish a bundle, and make it champion where it is no worse.

    Args:
        store_dir: Where checkpoints are kept until the bundle stands.
        bundles: Where it is published.
        data: What is learned from.
        options: How.
        log: A ``graphrec.cli.progress.StepLog``.

    Raises:
        MissingExtraError: The extra ``train`` is not installed.
        TrainingError: The data has no interactions, or workers failed.
    """
    require_ray()
    dataset, signals = with_signals(data.tables)
    if len(dataset.histories.items) == 0:
        raise TrainingError(
            "the snapshot has no interactions to learn from.",
            remedy="Import some (graphrec import --help), or send events.",
        )
    eligible = int((dataset.histories.lengths >= 2).sum())
    most = int(
        np.clip(eligible * options.validation_share, options.min_validation, options.max_validation)
    )
    held = hold_out_last(dataset.histories, min_length=2, seed=options.seed, max_learners=most)
    known = signals.take(held.rows).before(held.times)
    validation = Validation(held.inputs, held.targets, known, held.times)
    log(_describe(data, dataset, len(held.rows)))
    work_dir = store_dir / "training" / _key(data, options)
    train_set = dataset.with_histories(held.train)
    # Ray starts with the first model that it trains, and stays for the others.
    with ExitStack() as rays:
        fitted = fit_models(
            train_set,
            validation,
            fit_neural=_ray_fit(work_dir, train_set, validation, options, log, rays),
            names=options.models,
            seed=options.seed,
            report=log,
        )
    models = with_untaken(fitted.models, train_set)
    pipeline = compose(models, validation, seed=options.seed, report=log)
    told = Exploration.learn(pipeline, train_set, validation, seed=options.seed, report=log)
    columns = CourseColumns.from_tables(data.tables)
    validated, figures = _ranked(pipeline, columns, train_set, validation, options.seed, log)
    refit_simple(pipeline, dataset, log)
    explorer = told.publish(pipeline, dataset)
    pipeline.ranking = over_now(pipeline.ranking, columns, dataset)
    whole = TrainedPipeline(pipeline, dataset.items, dataset.has_commitments, fitted.parameters)
    figures["exploration"] = told.figures()
    info = _info(data, options, fitted, validated, train_set) | figures
    info["config"] |= {"text_encoder": text_encoder_of(fitted.models.get("content"))}
    bundle = bundles.publish(lambda writer: _write(writer, whole, explorer), info=info)
    is_champion, verdict = decide(bundles, bundle, validated, dataset)
    _sweep(store_dir / "training", keep=work_dir)
    return Trained(bundle, is_champion, verdict, fitted, pipeline.blend.describe())


def _ranked(
    pipeline: Pipeline,
    columns: CourseColumns,
    train_set: Dataset,
    validation: Validation,
    seed: int,
    log: Any,
) -> tuple[Validated, dict[str, Any]]:
    """Put a ranker over the blend where it wins, and measure the pipeline on validation."""
    facts = columns.facts(train_set)
    ranked = fit_ranking(pipeline, validation, facts, seed=seed, report=log)
    validated = ranked.validated or validate_pipeline(pipeline, validation, seed=seed)
    log(f"pipeline: {validated.describe()} on validation")
    figures = validation_figures(pipeline, train_set, validation, ranked.halves, seed=seed)
    return validated, figures | {"ranker": ranked.figures()}


def _describe(data: Data, dataset: Dataset, num_held: int) -> str:
    """What is learned from, one line."""
    return (
        f"snapshot {data.id}: {len(dataset.learners):,} learners, {dataset.num_items:,} courses, "
        f"{len(dataset.histories.items):,} interactions; {num_held:,} held out to choose by"
    )


def _ray_fit(
    work_dir: Path,
    train_set: Dataset,
    validation: Validation,
    options: TrainOptions,
    log: Any,
    rays: ExitStack,
) -> Any:
    """Trains a neural model on Ray's workers, from files that they all see."""

    def fit(name: str, _train: Dataset, _validation: Any) -> Outcome:
        data_dir = work_dir / "dataset"
        if not data_dir.is_dir():
            save_dataset(data_dir, train_set, (validation.inputs, validation.targets))
        config = config_of(name, train_set, options)
        return train_on_ray(
            name,
            data_dir,
            config,
            num_workers=options.workers,
            ray_address=options.ray_address,
            run_dir=work_dir / name,
            progress=log.epoch,
            keep=rays,
        )

    return fit


def config_of(name: str, train_set: Dataset, options: TrainOptions) -> BaseModel:
    """How a neural model is trained: options beat the config file, that beats the default.

    Raises:
        ParameterError: A field of ``options.configs`` does not exist, or its value does not fit.
    """
    chosen: dict[str, Any] = {"seed": options.seed}
    if options.max_epochs is not None:
        chosen["max_epochs"] = options.max_epochs
    config = config_for(name, train_set, options.configs.get(name))
    return config.model_copy(update=chosen)


def _key(data: Data, options: TrainOptions) -> str:
    """Name of a training: the same data, options and code go on where they stopped."""
    told = options.model_dump_json(exclude={"workers", "ray_address"})
    return blake2b(f"{data.hash} {told} {__version__}".encode(), digest_size=8).hexdigest()


def _write(writer: BundleWriter, trained: TrainedPipeline, explorer: Explorer | None) -> None:
    write_pipeline(writer, trained)
    write_explorer(writer, explorer)


def _info(
    data: Data, options: TrainOptions, fitted: Fitted, validated: Validated, train_set: Dataset
) -> dict[str, Any]:
    configs = {
        name: config_of(name, train_set, options).model_dump()
        for name in fitted.models
        if name in NEURAL
    }
    return {
        "snapshot_id": data.id,
        "snapshot_hash": data.hash,
        "config": {"options": options.model_dump(), "models": configs, "epochs": fitted.epochs},
        "seed": options.seed,
        "code_version": __version__,
        "models": list(fitted.models),
        "metrics": {"pipeline": validated.metrics, **fitted.validation},
        "num_validation": validated.num_learners,
        "standard_error": round(validated.standard_error, 5),
        "skipped": fitted.skipped,
        "data": summarise(data.tables),
        "seconds": {name: round(seconds, 1) for name, seconds in fitted.seconds.items()},
        "peak_memory_mb": peak_memory_mb(),
    }


def decide(
    bundles: BundleStore,
    bundle: Bundle,
    validated: Validated,
    dataset: Dataset,
    asked: tuple[float, float] | None = None,
) -> tuple[bool, str]:
    """Make the bundle champion where there is none, or where it is no worse within noise.

    ``asked``: NDCG@10 of the champion on the same learners, and the noise of the difference.
    """
    try:
        old = bundles.load(CHAMPION)
    except BundleError:
        bundles.set_alias(CHAMPION, bundle.id)
        return True, "champion: there was no usable one before."
    known = set(old.table("items")["course_id"].to_pylist())
    shared = sum(item in known for item in dataset.items) / dataset.num_items
    # An update was asked for new events alone: a training compares with the last training.
    metrics = old.manifest.get("update", {}).get("trained") or old.manifest["metrics"].get(
        "pipeline", {}
    )
    before = float(metrics.get("ndcg@10", 0.0))
    now = validated.metrics["ndcg@10"]
    if shared < 0.5:
        bundles.set_alias(CHAMPION, bundle.id)
        return True, "champion: the catalogue is another one than before."
    # On the same data the same learners were asked; on other data chance has its part.
    is_same_data = old.manifest["snapshot_hash"] == bundle.manifest["snapshot_hash"]
    margin = 0.0 if is_same_data else validated.standard_error
    before, margin = asked or (before, margin)
    if now >= before - margin:
        bundles.set_alias(CHAMPION, bundle.id)
        return True, f"champion: validation NDCG@10 {now:.4f}, before {before:.4f}."
    return False, (
        f"not champion: validation NDCG@10 {now:.4f} is below {before:.4f}; "
        f"to serve it all the same: graphrec models promote {bundle.id}"
    )


def _sweep(folder: Path, keep: Path) -> None:
    """Drop the checkpoints of older trainings: their bundles stand."""
    for old in folder.iterdir() if folder.is_dir() else []:  # only neural models have some
        if old.is_dir() and old != keep:
            shutil.rmtree(old, ignore_errors=True)

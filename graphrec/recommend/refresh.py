"""Stage 3, TRAIN: a pipeline updated with what is new, in minutes instead of a training.

Closed-form models are fitted again; graph and sequence go on from their weights
(``graphrec.models.warm_start``); the blend is kept, or learned again where enough new
events are held out. A ranker is kept with its blend, over the facts as they are now. Both
pipelines, as it was and as it is, are asked for the same new events, which neither has seen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from graphrec.dataset import Dataset
from graphrec.errors import TrainingError
from graphrec.features.ranking_tables import NO_COLUMNS, CourseColumns
from graphrec.features.signals import LearnerSignals
from graphrec.models.base import Model
from graphrec.models.content import ContentModel
from graphrec.models.ranking import ranking_metrics
from graphrec.models.registry import NEURAL
from graphrec.models.training import Progress
from graphrec.models.warm_start import Trained, WarmStartConfig, fine_tune
from graphrec.recommend.compose import (
    MAX_BLENDED,
    Report,
    Validation,
    build_indexes,
    learn_blend,
    refit,
    refit_simple,
)
from graphrec.recommend.growth import as_known_before, growth, hold_out_new, new_entries
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranking_layer import RankingLayer, over_now
from graphrec.recommend.validate import Validated, cross_fitted, own_gains, summary

MIN_BLENDED = 500
"""Held-out events from which a blend is learned again."""


@dataclass(frozen=True)
class Before:
    """A pipeline as it was trained or last updated.

    Attributes:
        pipeline: With its blend.
        parameters: Weights of its neural models.
        configs: How these were trained.
        dataset: What it was fitted on.
    """

    pipeline: Pipeline
    parameters: Mapping[str, Mapping[str, np.ndarray]]
    configs: Mapping[str, BaseModel]
    dataset: Dataset


@dataclass
class Refreshed:
    """The updated pipeline, and what the update brought on held-out new events.

    Attributes:
        pipeline: Closed-form models fitted on everything.
        parameters: Weights of its neural models, to go on from again.
        before: What the old pipeline finds of the held-out events.
        now: What the new one finds of the same.
        margin: Standard error of the difference of their NDCG@10, a learner each.
        epochs: Pass that was taken of each neural model; 0: the old model, new items placed.
        blend: "kept" or "learned again".
        ranker: "kept", why it was dropped, or "" where there was none.
        validation: Metrics of each model on the held-out events.
        seconds: Wall seconds of each model.
    """

    pipeline: Pipeline
    parameters: dict[str, Mapping[str, np.ndarray]]
    before: Validated
    now: Validated
    margin: float
    blend: str
    ranker: str = ""
    epochs: dict[str, int] = field(default_factory=dict)
    validation: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def refresh(
    before: Before,
    dataset: Dataset,
    signals: LearnerSignals,
    config: WarmStartConfig,
    *,
    columns: CourseColumns = NO_COLUMNS,
    run_dir: Path | None = None,
    report: Report = lambda line: None,
    progress: Progress | None = None,
) -> Refreshed:
    """Update a pipeline.

    Args:
        before: The pipeline; its models stay as they are.
        dataset: All that is known now; every item of ``before.dataset`` is in it.
        signals: Of the same learners.
        config: How graph and sequence are trained on.
        columns: What is known of the courses now, for the ranker.
        run_dir: Folder of checkpoints, to go on from after an interruption.
        report: Told of each step.
        progress: Told of each pass.

    Raises:
        TrainingError: The bundle holds no weights to go on from.
    """
    is_new = new_entries(before.dataset, dataset)
    held = hold_out_new(dataset.histories, is_new, config.seed)
    train = dataset.with_histories(held.train)
    known = signals.take(held.rows).before(held.times)
    asked = Validation(held.train.take(held.rows), held.targets, known, held.times)
    report(f"{is_new.sum():,} courses taken anew; {len(held.rows):,} held out to choose by")
    done = _Update(before, train, asked, held.is_new, config, run_dir, progress)
    for name in before.pipeline.models:
        report(f"{name}: {'going on' if name in NEURAL else 'fitting'}")
        done.update(name)
    pipeline = done.pipeline()
    pipeline.ranking = over_now(before.pipeline.ranking, columns, train)
    ranker = _what_came_of(before.pipeline.ranking, pipeline.ranking)
    stale = own_gains(before.pipeline, done.asked_before())
    gains, blend = _blended(pipeline, asked, config.seed)
    found = Refreshed(
        pipeline,
        done.parameters,
        summary(stale),
        summary(gains),
        float((gains - stale).std() / max(np.sqrt(len(gains)), 1.0)) if len(gains) else 0.0,
        blend,
        ranker,
        done.epochs,
        done.validation,
        done.seconds,
    )
    told = f"blend {blend}" + (f", ranker {ranker}" if ranker else "")
    report(f"before: {found.before.describe()}; now: {found.now.describe()}, {told}")
    refit_simple(pipeline, dataset, report)
    pipeline.ranking = over_now(pipeline.ranking, columns, dataset)
    return found


def _what_came_of(before: RankingLayer | None, now: RankingLayer | None) -> str:
    """Of the ranker there was, "" where there was none."""
    if before is None:
        return ""
    return "dropped: the data lacks what it needs" if now is None else "kept"


class _Update:
    """The models of a pipeline being updated, one after the other."""

    def __init__(
        self,
        before: Before,
        train: Dataset,
        asked: Validation,
        is_new: np.ndarray,
        config: WarmStartConfig,
        run_dir: Path | None,
        progress: Progress | None,
    ) -> None:
        self._before, self._train, self._asked = before, train, asked
        self._config, self._run_dir, self._progress = config, run_dir, progress
        content = None
        if "content" in before.pipeline.models and ContentModel.applies_to(train):
            content = ContentModel().fit(train)
        self._content = content
        vectors = None if content is None else content.item_vectors()
        self._growth = growth(before.dataset, train, is_new, vectors)
        self.models: dict[str, Model] = {}
        self.parameters: dict[str, Mapping[str, np.ndarray]] = {}
        self.epochs: dict[str, int] = {}
        self.validation: dict[str, dict[str, float]] = {}
        self.seconds: dict[str, float] = {}

    def update(self, name: str) -> None:
        """Add a model."""
        begun = time.perf_counter()
        old = self._before.pipeline.models[name]
        if name in NEURAL:
            self.models[name] = self._go_on(name, old)
        elif name == "content" and self._content is not None:
            self.models[name] = self._content
        else:
            # A copy: what it was chosen with is kept, and the old one is still to be asked.
            self.models[name] = type(old).from_state(old.state())
            refit(self.models[name], self._train)
        self.seconds[name] = time.perf_counter() - begun
        metrics = ranking_metrics(self.models[name], self._asked.inputs, self._asked.targets)
        self.validation[name] = {key: round(value, 4) for key, value in metrics.items()}

    def _go_on(self, name: str, old: Model) -> Model:
        if name not in self._before.parameters:
            raise TrainingError(
                f"the bundle holds no weights of '{name}' to go on from.",
                remedy="Train one with this version: graphrec train",
            )
        trained = Trained(old, self._before.parameters[name], self._before.configs[name])
        outcome = fine_tune(
            name,
            trained,
            self._train,
            (self._asked.inputs, self._asked.targets),
            self._growth,
            self._config,
            progress=self._progress,
            run_dir=None if self._run_dir is None else self._run_dir / name,
        )
        self.parameters[name], self.epochs[name] = outcome.parameters, outcome.state.best_epoch
        return outcome.model

    def pipeline(self) -> Pipeline:
        """The updated models under the old blend."""
        old = self._before.pipeline
        return Pipeline(
            self.models,
            blend=old.blend,
            indexes=build_indexes(self.models),
            config=old.config,
            signals=old.signals,
        )

    def asked_before(self) -> Validation:
        """What is held out, as the old pipeline hears it."""
        rows = self._growth.item_rows
        return as_known_before(self._asked, rows, self._before.dataset.num_items)


def _blended(pipeline: Pipeline, asked: Validation, seed: int) -> tuple[np.ndarray, str]:
    """NDCG@10 of each learner asked, and which blend it is by: the better one.

    Under a ranker the blend is kept, for the ranker has learned to correct that very blend.
    """
    gains = own_gains(pipeline, asked)
    if len(gains) < MIN_BLENDED or pipeline.ranking is not None:
        return gains, "kept"
    again = cross_fitted(pipeline, asked, seed)
    if again.mean() <= gains.mean():
        return gains, "kept"
    pipeline.blend = learn_blend(pipeline, asked.sample(MAX_BLENDED, seed))
    return again, "learned again"

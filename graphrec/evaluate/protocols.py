"""The protocols: what is held out, what is asked, how it is scored. The test is scored once.

``loo-full``: each learner's last item among all unseen ones. ``loo-100``: among 100 unseen
ones drawn uniformly. ``split-full``: a published test set, all items ranked but training's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.asked import Asked
from graphrec.evaluate.calibration import Calibration
from graphrec.evaluate.curve import novelty_curve
from graphrec.evaluate.refit import SUFFIX, RefitNeural, refit_models, refitted_pipeline
from graphrec.evaluate.rows import (
    NUM_SAMPLED,
    Rows,
    composed_pipeline,
    pipeline_score,
    published,
    ranked_pipeline,
)
from graphrec.events.splits import HeldOut, hold_out_last
from graphrec.features.ranking_tables import NO_COLUMNS, CourseColumns
from graphrec.features.signals import NO_SIGNALS, LearnerSignals
from graphrec.models.registry import BASELINES, MODEL_NAMES, ROW_NAMES
from graphrec.recommend.compose import (
    MAX_TUNED,
    FitNeural,
    Fitted,
    Report,
    Validation,
    fit_models,
)
from graphrec.recommend.pipeline import Pipeline

Protocol = Literal["loo-full", "loo-100", "split-full"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)

BASELINE_BLEND = "ease+sequence_rules"
"""The strongest simple composition, a row of its own: what the pipeline must beat."""

_BASELINE_PARTS = ("popularity", "ease", "sequence_rules")


@dataclass(frozen=True)
class Task:
    """A split: what is learned from, chosen on and asked at last.

    Attributes:
        train: What models learn from.
        validation: What everything is chosen on.
        inputs: Histories of the n test learners.
        targets: int [n], or test histories of the n learners (split-full).
        whole: ``train`` with the validation items, for the rows that are fitted again.
        signals: Of the test learners, by part.
        moments: int64 [n], epoch ms each took its target at, -1 unknown; None: nobody's.
    """

    train: Dataset
    validation: Validation
    inputs: Histories
    targets: np.ndarray | Histories
    whole: Dataset
    signals: LearnerSignals = NO_SIGNALS
    moments: np.ndarray | None = None


@dataclass
class Evaluation:
    """Test figures by model, and how they came about.

    Attributes:
        results: Model -> metrics and seconds; only test figures.
        fitted: Models, seconds, validation metrics, what was skipped.
        weights: Part -> weight in the pipeline's blend.
        ranker: Whether a ranker corrects the blend, and why.
        beyond: Row -> the figures of ``graphrec.evaluate.beyond``; of the test too.
        slices: Row -> ``history`` and ``course_age`` -> accuracy of each slice of the test.
        calibration: Of the pipeline's scores; {} without it, and with several right items.
        curve: The pipeline on validation at several weights of novelty, where asked for.
    """

    results: dict[str, dict[str, float]]
    fitted: Fitted
    weights: dict[str, float] = field(default_factory=dict)
    ranker: dict[str, Any] = field(default_factory=dict)
    beyond: dict[str, dict[str, float | None]] = field(default_factory=dict)
    slices: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    curve: list[dict[str, float | None]] = field(default_factory=list)


def split(
    dataset: Dataset, test: Histories | None, protocol: str, seed: int, signals: LearnerSignals
) -> Task:
    """Cut validation and test off.

    Args:
        dataset: All histories (of a published split: the training part).
        test: Test items by learner, of a published split.
        protocol: One of ``PROTOCOLS``.
        seed: Of random choices, where order means nothing.
        signals: Of all learners.

    Raises:
        ParameterError: The protocol does not fit the data.
    """
    if (test is None) == (protocol == "split-full"):
        raise ParameterError(
            f"protocol {protocol} does not fit this data.",
            where="protocol",
            remedy="split-full goes with --format split, the others with sequences or pairs.",
        )
    if test is not None:
        held = hold_out_last(dataset.histories, min_length=2, seed=seed)
        asked = np.flatnonzero(test.lengths > 0)
        if not len(asked):
            raise ParameterError("test.txt asks for no item of any learner.", where="data")
        inputs, targets = dataset.histories.take(asked), test.take(asked)
        train, validation = _train(dataset, held.train), _validation(held, signals)
        return Task(train, validation, inputs, targets, dataset)
    last = hold_out_last(dataset.histories, min_length=3, seed=seed)
    held = hold_out_last(last.train, min_length=2, seed=seed + 1)
    if not len(last.rows):
        raise ParameterError(
            "no learner has three interactions, so that there is nothing to ask.",
            where="data",
            remedy="One is learned from, one chosen on and one asked.",
        )
    train, validation = _train(dataset, held.train), _validation(held, signals)
    known = signals.take(last.rows).before(last.times)
    whole = _train(dataset, last.train)
    return Task(train, validation, last.inputs, last.targets, whole, known, last.times)


def _train(dataset: Dataset, histories: Histories) -> Dataset:
    return dataset.with_histories(histories)


def _validation(held: HeldOut, signals: LearnerSignals) -> Validation:
    told = signals.take(held.rows).before(held.times)
    return Validation(held.inputs, held.targets, told, held.times)


def evaluate(
    task: Task,
    protocol: str,
    *,
    fit_neural: FitNeural,
    names: Sequence[str] = (*ROW_NAMES, "pipeline"),
    seed: int = 0,
    report: Report = lambda line: None,
    curve: bool = False,
    refit: RefitNeural | None = None,
    columns: CourseColumns = NO_COLUMNS,
) -> Evaluation:
    """Fit, choose on validation, and score the test once a model.

    Args:
        task: The split.
        protocol: One of ``PROTOCOLS``.
        fit_neural: Trains graph and sequence.
        names: Rows wanted; "pipeline" is composed of the models named beside it and
            popularity, and of all models where it stands alone. The names of
            ``BASELINES`` are rows only.
        seed: Of samples.
        report: Told of each step.
        curve: Measure on validation what novelty costs the pipeline.
        refit: How graph and sequence are trained again for the rows of
            ``graphrec.evaluate.refit``; None: no such rows.
        columns: What is known of the courses, for the ranker.

    Raises:
        ParameterError: The protocol or the curve does not fit what is asked.
    """
    wants_pipeline = "pipeline" in names
    _check_curve(curve, protocol, wants_pipeline=wants_pipeline)
    num_sampled = NUM_SAMPLED if protocol == "loo-100" else 0
    asked = Asked(task.inputs, task.targets, num_sampled, task.train.num_items, seed)
    parts = [name for name in names if name in MODEL_NAMES]
    if wants_pipeline:
        parts = ["popularity", *parts] if parts else list(MODEL_NAMES)
    needed = [*parts, *(name for name in names if name in BASELINES)]
    fitted = fit_models(
        task.train,
        task.validation,
        fit_neural=fit_neural,
        names=needed,
        seed=seed,
        report=report,
    )
    rows = Rows(task.train, asked)
    for name, model in fitted.models.items():
        if name in names:
            report(f"{name}: scoring the test")
            rows.add(name, published(model), fitted.seconds[name])
    found = Evaluation(rows.results, fitted, beyond=rows.beyond, slices=rows.slices)
    if wants_pipeline:
        composed = _add_pipeline(
            found, rows, task, names, columns, seed=seed, report=report, curve=curve
        )
        if refit is not None:
            _add_refitted(found, rows, task, composed, refit, columns, report)
    return found


def _check_curve(curve: bool, protocol: str, *, wants_pipeline: bool) -> None:
    if curve and not (wants_pipeline and protocol != "loo-100"):
        raise ParameterError(
            "the curve is that of the pipeline's lists out of all items.",
            where="curve",
            remedy="Name pipeline among the models, and take loo-full or split-full.",
        )


def _add_pipeline(
    found: Evaluation,
    rows: Rows,
    task: Task,
    names: Sequence[str],
    columns: CourseColumns,
    *,
    seed: int,
    report: Report,
    curve: bool,
) -> dict[str, Pipeline]:
    """Add the rows of the pipeline and of its strongest simple part; returns both."""
    fitted = found.fitted
    composed: dict[str, Pipeline] = {}
    baseline = {n: fitted.models[n] for n in _BASELINE_PARTS if n in fitted.models}
    # A row that costs nothing where its parts are rows too, and none asked for elsewhere.
    if len(baseline) == len(_BASELINE_PARTS) and {"ease", "sequence_rules"} <= set(names):
        start = time.perf_counter()
        simple = composed_pipeline(rows.asked, baseline, task.validation, seed, report)
        score = pipeline_score(simple, task.signals, rows.asked, task.moments)
        rows.add(BASELINE_BLEND, score, time.perf_counter() - start)
        composed[BASELINE_BLEND] = simple
    report("pipeline: learning the blend")
    start = time.perf_counter()
    models = {n: model for n, model in fitted.models.items() if n not in BASELINES}
    pipeline = composed_pipeline(rows.asked, models, task.validation, seed, report)
    seconds = sum(fitted.seconds[name] for name in models) + time.perf_counter() - start
    found.weights = pipeline.blend.describe()
    if curve:
        num_learners = min(len(task.validation.targets), MAX_TUNED)
        report(f"pipeline: what novelty costs, on {num_learners:,} learners of validation")
        found.curve = novelty_curve(pipeline, task.validation, rows.catalogue, seed=seed)
    start = time.perf_counter()
    facts = columns.facts(task.train)
    fit = ranked_pipeline(pipeline, rows.asked, task.validation, facts, seed, report)
    found.ranker = fit.figures()
    report("pipeline: scoring the test")
    seconds += time.perf_counter() - start
    _score_pipeline(found, rows, pipeline, task, seconds)
    return composed | {"pipeline": pipeline}


def _add_refitted(
    found: Evaluation,
    rows: Rows,
    task: Task,
    composed: Mapping[str, Pipeline],
    refit: RefitNeural,
    columns: CourseColumns,
    report: Report,
) -> None:
    """A row for each composed pipeline, fitted again with the validation items."""
    fitted = found.fitted
    neural, seconds = refit_models(
        fitted, task.whole, task.validation, refit_neural=refit, report=report
    )
    for name, pipeline in composed.items():
        start = time.perf_counter()
        again = refitted_pipeline(pipeline, task.whole, neural, columns, report)
        cost = time.perf_counter() - start + (seconds if name == "pipeline" else 0.0)
        score = pipeline_score(again, task.signals, rows.asked, task.moments)
        rows.add(name + SUFFIX, score, cost)


def _score_pipeline(
    found: Evaluation, rows: Rows, pipeline: Pipeline, task: Task, seconds: float
) -> None:
    score = pipeline_score(pipeline, task.signals, rows.asked, task.moments)
    if not isinstance(task.targets, np.ndarray):
        # The blend says which course is the next one, not which are right among several.
        rows.add("pipeline", score, seconds)
        return
    calibration = Calibration(task.targets)
    rows.add("pipeline", score, seconds, calibration)
    found.calibration = calibration.figures()

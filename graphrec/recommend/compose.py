"""Stage 3, TRAIN: fit every model, choose on validation, and learn the blend over them.

In come a training set and held-out items; out goes a pipeline. The same code composes the
pipeline that ``evaluate`` scores and the one that ``train`` publishes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.errors import MissingExtraError, TrainingError
from graphrec.features.signals import NO_SIGNALS, LearnerSignals
from graphrec.index.base import ItemIndex
from graphrec.index.build import build_index
from graphrec.models.als import ALSConfig, ALSModel
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.blend import Blend, Candidates
from graphrec.models.bpr import BPRConfig, BPRModel
from graphrec.models.content import ContentModel
from graphrec.models.ease import EASEConfig, EASEModel
from graphrec.models.factors import is_installed
from graphrec.models.graph_filter import GraphFilterConfig, GraphFilterModel
from graphrec.models.itemitem import ItemItemModel
from graphrec.models.ranking import ranking_metrics
from graphrec.models.registry import BASELINES, MODEL_NAMES, NEURAL, ROW_NAMES, model_class
from graphrec.models.training import Outcome
from graphrec.recommend.pipeline import POPULARITY, Pipeline

MAX_TUNED = 5_000
"""Validation learners on which a simple model's exponent is chosen."""

MAX_BLENDED = 20_000
"""Validation learners from whom the blend is learned; more moved no weight."""

RECENCIES = (0.0, 0.5, 1.0, 1.5)
"""Exponents of age tried for item-item models."""

RIDGES = (0.25, 1.0, 4.0)
"""Multiples of EASE's default ridge that are tried where the catalogue is small."""

RIDGE_ITEMS = 6_000
"""Up to so many items trying several ridges costs seconds."""

FitNeural = Callable[[str, Dataset, tuple[Histories, np.ndarray]], Outcome]
"""Trains a neural model by its name: in this process, or on Ray."""

Report = Callable[[str], None]
"""Told what is being done, one line each."""


@dataclass(frozen=True)
class Validation:
    """What is asked on validation.

    Attributes:
        inputs: Histories of n learners.
        targets: int [n], the item each took next.
        signals: Of the same learners, by part.
        moments: int64 [n], epoch ms each took the item at, -1 unknown; None: of nobody.
    """

    inputs: Histories
    targets: np.ndarray
    signals: LearnerSignals = NO_SIGNALS
    moments: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Validation:
        """What is asked of learners ``rows`` (int [m])."""
        moments = None if self.moments is None else self.moments[rows]
        inputs, targets = self.inputs.take(rows), self.targets[rows]
        return Validation(inputs, targets, self.signals.take(rows), moments)

    def sample(self, num: int, seed: int) -> Validation:
        """At most ``num`` learners, chosen at random."""
        if len(self.targets) <= num:
            return self
        rows = np.random.default_rng(seed).choice(len(self.targets), num, replace=False)
        rows.sort()
        return self.take(rows)


@dataclass
class Fitted:
    """Models that were fitted, what they cost and what was left out.

    Attributes:
        models: By name, in the order of ``ROW_NAMES``.
        seconds: Wall seconds of each model's fit.
        validation: Metrics of each model on validation.
        epochs: Epochs of the neural models' best validation.
        skipped: Name -> why the data does not allow the model.
        parameters: Weights of the neural models, which an update goes on from.
    """

    models: dict[str, Model] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    validation: dict[str, dict[str, float]] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Mapping[str, np.ndarray]] = field(default_factory=dict)


def fit_models(
    train: Dataset,
    validation: Validation,
    *,
    fit_neural: FitNeural,
    names: Sequence[str] = MODEL_NAMES,
    seed: int = 0,
    report: Report = lambda line: None,
) -> Fitted:
    """Fit the models that the data allows.

    Args:
        train: What is learned from.
        validation: What choices are made on.
        fit_neural: Trains graph and sequence.
        names: Models wanted.
        seed: Of the validation sample.
        report: Told of each step.
    """
    fitted = Fitted()
    sample = validation.sample(MAX_TUNED, seed)
    for name in (n for n in ROW_NAMES if n in names):
        reason = why_not(name, train)
        if reason:
            fitted.skipped[name] = reason
            report(f"{name}: left out, {reason}")
            continue
        report(f"{name}: fitting")
        start = time.perf_counter()
        if name in NEURAL:
            outcome = fit_neural(name, train, (validation.inputs, validation.targets))
            model, fitted.epochs[name] = outcome.model, outcome.state.best_epoch
            fitted.parameters[name] = outcome.parameters
        else:
            model = _fit_simple(name, train, sample, seed)
        fitted.seconds[name] = time.perf_counter() - start
        fitted.models[name] = model
        metrics = ranking_metrics(model, sample.inputs, sample.targets)
        fitted.validation[name] = {key: round(value, 4) for key, value in metrics.items()}
        report(f"{name}: {fitted.seconds[name]:.0f} s, {describe(fitted.validation[name])}")
    return fitted


def why_not(name: str, train: Dataset) -> str:
    """Why the data does not allow a model, or ""."""
    histories = train.histories
    longer = histories.lengths >= 2
    if name == "content":
        allowed = ContentModel.applies_to(train)
        reason = "the courses have neither texts nor skills"
    elif name == "ease":
        allowed, reason = _suits_ease(histories), "too many items for its dense inverse"
    elif name == "graph_filter":
        allowed, reason = not _suits_ease(histories), "ease fits in its place"
    elif name in ("sequence", "sequence_rules"):
        allowed = bool((longer & histories.ordered).any())
        reason = "no learner has two interactions in a known order"
    elif name == "graph":
        allowed, reason = bool(longer.any()), "no learner has two interactions"
    elif name in BASELINES:
        allowed, reason = is_installed(), str(MissingExtraError("implicit", "train"))
    else:
        return ""
    return "" if allowed else reason


def _suits_ease(histories: Histories) -> bool:
    return bool(np.count_nonzero(np.bincount(histories.items)) <= EASEConfig().max_items)


def _fit_simple(name: str, train: Dataset, sample: Validation, seed: int) -> Model:
    """A simple model with the config that is best on validation, where one is to be chosen."""
    fits = _fits(name, train, seed) if len(sample.targets) else []
    if not fits:
        return model_class(name)().fit(train)
    best: tuple[float, Model] | None = None
    for fit in fits:
        model = fit()
        metric = ranking_metrics(model, sample.inputs, sample.targets)["ndcg@10"]
        if best is None or metric > best[0]:
            best = metric, model
    assert best is not None  # noqa: S101 - there is a fit
    return best[1]


def _fits(name: str, train: Dataset, seed: int) -> list[Callable[[], Model]]:
    """Fits of a simple model to choose among; none where it has but one."""
    if name == "ease" and train.num_items <= RIDGE_ITEMS:
        degrees = np.bincount(train.histories.items)
        default = 1.0 + float(degrees[degrees > 0].mean())
        ridges = [EASEConfig(regularisation=multiple * default) for multiple in RIDGES]
        return [partial(EASEModel().fit, train, config) for config in ridges]
    if name == "graph_filter":
        # What is costly is the same for all of them.
        solved = GraphFilterModel().fit(train, GraphFilterConfig(seed=seed))
        return [partial(solved.tuned, config) for config in GraphFilterConfig.tried(seed)]
    if name == "als":
        return [partial(ALSModel().fit, train, config) for config in ALSConfig.tried(seed)]
    if name == "bpr":
        tried = BPRConfig.tried(len(train.histories.items), seed)
        return [partial(BPRModel().fit, train, config) for config in tried]
    return []


def tune_recency(models: dict[str, Model], sample: Validation) -> dict[str, float]:
    """Set each item-item model's exponent of age to the best on validation; returns them."""
    chosen: dict[str, float] = {}
    for name, model in models.items():
        if not isinstance(model, ItemItemModel) or not len(sample.targets):
            continue
        results = []
        for recency in RECENCIES:
            model.recency = recency
            metrics = ranking_metrics(model, sample.inputs, sample.targets)
            results.append((metrics["ndcg@10"], -recency))
        model.recency = chosen[name] = -max(results)[1]
    return chosen


def compose(
    models: dict[str, Model],
    validation: Validation,
    *,
    seed: int = 0,
    with_indexes: bool = True,
    report: Report = lambda line: None,
) -> Pipeline:
    """Put fitted models together and learn the blend over them on validation.

    Args:
        models: Popularity among them.
        validation: What the blend is learned from.
        seed: Of the validation sample.
        with_indexes: Search embedding models by index, as serving does.
        report: Told of each step.

    Raises:
        TrainingError: Popularity is missing.
    """
    if POPULARITY not in models:
        raise TrainingError("the pipeline needs popularity among its models.")
    tune_recency(models, validation.sample(MAX_TUNED, seed))
    indexes = build_indexes(models) if with_indexes else {}
    pipeline = Pipeline(models, indexes=indexes, signals=validation.signals.parts)
    sample = validation.sample(MAX_BLENDED, seed)
    # Nobody to learn from: every part has the same say.
    equal = Blend(pipeline.parts, np.stack([np.ones(len(pipeline.parts))] * 2) * [[1.0], [0.0]])
    pipeline.blend = learn_blend(pipeline, sample) if len(sample.targets) else equal
    weights = ", ".join(f"{part} {w:+.2f}" for part, w in pipeline.blend.describe().items())
    report(f"blend: {weights}")
    return pipeline


def build_indexes(models: Mapping[str, Model]) -> dict[str, ItemIndex]:
    """An index over the item vectors of each embedding model."""
    return {
        name: build_index(model.item_vectors())
        for name, model in models.items()
        if isinstance(model, EmbeddingModel)
    }


def learn_blend(
    pipeline: Pipeline,
    sample: Validation,
    *,
    forced: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Blend:
    """The blend over the candidates of a sample.

    Args:
        pipeline: Whose parts are blended.
        sample: Learners with the item each took next.
        forced: Row numbers -> candidates, int [n, m]; None: what the pipeline retrieves.
    """
    candidates, scores = retrieve(pipeline, sample, forced=forced)
    lengths = sample.inputs.lengths
    return Blend.fit(pipeline.parts, scores, candidates, sample.targets, lengths)


def retrieve(
    pipeline: Pipeline,
    sample: Validation,
    *,
    forced: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[Candidates, np.ndarray]:
    """Candidates of all learners of a sample and their scores by part (as ``learn_blend``)."""
    parts: list[tuple[Candidates, np.ndarray]] = []
    for rows in batches(len(sample.targets), pipeline.num_items):
        signals = sample.signals.take(rows).dense()
        given = None if forced is None else forced(rows)
        inputs = sample.inputs.take(rows)
        parts.append(pipeline.candidates(inputs, signals=signals, forced=given))
    sizes = np.concatenate([np.diff(candidates.indptr) for candidates, _ in parts])
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    items = np.concatenate([candidates.items for candidates, _ in parts])
    return Candidates(indptr, items), np.concatenate([scores for _, scores in parts])


def refit_simple(pipeline: Pipeline, dataset: Dataset, report: Report = lambda line: None) -> None:
    """Fit the closed-form models anew on all data, with what was chosen on validation.

    They cost seconds, and what was held out to choose by is the newest there is.
    """
    for name, model in pipeline.models.items():
        if name in NEURAL or name == "content":
            continue
        report(f"{name}: fitting again on everything")
        refit(model, dataset)


def refit(model: Model, dataset: Dataset) -> None:
    """Fit a closed-form model anew, with what was chosen for it on validation."""
    recency = model.recency if isinstance(model, ItemItemModel) else None
    if isinstance(model, EASEModel):
        model.fit(dataset, EASEConfig(regularisation=model.ridge))
    else:
        model.fit(dataset)
    if recency is not None and isinstance(model, ItemItemModel):
        model.recency = recency


def batches(num_learners: int, num_items: int) -> list[np.ndarray]:
    """Row numbers in batches whose dense scores stay below some 40 MB a model."""
    size = int(np.clip(10_000_000 // max(num_items, 1), 16, 1024))
    starts = range(0, num_learners, size)
    return [np.arange(start, min(start + size, num_learners)) for start in starts]


def describe(metrics: dict[str, float]) -> str:
    """Metrics as one line."""
    return ", ".join(f"{key} {value:.4f}" for key, value in metrics.items())

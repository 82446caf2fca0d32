"""The protocols: what is held out, what is asked, how it is scored. The test is scored once.

``loo-full``: each learner's last item among all unseen ones. ``loo-100``: among 100 unseen
ones drawn uniformly. ``split-full``: a published test set, all items ranked but training's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.metrics import from_ranks, from_top, target_ranks
from graphrec.events.splits import HeldOut, hold_out_last
from graphrec.features.signals import NO_SIGNALS, LearnerSignals
from graphrec.models.base import Model
from graphrec.models.blend import Blend
from graphrec.models.itemitem import ItemItemModel
from graphrec.models.registry import MODEL_NAMES
from graphrec.recommend.compose import (
    MAX_BLENDED,
    FitNeural,
    Fitted,
    Report,
    Validation,
    batches,
    compose,
    fit_models,
    learn_blend,
)
from graphrec.recommend.pipeline import Pipeline

Protocol = Literal["loo-full", "loo-100", "split-full"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)

BASELINE_BLEND = "ease+sequence_rules"
"""The strongest simple composition, a row of its own: what the pipeline must beat."""

_BASELINE_PARTS = ("popularity", "ease", "sequence_rules")

_NUM_SAMPLED = 100
_TOP = 20
_PUBLISHED_RECENCY = {"itemknn": 0.0, "ease": 0.0}
"""Rows under a published name are scored as published: all ages alike."""


@dataclass(frozen=True)
class Task:
    """A split: what is learned from, chosen on and asked at last.

    Attributes:
        train: What models learn from.
        validation: What everything is chosen on.
        inputs: Histories of the n test learners.
        targets: int [n], or test histories of the n learners (split-full).
        signals: Of the test learners, by part.
    """

    train: Dataset
    validation: Validation
    inputs: Histories
    targets: np.ndarray | Histories
    signals: LearnerSignals = NO_SIGNALS


@dataclass
class Evaluation:
    """Test figures by model, and how they came about.

    Attributes:
        results: Model -> metrics and seconds; only test figures.
        fitted: Models, seconds, validation metrics, what was skipped.
        weights: Part -> weight in the pipeline's blend.
        validation: Metrics of the whole pipeline on validation.
    """

    results: dict[str, dict[str, float]]
    fitted: Fitted
    weights: dict[str, float]


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
        return Task(_train(dataset, held.train), _validation(held, signals), inputs, targets)
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
    return Task(train, validation, last.inputs, last.targets, known)


def _train(dataset: Dataset, histories: Histories) -> Dataset:
    return dataset.with_histories(histories)


def _validation(held: HeldOut, signals: LearnerSignals) -> Validation:
    return Validation(held.inputs, held.targets, signals.take(held.rows).before(held.times))


def evaluate(
    task: Task,
    protocol: str,
    *,
    fit_neural: FitNeural,
    names: Sequence[str] = (*MODEL_NAMES, "pipeline"),
    seed: int = 0,
    report: Report = lambda line: None,
) -> Evaluation:
    """Fit, choose on validation, and score the test once a model.

    Args:
        task: The split.
        protocol: One of ``PROTOCOLS``.
        fit_neural: Trains graph and sequence.
        names: Rows wanted; "pipeline" is composed of the models named beside it and
            popularity, and of all models where it stands alone.
        seed: Of samples.
        report: Told of each step.
    """
    asked = _Asked.of(task, protocol, seed)
    wants_pipeline = "pipeline" in names
    parts = MODEL_NAMES if wants_pipeline and len(names) == 1 else names
    needed = [n for n in MODEL_NAMES if n in parts or (wants_pipeline and n == "popularity")]
    fitted = fit_models(
        task.train,
        task.validation,
        fit_neural=fit_neural,
        names=needed,
        seed=seed,
        report=report,
    )
    results: dict[str, dict[str, float]] = {}
    for name, model in fitted.models.items():
        if name in names:
            report(f"{name}: scoring the test")
            results[name] = _row(asked, _published(model), fitted.seconds[name])
    weights: dict[str, float] = {}
    if wants_pipeline:
        baseline = {n: fitted.models[n] for n in _BASELINE_PARTS if n in fitted.models}
        # A row that costs nothing where its parts are rows too, and none asked for elsewhere.
        if len(baseline) == len(_BASELINE_PARTS) and {"ease", "sequence_rules"} <= set(names):
            results[BASELINE_BLEND] = _row_of_pipeline(asked, baseline, task, seed, 0.0, report)[0]
        report("pipeline: learning the blend")
        seconds = sum(fitted.seconds.values())
        results["pipeline"], weights = _row_of_pipeline(
            asked, fitted.models, task, seed, seconds, report
        )
    return Evaluation(results, fitted, weights)


def _published(model: Model) -> Callable[[Histories, np.ndarray], np.ndarray]:
    """Scores of a single model as its paper has it."""
    recency = _PUBLISHED_RECENCY.get(model.name)

    def score(histories: Histories, _: np.ndarray) -> np.ndarray:
        if recency is not None and isinstance(model, ItemItemModel):
            model.recency = recency
        return model.score(histories)

    return score


def _row(asked: _Asked, score: Any, seconds: float) -> dict[str, float]:
    start = time.perf_counter()
    metrics = asked.measure(score)
    return {k: round(v, 5) for k, v in metrics.items()} | {
        "seconds": round(seconds + time.perf_counter() - start, 1)
    }


def _row_of_pipeline(
    asked: _Asked,
    models: dict[str, Model],
    task: Task,
    seed: int,
    seconds: float,
    report: Report,
) -> tuple[dict[str, float], dict[str, float]]:
    """Compose, learn the blend under the protocol, and score the test."""
    start = time.perf_counter()
    pipeline = compose(dict(models), task.validation, seed=seed, report=report)
    if asked.is_sampled:
        pipeline.blend = _sampled_blend(pipeline, task, seed)
    seconds += time.perf_counter() - start
    report("pipeline: scoring the test")
    row = _row(asked, _pipeline_scores(pipeline, task.signals, asked), seconds)
    return row, pipeline.blend.describe()


def _pipeline_scores(pipeline: Pipeline, signals: LearnerSignals, asked: _Asked) -> Any:
    """Dense blended scores: -inf where an item is no candidate."""

    def score(histories: Histories, rows: np.ndarray) -> np.ndarray:
        part = signals.take(rows).dense()
        forced = asked.sampled_items(rows) if asked.is_sampled else None
        candidates, scores = pipeline.candidates(histories, signals=part, forced=forced)
        blended, _ = pipeline.blend.score(scores, candidates, histories.lengths)
        dense = np.full((len(histories), pipeline.num_items), -np.inf, np.float32)
        dense[candidates.owners, candidates.items] = blended
        return dense

    return score


def _sampled_blend(pipeline: Pipeline, task: Task, seed: int) -> Blend:
    """The blend learned where a target stands among sampled items, as the test will ask."""
    sample = task.validation.sample(MAX_BLENDED, seed)
    asked = _Asked(sample.inputs, sample.targets, _NUM_SAMPLED, pipeline.num_items, seed + 7)
    return learn_blend(pipeline, sample, forced=asked.sampled_items)


class _Asked:
    """The questions of a protocol: inputs, right answers, and how a ranking is measured."""

    def __init__(
        self,
        inputs: Histories,
        targets: np.ndarray | Histories,
        num_sampled: int,
        num_items: int,
        seed: int,
    ) -> None:
        self.inputs = inputs
        self.targets = targets
        self.num_items = num_items
        self._sampled = None
        if num_sampled and isinstance(targets, np.ndarray):
            self._sampled = sample_unseen(inputs, targets, num_sampled, num_items, seed)

    @classmethod
    def of(cls, task: Task, protocol: str, seed: int) -> _Asked:
        num_sampled = _NUM_SAMPLED if protocol == "loo-100" else 0
        return cls(task.inputs, task.targets, num_sampled, task.train.num_items, seed)

    @property
    def is_sampled(self) -> bool:
        return self._sampled is not None

    def sampled_items(self, rows: np.ndarray) -> np.ndarray:
        """The target and the sampled items of learners ``rows``, int [len(rows), 101]."""
        assert self._sampled is not None  # noqa: S101 - asked only where is_sampled
        assert isinstance(self.targets, np.ndarray)  # noqa: S101 - likewise
        return np.concatenate([self.targets[rows][:, None], self._sampled[rows]], axis=1)

    def measure(self, score: Any) -> dict[str, float]:
        """Metrics of ``score(histories, rows) -> float32 [n, num_items]`` over all learners."""
        if isinstance(self.targets, Histories):
            return self._measure_sets(score, self.targets)
        ranks = []
        for rows in batches(len(self.inputs), self.num_items):
            scores = self._open(score, rows)
            if self._sampled is not None:
                picked = np.take_along_axis(scores, self.sampled_items(rows), axis=1)
                ranks.append(target_ranks(picked, np.zeros(len(rows), np.int64)))
            else:
                ranks.append(target_ranks(scores, self.targets[rows]))
        return from_ranks(np.concatenate(ranks) if ranks else np.zeros(0, np.int64))

    def _measure_sets(self, score: Any, tests: Histories) -> dict[str, float]:
        tops = []
        for rows in batches(len(self.inputs), self.num_items):
            scores = self._open(score, rows)
            k = min(_TOP, self.num_items)
            edge = np.argpartition(-scores, k - 1, axis=1)[:, :k]
            order = np.argsort(-np.take_along_axis(scores, edge, axis=1), axis=1, kind="stable")
            best = np.take_along_axis(edge, order, axis=1)
            # Places beyond the last candidate hold nothing, and must hit nothing.
            top = np.full((len(rows), _TOP), -1, np.int64)
            top[:, :k] = np.where(np.isfinite(np.take_along_axis(scores, best, axis=1)), best, -1)
            tops.append(top)
        return from_top(np.concatenate(tops), tests, self.num_items)

    def _open(self, score: Any, rows: np.ndarray) -> np.ndarray:
        """Scores with seen items excluded, float32 [len(rows), num_items]."""
        histories = self.inputs.take(rows)
        scores = np.array(score(histories, rows), np.float32)
        scores[histories.owners(), histories.items] = -np.inf
        return scores


def sample_unseen(
    inputs: Histories, targets: np.ndarray, num: int, num_items: int, seed: int
) -> np.ndarray:
    """Items that a learner has neither seen nor as target, int64 [n, num], each once.

    Raises:
        ParameterError: A learner has fewer unseen items.
    """
    generator = np.random.default_rng(seed)
    sampled = np.zeros((len(inputs), num), np.int64)
    for row in range(len(inputs)):
        is_open = np.ones(num_items, bool)
        is_open[inputs[row]] = False
        is_open[targets[row]] = False
        unseen = np.flatnonzero(is_open)
        if len(unseen) < num:
            raise ParameterError(
                f"loo-100 needs {num} unseen items, and a learner has {len(unseen)}.",
                where="protocol",
                remedy="Use loo-full on so small a catalogue.",
            )
        sampled[row] = generator.choice(unseen, num, replace=False)
    return sampled

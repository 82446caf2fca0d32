"""The cold-start protocols as a whole: split, fit, choose on validation, measure each model once.

For cold courses, beside every model that keeps something of each course, stands
``<model>+content``: the same with cold courses placed by their content
(``graphrec.models.cold_items``). The pipeline is composed of the models so placed, as
``train`` publishes it. ``cold_blend`` is a blend of the same models in which every course,
warm ones too, counts as if nobody had taken it yet: learned on warm courses, it ranks cold
ones. ``pipeline+exploration`` has the lists that the recommender answers: the pipeline's,
one place in ten given to a course with few learners or none, as ``cold_blend`` ranks them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.asked import Score, as_dense
from graphrec.evaluate.cold import chance, measure, split_cold_courses
from graphrec.evaluate.few_shot import measure_few_shot, split_few_shot
from graphrec.evaluate.rows import published
from graphrec.events.splits import hold_out_last
from graphrec.features.ranking_facts import CourseFacts
from graphrec.features.ranking_tables import NO_COLUMNS, CourseColumns
from graphrec.features.signals import NO_SIGNALS, LearnerSignals
from graphrec.models.base import Model
from graphrec.models.cold_items import with_cold_items
from graphrec.models.content import ContentModel
from graphrec.models.registry import MODEL_NAMES
from graphrec.recommend.compose import (
    MAX_BLENDED,
    FitNeural,
    Fitted,
    Report,
    Validation,
    compose,
    fit_models,
    learn_blend,
)
from graphrec.recommend.explorer import Explorer
from graphrec.recommend.explorer_fit import (
    exploration_cost,
    explored_lists,
    fit_explorer,
    learn_exploration,
    left_out_pipeline,
    with_untaken,
)
from graphrec.recommend.pipeline import POPULARITY, Pipeline
from graphrec.recommend.ranker_fit import fit_ranking

ColdProtocol = Literal["cold-course", "few-shot"]
COLD_PROTOCOLS: tuple[str, ...] = get_args(ColdProtocol)
PIPELINE, CHANCE, COLD_BLEND = "pipeline", "chance", "cold_blend"
EXPLORED = f"{PIPELINE}+exploration"

_LISTED = 20
"""Places of the lists that are measured."""

Told = tuple[LearnerSignals, np.ndarray | None]
"""Signals of those who are asked, and int64 [n] epoch ms at which each is."""

Figures = dict[str, dict[str, float]]
"""Where (``all`` and ``cold``, or the number of events) -> metrics."""


@dataclass
class ColdEvaluation:
    """Test figures of a cold-start protocol.

    Attributes:
        results: Model -> where -> metrics.
        fitted: Models, seconds, validation metrics, what was skipped.
        num_asked: Where -> learners asked.
        num_cold: Courses made cold; 0 in few-shot.
    """

    results: dict[str, Figures]
    fitted: Fitted
    num_asked: dict[str, int]
    num_cold: int = 0


def evaluate_cold_courses(
    dataset: Dataset,
    *,
    fit_neural: FitNeural,
    signals: LearnerSignals = NO_SIGNALS,
    names: Sequence[str] = (*MODEL_NAMES, PIPELINE),
    seed: int = 0,
    report: Report = lambda line: None,
    columns: CourseColumns = NO_COLUMNS,
) -> ColdEvaluation:
    """Take a tenth of the courses out of training, and ask for them.

    Args:
        dataset: All that is known.
        fit_neural: Trains graph and sequence.
        signals: Of all learners.
        names: Rows wanted; ``pipeline`` is composed of the models beside it and popularity.
        seed: Of the split and of samples.
        report: Told of each step.
        columns: What is known of the courses, for the pipeline's ranker.

    Raises:
        ParameterError: No course has enough learners, or there is nobody to ask.
    """
    task = split_cold_courses(dataset, seed=seed)
    train, validation = _validation(task.train, task.known(signals), seed)
    fitted = _fit(train, validation, fit_neural, names, seed, report)
    placed = _placed(fitted.models, train)
    everything = np.ones(dataset.num_items, bool)
    ranked = {"all": everything, "cold": task.is_cold}
    questions = task.questions

    def row(score: Callable[[np.ndarray], Score]) -> Figures:
        return {w: measure(questions, mask, score(mask)) for w, mask in ranked.items()}

    results = {CHANCE: {where: chance(questions, mask) for where, mask in ranked.items()}}
    for name, model in {**fitted.models, **{f"{n}+content": m for n, m in placed.items()}}.items():
        if name.removesuffix("+content") in names:
            report(f"{name}: scoring the test")
            results[name] = row(_always(published(model)))
    if PIPELINE in names:
        report("pipeline: learning the blend")
        told = task.known(signals).take(questions.learners).before(questions.times)
        facts = columns.facts(train)
        scores = _published_scores(
            fitted.models, train, validation, facts, (told, questions.times), seed, report
        )
        results |= {name: row(score) for name, score in scores.items()}
    asked = dict.fromkeys(ranked, len(questions))
    return ColdEvaluation(results, fitted, asked, int(task.is_cold.sum()))


def evaluate_few_shot(
    dataset: Dataset,
    *,
    fit_neural: FitNeural,
    signals: LearnerSignals = NO_SIGNALS,
    names: Sequence[str] = (*MODEL_NAMES, PIPELINE),
    seed: int = 0,
    is_panel: bool = False,
    report: Report = lambda line: None,
    columns: CourseColumns = NO_COLUMNS,
) -> ColdEvaluation:
    """Take a fifth of the learners out of training, and show their first events.

    Arguments as in ``evaluate_cold_courses``; ``is_panel`` as in ``split_few_shot``.

    Raises:
        ParameterError: Nobody has enough events.
    """
    task = split_few_shot(dataset, seed=seed, is_panel=is_panel)
    train, validation = _validation(task.train, signals, seed)
    fitted = _fit(train, validation, fit_neural, names, seed, report)
    everything = np.ones(dataset.num_items, bool)

    def row(score: Callable[[int], Score]) -> Figures:
        return {str(num): found for num, found in measure_few_shot(task, score).items()}

    results = {
        name: row(_always(published(model)))
        for name, model in fitted.models.items()
        if name in names
    }
    if PIPELINE in names:
        pipeline = compose(dict(fitted.models), validation, seed=seed, report=report)
        fit_ranking(pipeline, validation, columns.facts(train), seed=seed, report=report)

        def composed(num: int) -> Score:
            told = task.signals(signals, num), task.questions[num].times
            return _pipeline_score(pipeline, told, everything)

        results[PIPELINE] = row(composed)
    asked = {str(num): len(questions) for num, questions in task.questions.items()}
    return ColdEvaluation(results, fitted, asked)


def _always(score: Score) -> Callable[[object], Score]:
    """The same scores, whatever is ranked and however much is shown."""
    return lambda _: score


def _validation(known: Dataset, signals: LearnerSignals, seed: int) -> tuple[Dataset, Validation]:
    """Training without each learner's newest course, and what everything is chosen on."""
    held = hold_out_last(known.histories, min_length=2, seed=seed + 1)
    told = signals.take(held.rows).before(held.times)
    return known.with_histories(held.train), Validation(held.inputs, held.targets, told, held.times)


def _fit(
    train: Dataset,
    validation: Validation,
    fit_neural: FitNeural,
    names: Sequence[str],
    seed: int,
    report: Report,
) -> Fitted:
    needed = [n for n in MODEL_NAMES if n in names or (PIPELINE in names and n == POPULARITY)]
    return fit_models(
        train, validation, fit_neural=fit_neural, names=needed, seed=seed, report=report
    )


def _placed(models: dict[str, Model], train: Dataset) -> dict[str, Model]:
    """The models that learn of each course, with untaken ones placed; none without content."""
    content = _content(models, train)
    if content is None:
        return {}
    vectors, is_warm = content.item_vectors(), _is_taken(train)
    placed = {n: with_cold_items(model, vectors, is_warm) for n, model in models.items()}
    return {n: model for n, model in placed.items() if model is not models[n]}


def _content(models: dict[str, Model], train: Dataset) -> ContentModel | None:
    """The content model, fitted where it is no row; None where the data has no content."""
    found = models.get("content")
    if isinstance(found, ContentModel):
        return found
    return ContentModel().fit(train) if ContentModel.applies_to(train) else None


def _is_taken(train: Dataset) -> np.ndarray:
    return np.bincount(train.histories.items, minlength=train.num_items) > 0


def _published_scores(
    models: dict[str, Model],
    train: Dataset,
    validation: Validation,
    facts: CourseFacts,
    told: Told,
    seed: int,
    report: Report,
) -> dict[str, Callable[[np.ndarray], Score]]:
    """Row -> what is ranked -> scores: of what is published, and of what ranks cold courses.

    Args:
        models: Fitted on ``train``.
        train: What was learned from.
        validation: What the blends are learned on.
        facts: Of ``train``.
        told: Of those who are asked.
        seed: Of samples.
        report: Told of each step.
    """
    content = _content(models, train)
    if content is None:
        pipeline = compose(dict(models), validation, seed=seed, report=report)
        fit_ranking(pipeline, validation, facts, seed=seed, report=report)
        return {PIPELINE: lambda mask: _pipeline_score(pipeline, told, mask)}
    with_content = {**models, "content": content}
    placed = compose(with_untaken(with_content, train), validation, seed=seed, report=report)
    left_out = left_out_pipeline(placed, content, _is_taken(train))
    left_out.blend = learn_blend(left_out, validation.sample(MAX_BLENDED, seed))
    found: dict[str, Callable[[np.ndarray], Score]] = {
        PIPELINE: lambda mask: _pipeline_score(placed, told, mask),
        COLD_BLEND: lambda mask: _pipeline_score(left_out, told, mask),
    }
    blend = learn_exploration(placed, train, validation, seed=seed)
    explorer = fit_explorer(placed, train, blend)
    if explorer is not None:
        # By the blend alone: a ranker will have learned from these very learners.
        report(exploration_cost(placed, explorer, validation, seed=seed).describe())
        found[EXPLORED] = lambda mask: _explored_score(placed, explorer, told[0], mask)
    fit_ranking(placed, validation, facts, seed=seed, report=report)
    return found


def _explored_score(
    pipeline: Pipeline, explorer: Explorer, signals: LearnerSignals, is_ranked: np.ndarray
) -> Score:
    """The places of lists with exploration as scores, -inf outside."""

    def score(histories: Histories, rows: np.ndarray) -> np.ndarray:
        asked = Validation(histories, np.zeros(len(rows), np.int64), signals.take(rows))
        _, lists = explored_lists(pipeline, explorer, asked, _LISTED, allowed=is_ranked)
        dense = np.full((len(rows), pipeline.num_items), -np.inf, np.float32)
        owners, places = np.nonzero(lists >= 0)
        dense[owners, lists[owners, places]] = -places
        return dense

    return score


def _pipeline_score(pipeline: Pipeline, told: Told, is_ranked: np.ndarray) -> Score:
    """Scores of what the pipeline retrieves among ``is_ranked``, -inf elsewhere."""

    def score(histories: Histories, rows: np.ndarray) -> np.ndarray:
        signals, moments = told[0].take(rows), None if told[1] is None else told[1][rows]
        candidates, scores = pipeline.candidates(
            histories, signals=signals.dense(), allowed=is_ranked
        )
        found = pipeline.score(
            candidates, scores, histories, role_ids=signals.role_ids, moments=moments
        )
        return as_dense(candidates, found, pipeline.num_items)

    return score

"""The rows of an evaluation: each model scored once, and every figure read off that."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.asked import Asked, Score, Watch, as_dense
from graphrec.evaluate.beyond import BeyondAccuracy, Catalogue
from graphrec.evaluate.slices import Slicing, by_course_age, by_history
from graphrec.features.ranking_facts import CourseFacts
from graphrec.features.signals import LearnerSignals
from graphrec.models.base import Model
from graphrec.models.itemitem import ItemItemModel
from graphrec.recommend.compose import MAX_BLENDED, Report, Validation, compose, learn_blend
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranker_fit import RankingFit, fit_ranking

NUM_SAMPLED = 100
"""Unseen items beside the target, of loo-100."""

_PUBLISHED_RECENCY = {"itemknn": 0.0, "ease": 0.0}
"""Rows under a published name are scored as published: all ages alike."""


class Rows:
    """Figures by row, filled as models are scored.

    Args:
        train: What was learned from.
        asked: The test.

    Attributes:
        catalogue: As training shows it.
        results: Row -> metrics and seconds.
        beyond: Row -> figures of its lists.
        slices: Row -> kind of slice -> accuracy of each.
    """

    def __init__(self, train: Dataset, asked: Asked) -> None:
        self.asked = asked
        self.catalogue = Catalogue.of(train)
        self.results: dict[str, dict[str, float]] = {}
        self.beyond: dict[str, dict[str, float | None]] = {}
        self.slices: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._slicings: dict[str, Slicing | None] = {
            "history": by_history(asked.inputs.lengths),
            # Several right items have several ages: there is no slice for such a learner.
            "course_age": by_course_age(train, asked.targets)
            if isinstance(asked.targets, np.ndarray)
            else None,
        }

    def add(self, name: str, score: Score, seconds: float, *watches: Watch) -> None:
        """Score the test.

        Args:
            name: Of the row.
            score: The model.
            seconds: What it cost so far.
            watches: Shown each batch beside what is always counted.
        """
        start = time.perf_counter()
        beyond = BeyondAccuracy(self.catalogue)
        measured = self.asked.measure(score, beyond, *watches)
        self.results[name] = {k: round(v, 5) for k, v in measured.metrics.items()} | {
            "seconds": round(seconds + time.perf_counter() - start, 1)
        }
        self.beyond[name] = beyond.figures()
        self.slices[name] = {
            kind: [] if slicing is None else slicing.rows(measured.gains)
            for kind, slicing in self._slicings.items()
        }


def published(model: Model) -> Score:
    """Scores of a single model as its paper has it."""
    recency = _PUBLISHED_RECENCY.get(model.name)

    def score(histories: Histories, _: np.ndarray) -> np.ndarray:
        if recency is not None and isinstance(model, ItemItemModel):
            model.recency = recency
        return model.score(histories)

    return score


def composed_pipeline(
    asked: Asked, models: Mapping[str, Model], validation: Validation, seed: int, report: Report
) -> Pipeline:
    """Compose the models, and learn the blend under the protocol."""
    pipeline = compose(dict(models), validation, seed=seed, report=report)
    if asked.is_sampled:
        sample = validation.sample(MAX_BLENDED, seed)
        forced = _sampled(pipeline, sample, seed).sampled_items
        pipeline.blend = learn_blend(pipeline, sample, forced=forced)
    return pipeline


def ranked_pipeline(
    pipeline: Pipeline,
    asked: Asked,
    validation: Validation,
    facts: CourseFacts,
    seed: int,
    report: Report,
) -> RankingFit:
    """Learn a ranker over a composed pipeline under the protocol; it is on where it wins."""
    forced = None
    if asked.is_sampled:
        forced = _sampled(pipeline, validation.sample(MAX_BLENDED, seed), seed).sampled_items
    return fit_ranking(pipeline, validation, facts, seed=seed, forced=forced, report=report)


def _sampled(pipeline: Pipeline, sample: Validation, seed: int) -> Asked:
    """Validation's targets among sampled items, as the test of loo-100 will ask."""
    return Asked(sample.inputs, sample.targets, NUM_SAMPLED, pipeline.num_items, seed + 7)


def pipeline_score(
    pipeline: Pipeline,
    signals: LearnerSignals,
    asked: Asked,
    moments: np.ndarray | None = None,
) -> Score:
    """Dense scores of a pipeline: -inf where an item is no candidate.

    Args:
        pipeline: As it ranks.
        signals: Of the learners who are asked.
        asked: Whose samples, where it has some, are the candidates.
        moments: int64 [n], epoch ms each is asked at, -1 unknown; None: now.
    """

    def score(histories: Histories, rows: np.ndarray) -> np.ndarray:
        part = signals.take(rows)
        forced = asked.sampled_items(rows) if asked.is_sampled else None
        candidates, scores = pipeline.candidates(histories, signals=part.dense(), forced=forced)
        asked_at = None if moments is None else moments[rows]
        found = pipeline.score(
            candidates, scores, histories, role_ids=part.role_ids, moments=asked_at
        )
        return as_dense(candidates, found, pipeline.num_items)

    return score

"""What a pipeline's lists and scores are like on validation: what a published bundle tells."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.asked import Asked, Score
from graphrec.evaluate.beyond import BeyondAccuracy, Catalogue
from graphrec.evaluate.calibration import Calibration
from graphrec.evaluate.rows import pipeline_score
from graphrec.recommend.compose import MAX_TUNED, Validation
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranker_fit import Halves


def validation_figures(
    pipeline: Pipeline,
    train: Dataset,
    validation: Validation,
    halves: Halves | None = None,
    *,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Figures beyond accuracy and calibration, of at most ``MAX_TUNED`` validation learners.

    Args:
        pipeline: With its blend, its models fitted on ``train``; a ranker of its own is not
            asked, for it has learned from these very learners.
        train: What was learned from.
        validation: What the blend was learned on.
        halves: Of a ranker that is on: what each half of the learners is asked of instead.
        seed: Of the sample.

    Returns:
        ``beyond`` and ``calibration``, as in docs/evaluation.md but without the bins; {} where
        nobody is held out.
    """
    sample, score = validation.sample(MAX_TUNED, seed), None
    if halves is not None:
        rows = np.random.default_rng(seed).permutation(len(halves.is_first))[:MAX_TUNED]
        sample, score = halves.sample.take(rows), _by_halves(halves, rows)
    if not len(sample.targets):
        return {}
    beyond, calibration = BeyondAccuracy(Catalogue.of(train)), Calibration(sample.targets)
    asked = Asked(sample.inputs, sample.targets, 0, train.num_items, seed)
    plain = pipeline.ranked_by(pipeline.blend, None)
    asked.measure(score or pipeline_score(plain, sample.signals, asked), beyond, calibration)
    figures = {key: value for key, value in calibration.figures().items() if key != "bins"}
    return {"beyond": beyond.figures(), "calibration": figures}


def _by_halves(halves: Halves, chosen: np.ndarray) -> Score:
    """Scores of the learners ``chosen`` (int [n]), each by what the other half taught."""
    sample, is_first = halves.sample.take(chosen), halves.is_first[chosen]
    nobody = Asked(sample.inputs, sample.targets, 0, halves.pipelines[0].num_items, 0)
    scores = [pipeline_score(p, sample.signals, nobody, sample.moments) for p in halves.pipelines]

    def score(histories: Histories, rows: np.ndarray) -> np.ndarray:
        dense = np.zeros((len(rows), nobody.num_items), np.float32)
        for mine, half in zip((is_first[rows], ~is_first[rows]), scores, strict=True):
            if mine.any():
                dense[mine] = half(histories.take(mine), rows[mine])
        return dense

    return score

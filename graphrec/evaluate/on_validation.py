"""What a pipeline's lists and scores are like on validation: what a published bundle tells."""

from __future__ import annotations

from typing import Any

from graphrec.dataset import Dataset
from graphrec.evaluate.asked import Asked
from graphrec.evaluate.beyond import BeyondAccuracy, Catalogue
from graphrec.evaluate.calibration import Calibration
from graphrec.evaluate.rows import pipeline_score
from graphrec.recommend.compose import MAX_TUNED, Validation
from graphrec.recommend.pipeline import Pipeline


def validation_figures(
    pipeline: Pipeline, train: Dataset, validation: Validation, *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Figures beyond accuracy and calibration, of at most ``MAX_TUNED`` validation learners.

    Args:
        pipeline: With its blend, its models fitted on ``train``.
        train: What was learned from.
        validation: What the blend was learned on.
        seed: Of the sample.

    Returns:
        ``beyond`` and ``calibration``, as in docs/evaluation.md but without the bins; {} where
        nobody is held out.
    """
    sample = validation.sample(MAX_TUNED, seed)
    if not len(sample.targets):
        return {}
    beyond, calibration = BeyondAccuracy(Catalogue.of(train)), Calibration(sample.targets)
    asked = Asked(sample.inputs, sample.targets, 0, train.num_items, seed)
    asked.measure(pipeline_score(pipeline, sample.signals, asked), beyond, calibration)
    figures = {key: value for key, value in calibration.figures().items() if key != "bins"}
    return {"beyond": beyond.figures(), "calibration": figures}

"""The refitted rows: everything chosen on validation, then learned again with it.

A product learns from all that it knows, and many published figures do; a table whose rule
is that the validation item is input only does not. So these stand in rows of their own,
beside those that keep to the rule.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.features.ranking_tables import CourseColumns
from graphrec.models.base import Model
from graphrec.models.registry import BASELINES, NEURAL
from graphrec.models.training import Outcome
from graphrec.recommend.compose import Fitted, Report, Validation, build_indexes, refit_simple
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranking_layer import over_now

SUFFIX = " refitted"
"""After the name of the row that was chosen on validation."""

RefitNeural = Callable[[str, Dataset, tuple[Histories, np.ndarray], int], Outcome]
"""Trains a neural model by its name for exactly so many epochs."""


def refit_models(
    fitted: Fitted,
    whole: Dataset,
    validation: Validation,
    *,
    refit_neural: RefitNeural,
    report: Report = lambda line: None,
) -> tuple[dict[str, Model], float]:
    """Graph and sequence trained again on training and validation, as long as was best.

    Args:
        fitted: What was chosen: the epochs of each neural model.
        whole: Training with the validation items.
        validation: As given to the first training; nothing is chosen on it any more.
        refit_neural: Trains graph and sequence.
        report: Told of each step.

    Returns:
        The neural models, and wall seconds.
    """
    start = time.perf_counter()
    models: dict[str, Model] = {}
    for name in (n for n in NEURAL if n in fitted.models):
        report(f"{name}: training again, validation included")
        given = (validation.inputs, validation.targets)
        models[name] = refit_neural(name, whole, given, fitted.epochs[name]).model
    return models, time.perf_counter() - start


def refitted_pipeline(
    pipeline: Pipeline,
    whole: Dataset,
    neural: Mapping[str, Model],
    columns: CourseColumns,
    report: Report,
) -> Pipeline:
    """The pipeline with its blend, ranker and choices, and models that know the validation items.

    Args:
        pipeline: Composed on validation; left as it is.
        whole: Training with the validation items.
        neural: Of ``refit_models``.
        columns: What is known of the courses, for the ranker.
        report: Told of each step.
    """
    models = {
        name: neural[name] if name in neural else copy.copy(model)
        for name, model in pipeline.models.items()
        if name not in BASELINES
    }
    again = Pipeline(models, indexes=build_indexes(models), signals=pipeline.signals)
    again.blend = pipeline.blend
    again.ranking = over_now(pipeline.ranking, columns, whole)
    refit_simple(again, whole, report)
    return again

"""Ranker against blend, and what each group of features brings.

    graphrec import mars $GRAPHREC_DATA/mars --store /tmp/mars
    python benchmarks/ranker_ablation.py --store /tmp/mars --name mars

Decision and ablation are cross-fitted on validation; the test is scored once, by the blend and by
the ranker, whatever the decision was. Results stand in ``results/ranker.json``, a data set each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from made import read_json, script_digest, stamp, write_json
from rich.console import Console

from graphrec.cli.common import open_graph, settings_for
from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.calibration import expected_error, reliability
from graphrec.events.splits import HeldOut, hold_out_last
from graphrec.features.ranking_tables import CourseColumns
from graphrec.features.signals import LearnerSignals, with_signals
from graphrec.models.fitting import default_config, fit_neural
from graphrec.models.registry import MODEL_NAMES
from graphrec.models.training import Outcome
from graphrec.recommend.compose import MAX_BLENDED, Validation, compose, fit_models
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranker_fit import CrossFitted, Folds, Pool, train_on_all
from graphrec.schema import TABLES

_OUTPUT = Path(__file__).resolve().parent / "results" / "ranker.json"


@dataclass
class World:
    """A data set, its pipeline, and what is asked on validation and in the test.

    Attributes:
        pipeline: Fitted without validation and test, its blend learned on validation.
        validation: Candidates of validation learners.
        test: Candidates of test learners.
    """

    pipeline: Pipeline
    validation: Pool
    test: Pool


def main() -> None:
    """Measure one data set and keep its figures."""
    told = arguments()
    console = Console(highlight=False, soft_wrap=True)
    started = time.perf_counter()
    world = build(told, console)
    found = measure(world, console)
    models = f" --models {told.models}" if told.models else ""
    command = f"python benchmarks/ranker_ablation.py --store <store> --name {told.name}{models}"
    made = stamp(command, time.perf_counter() - started, script=script_digest(Path(__file__)))
    write_json(_OUTPUT, read_json(_OUTPUT) | {told.name: found | {"made": made}})


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ranker against blend, by group of features.")
    parser.add_argument("--store", type=Path, required=True, help="A store that holds an import.")
    parser.add_argument("--name", required=True, help="Of the data set, in the results.")
    parser.add_argument("--models", default="", help="Comma-separated; default: all.")
    parser.add_argument("--max-epochs", type=int, help="Of graph and sequence.")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def build(told: argparse.Namespace, console: Console) -> World:
    """Split as ``graphrec evaluate`` does, fit the models and compose the pipeline."""
    with open_graph(settings_for(told.store)) as graph:
        tables = graph.export_snapshot(list(TABLES))
    dataset, signals = with_signals(tables)
    last = hold_out_last(dataset.histories, min_length=3, seed=told.seed)
    held = hold_out_last(last.train, min_length=2, seed=told.seed + 1)
    train = dataset.with_histories(held.train)
    asked, tested = (question(part, signals) for part in (held, last))

    def neural(name: str, data: Dataset, asked: tuple[Histories, np.ndarray]) -> Outcome:
        config = default_config(name, data)
        changed = {} if told.max_epochs is None else {"max_epochs": told.max_epochs}
        return fit_neural(name, data, asked, config.model_copy(update=changed))

    names = told.models.split(",") if told.models else list(MODEL_NAMES)
    fitted = fit_models(train, asked, fit_neural=neural, names=names, report=console.print)
    pipeline = compose(fitted.models, asked, seed=told.seed, report=console.print)

    facts = CourseColumns.from_tables(tables).facts(train)

    def pool(sample: Validation) -> Pool:
        return Pool.of(pipeline, sample.take(sampled(len(sample.targets), told.seed)), facts)

    return World(pipeline, pool(asked), pool(tested))


def sampled(num: int, seed: int) -> np.ndarray:
    """At most ``MAX_BLENDED`` of so many rows, in their order."""
    rows = np.random.default_rng(seed).permutation(num)[:MAX_BLENDED]
    return np.sort(rows)


def question(part: HeldOut, signals: LearnerSignals) -> Validation:
    """What is asked of the learners held out."""
    told = signals.take(part.rows).before(part.times)
    return Validation(part.inputs, part.targets, told, part.times)


def measure(world: World, console: Console) -> dict[str, Any]:
    """Decision, ablation, calibration and test figures."""
    folds = Folds(world.validation)
    every = np.ones(len(folds.features), bool)
    whole = folds.rank(every)
    decision = whole.decide()
    console.print(f"ranker: {decision.describe()}")
    ablation = {}
    for group in dict.fromkeys(feature.group for feature in folds.features):
        kept = np.asarray([feature.group != group for feature in folds.features])
        without = folds.rank(kept).decide().ranker
        ablation[group] = round(without - decision.ranker, 5)
        console.print(f"without {group}: {ablation[group]:+.4f}")
    blend = world.pipeline.blend
    trained = train_on_all(world.validation, blend, folds.features)
    return {
        "learners": decision.num_learners,
        "parts": list(world.pipeline.parts),
        "features": [feature.name for feature in folds.features],
        "validation": {
            "blend": round(decision.blend, 5),
            "ranker": round(decision.ranker, 5),
            "standard_error": round(decision.standard_error, 5),
            "is_on": decision.is_on,
        },
        "without": ablation,
        "calibration": calibration(whole),
        "trees": trained.num_trees,
        "parity": trained.parity,
        "gains": trained.gains,
        "test": on_test(world, trained.ranker, folds, console),
    }


def on_test(world: World, ranker: Any, folds: Folds, console: Console) -> Mapping[str, float]:
    """NDCG@10 of blend and ranker, each having learned from all of validation."""
    lists = world.test.lists(world.pipeline.blend, folds.features)
    blended = lists.gains(lists.blended)
    ranked = lists.gains(ranker.score(lists.features, lists.blended))
    error = float((ranked - blended).std() / np.sqrt(len(ranked)))
    found = {"blend": float(blended.mean()), "ranker": float(ranked.mean())}
    found |= {"standard_error": error, "learners": len(ranked)}
    console.print(f"test: {found}")
    return {name: round(value, 5) for name, value in found.items()}


def calibration(whole: CrossFitted) -> dict[str, float | None]:
    """Expected error of probabilities of enrolling next, before and after calibration."""
    lists, scores = whole.lists[1], whole.scores[1]
    stated, hits = lists.softmax(scores), lists.labels > 0
    calibrated = whole.calibrator((0,))(stated)
    # The best tenth of all candidates: among the rest hardly anything is ever taken.
    top = np.argsort(-stated, kind="stable")[: max(len(stated) // 10, 1)]
    return {
        "ece": expected_error(reliability(stated[top], hits[top])),
        "ece_calibrated": expected_error(reliability(calibrated[top], hits[top])),
    }


if __name__ == "__main__":
    main()

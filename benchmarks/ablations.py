"""What each idea brings: the whole with one thing taken away, on validation and never the test.

    python benchmarks/ablations.py --format sequences --data $GRAPHREC_DATA/mars/sequences.tsv
    python benchmarks/ablations.py … --models graph --variants layers --seeds 0

The split is that of ``graphrec evaluate``; its test part is dropped at once. Graph and sequence
model are asked alone; the pipeline by two-fold cross-fitting, as ``graphrec train`` does. A row is
kept when it is done, and one that this code made is not made again (``--again``: it is;
``--missing``: whatever made it). The variants stand in ``ablation_variants.py``, a line each.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ablation_variants import VARIANTS, Variant
from made import code_digest, read_json, write_json
from rich.console import Console

from graphrec.cli.common import open_graph, settings_for
from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.files import Format, read_interactions
from graphrec.evaluate.protocols import split
from graphrec.features.signals import NO_SIGNALS, LearnerSignals, with_signals
from graphrec.models.fitting import default_config, fit_neural
from graphrec.models.ranking import ranking_metrics
from graphrec.models.registry import MODEL_NAMES, NEURAL
from graphrec.models.training import Outcome
from graphrec.recommend.compose import MAX_TUNED, Fitted, Validation, compose, fit_models, why_not
from graphrec.recommend.validate import validate_pipeline
from graphrec.schema import TABLES

WHOLE = "the whole"
PIPELINE = "pipeline"
_INTERRUPTED = 130
_RESULTS = Path(__file__).resolve().parent / "results"

Cell = dict[str, Any]
"""Metrics of a variant with a seed, seconds, and the code that made it."""


@dataclass
class Study:
    """One data set, and what is known of it so far.

    Attributes:
        train: What is learned from.
        validation: What is asked.
        output: Where rows are kept.
        max_epochs: Bound for the neural models; None: their own.
        result: The file's content.
    """

    train: Dataset
    validation: Validation
    output: Path
    max_epochs: int | None
    result: dict[str, Any]

    def cell(self, model: str, name: str, seed: int) -> Cell:
        """What is known of a variant with a seed; {} for nothing."""
        row = self.result["rows"].get(f"{model}: {name}", {})
        found: Cell = row.get("by_seed", {}).get(str(seed), {})
        return found

    def stands(self, model: str, name: str, seed: int, told: argparse.Namespace) -> bool:
        """Whether a cell need not be made."""
        found = self.cell(model, name, seed)
        return bool(found) and (told.missing or found["code"] == code_digest())

    def keep(self, model: str, name: str, seed: int, cell: Cell) -> None:
        """Write a cell."""
        rows = self.result["rows"]
        row = rows.setdefault(f"{model}: {name}", {"model": model, "name": name, "by_seed": {}})
        row["by_seed"][str(seed)] = cell | {"code": code_digest()}
        write_json(self.output, self.result)

    def fit(self, name: str, seed: int, variant: Variant | None = None) -> Outcome:
        """Train a neural model, whole or without something."""
        train = variant.data(self.train) if variant else self.train
        changed = {"seed": seed, **(variant.config if variant else {})}
        if self.max_epochs is not None:
            changed["max_epochs"] = self.max_epochs
        config = default_config(name, train)
        # Validated, so that a field that is no longer there is an error.
        config = type(config).model_validate(config.model_dump() | changed, extra="forbid")
        asked = (self.validation.inputs, self.validation.targets)
        return fit_neural(name, train, asked, config)

    def fit_all(self, seed: int) -> Fitted:
        """Fit every model that the data allows."""
        return fit_models(
            self.train,
            self.validation,
            fit_neural=lambda name, *_: self.fit(name, seed),
            names=MODEL_NAMES,
            seed=seed,
        )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="What each idea brings, on validation.")
    parser.add_argument("--data", type=Path, help="A bare file, or the folder of a split.")
    parser.add_argument("--format", choices=get_args(Format), help="Form of --data.")
    parser.add_argument("--store", type=Path, help="A store that holds an import, instead.")
    parser.add_argument("--seeds", default="0,1,2", help="Comma-separated.")
    parser.add_argument("--models", default="pipeline,graph,sequence", help="Comma-separated.")
    parser.add_argument("--variants", default="", help="Only those whose name matches.")
    parser.add_argument("--max-epochs", type=int, help="Of graph and sequence.")
    parser.add_argument("--output", type=Path, help="Default: results/ablations.<data>.json.")
    parser.add_argument("--again", action="store_true", help="Make every row anew.")
    parser.add_argument("--missing", action="store_true", help="Only rows that are not there.")
    told = parser.parse_args()
    if (told.data is None) == (told.store is None) or (told.data is None) != (told.format is None):
        parser.error("give --data with --format, or --store")
    return told


def main() -> int:
    """0: every row stands; 1: some failed, and why was said; 130: interrupted."""
    told = arguments()
    console = Console(highlight=False, soft_wrap=True)
    dataset, test, signals, name = read(told)
    protocol = "split-full" if test is not None else "loo-full"
    task = split(dataset, test, protocol, 0, signals)
    output = told.output or _RESULTS / f"ablations.{name}.json"
    result = {} if told.again else read_json(output)
    result = {"data": name, "protocol": protocol, "rows": {}, **result}
    result["num_learners"] = len(task.validation.targets)
    study = Study(task.train, task.validation, output.resolve(), told.max_epochs, result)
    due = list(cells(study, told))
    console.print(f"{name}: {len(due)} cells to make, {result['num_learners']:,} learners asked")
    try:
        failed = [make(study, seed, model, due, told, console) for seed, model in groups(due)]
    except KeyboardInterrupt:
        console.print("interrupted: the same command goes on; rows that are done stay")
        return _INTERRUPTED
    return int(any(failed))


def read(told: argparse.Namespace) -> tuple[Dataset, Histories | None, LearnerSignals, str]:
    """Interactions, a published test (only to know the protocol), signals and a name."""
    if told.data is not None:
        found = read_interactions(told.data, told.format)
        parts = [told.data.resolve()] if told.format == "split" else [told.data.resolve().parent]
        return found.dataset, found.test, NO_SIGNALS, parts[0].name
    with open_graph(settings_for(told.store)) as graph:
        dataset, signals = with_signals(graph.export_snapshot(list(TABLES)))
    return dataset, None, signals, f"{told.store.resolve().name}.store"


Due = tuple[int, str, Variant | None]
"""A seed, a model, and what is taken away (None: nothing)."""


def cells(study: Study, told: argparse.Namespace) -> Iterator[Due]:
    """What is to be made: the wholes first, seed by seed."""
    seeds, models = [int(s) for s in told.seeds.split(",")], told.models.split(",")
    for seed in seeds:
        for model in models:
            named = [v for v in VARIANTS if v.model == model and re.search(told.variants, v.name)]
            for variant in [None, *(v for v in named if applies(v, study.train))]:
                name = variant.name if variant else WHOLE
                if not study.stands(model, name, seed, told):
                    yield seed, model, variant


def applies(variant: Variant, train: Dataset) -> bool:
    """Whether the data has what is taken away, and the model."""
    needed = variant.without or ((variant.model,) if variant.model in NEURAL else ())
    return variant.applies(train) and (not needed or any(not why_not(n, train) for n in needed))


def groups(due: list[Due]) -> list[tuple[int, str]]:
    """Seed and model of what is due, each once."""
    return list(dict.fromkeys((seed, model) for seed, model, _ in due))


def make(
    study: Study, seed: int, model: str, due: list[Due], told: argparse.Namespace, console: Console
) -> bool:
    """Make the cells of a seed and model; True when one of them failed."""
    wanted = [variant for s, m, variant in due if (s, m) == (seed, model)]
    fitted = study.fit_all(seed) if model == PIPELINE else None
    if fitted is not None:
        keep_wholes(study, fitted, seed)
    is_failed = False
    for variant in wanted:
        name = variant.name if variant else WHOLE
        if study.stands(model, name, seed, told):
            continue  # a whole that came with the pipeline
        start = time.perf_counter()
        try:
            metrics = measure(study, model, variant, seed, fitted)
        except (AttributeError, TypeError, ValueError) as exc:
            console.print(f"{model}: {name}: cannot be made any more: {exc}", style="red")
            is_failed = True
            continue
        seconds = time.perf_counter() - start
        study.keep(model, name, seed, metrics | {"seconds": round(seconds, 1)})
        console.print(f"seed {seed}  {model}: {name}  ndcg@10 {metrics['ndcg@10']:.4f}")
    return is_failed


def keep_wholes(study: Study, fitted: Fitted, seed: int) -> None:
    """Graph and sequence model were fitted for the pipeline: their own rows come with it."""
    for name in NEURAL:
        if name in fitted.models:
            cell = ask(study, fitted.models[name])
            study.keep(name, WHOLE, seed, cell | {"seconds": round(fitted.seconds[name], 1)})


def measure(
    study: Study, model: str, variant: Variant | None, seed: int, fitted: Fitted | None
) -> Cell:
    """recall@10 and ndcg@10 on validation."""
    if model != PIPELINE:
        if variant is None:
            return ask(study, study.fit(model, seed).model)
        with variant.in_place():
            return ask(study, study.fit(model, seed, variant).model)
    assert fitted is not None  # noqa: S101 - of the pipeline
    without = variant.without if variant else ()
    parts = {name: part for name, part in fitted.models.items() if name not in without}
    with (variant or Variant("", model)).in_place():
        pipeline = compose(parts, study.validation, seed=seed)
        return dict(validate_pipeline(pipeline, study.validation, seed=seed).metrics)


def ask(study: Study, model: Any) -> Cell:
    """A model's metrics on at most ``MAX_TUNED`` learners, the same ones for all."""
    sample = study.validation.sample(MAX_TUNED, 0)
    found = ranking_metrics(model, sample.inputs, sample.targets)
    return {name: round(value, 5) for name, value in found.items()}


if __name__ == "__main__":
    sys.exit(main())

"""What staleness costs: a bundle kept, updated or trained anew as time goes on.

    graphrec import mars PATH --store DIR
    OMP_NUM_THREADS=1 python benchmarks/staleness.py mars --store DIR
    OMP_NUM_THREADS=1 python benchmarks/staleness.py videos --events video_watch.tsv

Time is cut at quantiles of the events: a base period and K that follow. At the beginning of
each, three pipelines stand ready: the base's as it is, the one that ``graphrec update`` made
of the period before's, and one trained anew. Each is asked for the course that each learner
took next, everything before it folded in; a course that a pipeline does not know is a miss.
The first period is alike for all three. Finished periods are kept: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch

from graphrec.bundle import Bundle, BundleStore
from graphrec.cli.common import open_graph, settings_for
from graphrec.dataset import Dataset, Histories
from graphrec.events.splits import hold_out_last
from graphrec.features.dataset import dataset_from_tables
from graphrec.features.signals import NO_SIGNALS
from graphrec.files import replace_file
from graphrec.models.fitting import config_type, fit_neural
from graphrec.models.ranking import target_ranks
from graphrec.models.training import Outcome
from graphrec.models.warm_start import WarmStartConfig
from graphrec.recommend.compose import Validation, compose, fit_models, refit_simple
from graphrec.recommend.growth import in_rows
from graphrec.recommend.model_io import (
    TrainedPipeline,
    read_parameters,
    read_pipeline,
    write_pipeline,
)
from graphrec.recommend.refresh import Before, refresh
from graphrec.recommend.validate import own_gains
from graphrec.schema import TABLES
from training.train import TrainOptions, config_of

RESULTS = Path(__file__).parent / "results" / "staleness.json"
MAX_ASKED = 3_000
"""Events of a period that are asked for, drawn with the seed."""

ROWS = ("graph", "sequence", "pipeline")
Tables = dict[str, pa.Table]


@dataclass(frozen=True)
class Made:
    """A pipeline ready at some moment, and the CPU minutes that it cost."""

    before: Before
    cpu_minutes: float


def read_tables(store: Path | None, events: Path | None) -> Tables:
    """Native tables of a store's graph, or of a file of learner, item and epoch seconds."""
    if events is None:
        with open_graph(settings_for(store)) as graph:
            return dict(graph.export_snapshot(list(TABLES)))
    rows = pd.read_csv(events, sep=None, engine="python", dtype=str).iloc[:, :3]
    rows.columns = pd.Index(["learner_id", "course_id", "at"])
    taken = {"learner_id": rows["learner_id"], "course_id": rows["course_id"]}
    told = pa.table(
        taken | {"at": pa.array(rows["at"].astype(float).to_numpy() * 1000).cast("int64")}
    )
    ids = {"courses": "course_id", "learners": "learner_id"}
    tables = {name: spec.schema.empty_table() for name, spec in TABLES.items()}
    for name, column in ids.items():
        tables[name] = filled(name, pa.table({column: told[column].unique()}))
    kind = pa.array(["viewed"] * told.num_rows)
    return tables | {"interactions": filled("interactions", told.append_column("type", kind))}


def filled(name: str, table: pa.Table) -> pa.Table:
    """A native table, nulls where nothing is told."""
    columns = [
        table[f.name].cast(f.type) if f.name in table.schema.names else pa.nulls(len(table), f.type)
        for f in TABLES[name].schema
    ]
    return pa.table(columns, schema=TABLES[name].schema)


def as_of(tables: Tables, moment: int) -> Dataset:
    """What was known at a moment: events until it, and all courses but those first taken later."""
    events = tables["interactions"]
    past = events.filter(pc.less_equal(events["at"], moment))
    later = np.setdiff1d(events["course_id"].unique(), past["course_id"].unique())
    is_there = pc.invert(pc.is_in(tables["courses"]["course_id"], pa.array(later, pa.string())))
    courses = tables["courses"].filter(is_there)
    return dataset_from_tables(tables | {"interactions": past, "courses": courses})


def trained(dataset: Dataset, options: TrainOptions) -> Made:
    """As ``graphrec train``, in this process."""
    begun = time.process_time()
    configs = {}

    def fit(name: str, train: Dataset, asked: tuple[Histories, np.ndarray]) -> Outcome:
        configs[name] = config_of(name, train, options)
        return fit_neural(name, train, asked, configs[name])

    eligible = int((dataset.histories.lengths >= 2).sum())
    most = max(int(eligible * options.validation_share), options.min_validation)
    held = hold_out_last(
        dataset.histories, min_length=2, seed=options.seed, max_learners=min(most, 10_000)
    )
    asked = Validation(held.inputs, held.targets, NO_SIGNALS)
    train = dataset.with_histories(held.train)
    fitted = fit_models(
        train, asked, fit_neural=fit, names=options.models, seed=options.seed, report=say
    )
    pipeline = compose(fitted.models, asked, seed=options.seed)
    refit_simple(pipeline, dataset)
    before = Before(pipeline, fitted.parameters, configs, dataset)
    return Made(before, (time.process_time() - begun) / 60)


def updated(before: Before, dataset: Dataset, config: WarmStartConfig) -> Made:
    """As ``graphrec update``, in this process."""
    begun = time.process_time()
    done = refresh(before, dataset, NO_SIGNALS, config, report=say)
    made = Before(done.pipeline, done.parameters, before.configs, dataset)
    return Made(made, (time.process_time() - begun) / 60)


def measured(before: Before, whole: Dataset, places: np.ndarray) -> dict[str, dict[str, float]]:
    """HR@10 and NDCG@10 of graph, sequence and pipeline on the events at ``places``."""
    histories, items = whole.histories, before.dataset.items
    owners = histories.owners()[places]
    starts = histories.indptr[owners]
    indptr = np.concatenate([[0], np.cumsum(places - starts)]).astype(np.int64)
    flat = np.repeat(starts - indptr[:-1], places - starts) + np.arange(indptr[-1])
    inputs = Histories(indptr, histories.items[flat])
    rows = items.indices(whole.items)
    asked = Validation(in_rows(inputs, rows), rows[histories.items[places]])
    is_known = asked.targets >= 0
    found = {}
    for name in ROWS[:2]:
        if name not in before.pipeline.models:
            continue
        ranks = np.full(len(places), 1_000_000)
        known = asked.inputs.take(is_known), asked.targets[is_known]
        ranks[is_known] = target_ranks(before.pipeline.models[name], *known)
        found[name] = figures(np.where(ranks < 10, 1 / np.log2(ranks + 2.0), 0.0))
    return found | {"pipeline": figures(own_gains(before.pipeline, asked))}


def figures(gains: np.ndarray) -> dict[str, float]:
    """Means over events, each with one right answer."""
    error = float(gains.std() / np.sqrt(max(len(gains), 1)))
    return {
        "hr@10": round(float((gains > 0).mean()), 4),
        "ndcg@10": round(float(gains.mean()), 4),
        "standard_error": round(error, 4),
    }


class Shelf:
    """Pipelines that were made, so that an interrupted run goes on."""

    def __init__(self, folder: Path) -> None:
        self._bundles = BundleStore(folder)

    def get(self, name: str, dataset: Dataset, make: Callable[[], Made]) -> Made:
        """What stands under a name, or is made now."""
        if self._bundles.alias(name) is None:
            self._put(name, make())
        bundle: Bundle = self._bundles.load(name)
        told = bundle.manifest["config"]
        configs = {n: config_type(n).model_validate(c) for n, c in told["models"].items()}
        pipeline = read_pipeline(bundle).pipeline
        before = Before(pipeline, read_parameters(bundle), configs, dataset)
        return Made(before, float(told["cpu_minutes"]))

    def _put(self, name: str, made: Made) -> None:
        before = made.before
        whole = TrainedPipeline(before.pipeline, before.dataset.items, False, before.parameters)
        models = {n: config.model_dump() for n, config in before.configs.items()}
        info = {"config": {"models": models, "cpu_minutes": made.cpu_minutes}}
        bundle = self._bundles.publish(lambda writer: write_pipeline(writer, whole), info=info)
        self._bundles.set_alias(name, bundle.id)


def run(args: argparse.Namespace) -> None:
    """All periods of a data set; each is written when it is done."""
    options = TrainOptions(seed=args.seed, max_epochs=2 if args.quick else None)
    config = WarmStartConfig(seed=args.seed, rate=args.rate, passes=args.passes)
    tables = read_tables(args.store, args.events)
    times = tables["interactions"]["at"].drop_null().to_numpy()
    shares = np.linspace(args.base, args.until, args.periods + 1)
    bounds = [int(t) for t in np.quantile(times, shares)]
    whole = as_of(tables, int(times.max()))
    shelf = Shelf(args.work / args.name)
    done = json.loads(args.output.read_text()) if args.output.is_file() else {}
    told = done.setdefault(args.name, {})
    told["protocol"] = {
        "base": args.base,
        "until": args.until,
        "seed": args.seed,
        "rate": args.rate,
        "passes": args.passes,
        "quick": args.quick,
    }
    periods = told.setdefault("periods", [])
    base = as_of(tables, bounds[0])
    stale = shelf.get("base", base, lambda: trained(base, options))
    last = stale
    for number in range(1, args.periods + 1):
        known = as_of(tables, bounds[number - 1])
        made = {"stale": stale, "updated": stale, "retrained": stale}
        if number > 1:
            before = last.before
            last = shelf.get(f"updated-{number}", known, lambda: updated(before, known, config))  # noqa: B023
            anew = shelf.get(f"retrained-{number}", known, lambda: trained(known, options))  # noqa: B023
            made |= {"updated": last, "retrained": anew}
        if len(periods) >= number:
            continue
        places = asked_places(whole, bounds[number - 1], bounds[number], args.seed)
        period = {
            "period": number,
            "from": day(bounds[number - 1]),
            "to": day(bounds[number]),
            "asked": len(places),
            "courses": {name: one.before.dataset.num_items for name, one in made.items()},
            "quality": {n: measured(one.before, whole, places) for n, one in made.items()},
            "cpu_minutes": {
                "stale": 0.0,
                "updated": round(last.cpu_minutes, 3) if number > 1 else 0.0,
                "retrained": round(made["retrained"].cpu_minutes, 3),
            },
        }
        periods.append(period)
        replace_file(args.output, (json.dumps(done, indent=2) + "\n").encode())
        show(period)


def asked_places(whole: Dataset, start: int, end: int, seed: int) -> np.ndarray:
    """Events of a period that follow another one of their learner's, int64 [n], a sample."""
    histories = whole.histories
    assert histories.times is not None  # noqa: S101 - cut by their times
    is_later = np.arange(len(histories.items)) > histories.indptr[histories.owners()]
    places = np.flatnonzero(is_later & (histories.times > start) & (histories.times <= end))
    rng = np.random.default_rng([seed, start % 2**32])
    return np.sort(rng.choice(places, min(len(places), MAX_ASKED), replace=False))


def say(line: str) -> None:
    """What is being done."""
    print(f"    {line}", flush=True)


def day(moment: int) -> str:
    """Epoch ms as a date."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"


def show(period: dict[str, Any]) -> None:
    """One period as lines of a table."""
    print(f"period {period['period']}, {period['from']} to {period['to']}, {period['asked']} asked")
    for name, found in period["quality"].items():
        cells = "  ".join(
            f"{row} {found[row]['hr@10']:.3f}/{found[row]['ndcg@10']:.3f}" for row in found
        )
        print(f"  {name:10} {cells}  {period['cpu_minutes'][name]:.2f} CPU min", flush=True)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("name", help="of the data, under which the figures are kept")
    parser.add_argument("--store", type=Path, help="a store with the data in its graph")
    parser.add_argument("--events", type=Path, help="or a file: learner, item, epoch seconds")
    parser.add_argument(
        "--base", type=float, default=0.6, help="share of events in the base period"
    )
    parser.add_argument("--until", type=float, default=1.0, help="share after the last period")
    parser.add_argument("--periods", type=int, default=4, help="that follow the base")
    parser.add_argument("--passes", type=int, default=WarmStartConfig().passes)
    parser.add_argument("--rate", type=float, default=WarmStartConfig().rate)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="two epochs: a test of the run")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "graphrec-staleness"
    )
    torch.set_num_threads(1)
    run(parser.parse_args())


if __name__ == "__main__":
    main()

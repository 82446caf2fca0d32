"""The protocols: sane figures on planted data, and a test set that nothing is learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import bare, unordered, walks
from typer.testing import CliRunner

from graphrec.cli.main import app
from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.protocols import BASELINE_BLEND, Evaluation, Task, evaluate, split
from graphrec.features.signals import NO_SIGNALS, LearnerSignals
from graphrec.models.registry import MODEL_NAMES

SIMPLE = ("popularity", "itemknn", "ease", "sequence_rules", "pipeline")
METRICS = {"recall@10", "ndcg@10", "recall@20", "ndcg@20"}


def no_neural(name: str, *_: Any) -> Any:
    raise AssertionError(f"{name} was to be left out")


def run(task: Task, protocol: str, names: tuple[str, ...] = SIMPLE, seed: int = 0) -> Evaluation:
    return evaluate(task, protocol, fit_neural=no_neural, names=names, seed=seed)


def loo(dataset: Dataset, seed: int = 0) -> Task:
    return split(dataset, None, "loo-full", seed, NO_SIGNALS)


def published(dataset: Dataset) -> tuple[Dataset, Histories]:
    """A published split of the dataset: the last two items of each learner are the test."""
    tests = [row[-2:] for row in dataset.histories]
    return unordered(bare([row[:-2] for row in dataset.histories], dataset.num_items)), (
        Histories.from_lists(tests)
    )


@pytest.fixture(scope="module")
def data() -> Dataset:
    return walks(400)


@pytest.fixture(scope="module")
def full(data: Dataset) -> Evaluation:
    return run(loo(data), "loo-full")


def test_figures_are_sane(full: Evaluation) -> None:
    assert set(full.results) == {*SIMPLE, BASELINE_BLEND}
    for name, row in full.results.items():
        assert set(row) == METRICS | {"seconds"}, name
        assert 0 <= row["ndcg@10"] <= row["recall@10"] <= row["recall@20"] <= 1
        assert row["ndcg@10"] <= row["ndcg@20"] <= row["recall@20"]
        assert row["seconds"] >= 0


def test_the_planted_order_is_found_and_popularity_is_below(full: Evaluation) -> None:
    assert full.results["sequence_rules"]["recall@10"] > 0.7
    assert full.results["popularity"]["recall@10"] < 0.3


def test_the_pipeline_is_no_worse_than_its_best_part(full: Evaluation) -> None:
    best = max(row["ndcg@10"] for name, row in full.results.items() if name != "pipeline")
    assert full.results["pipeline"]["ndcg@10"] > best - 0.03  # two standard errors of 400 learners
    assert set(full.weights) == set(SIMPLE) - {"pipeline"}


def test_popularity_by_hand(data: Dataset, full: Evaluation) -> None:
    counts = np.zeros(data.num_items)
    for row in data.histories:
        counts[row[:-2]] += 1  # the last is the test, the one before validation
    gains, hits = [], []
    for row in data.histories:
        target, seen = row[-1], row[:-1]
        rank = sum(counts[i] >= counts[target] for i in range(data.num_items) if i not in seen) - 1
        hits.append(rank < 10)
        gains.append(1 / np.log2(rank + 2) if rank < 10 else 0.0)
    assert full.results["popularity"]["recall@10"] == pytest.approx(np.mean(hits), abs=1e-5)
    assert full.results["popularity"]["ndcg@10"] == pytest.approx(np.mean(gains), abs=1e-5)


def test_the_same_seed_gives_the_same_figures(data: Dataset, full: Evaluation) -> None:
    again = run(loo(data), "loo-full")
    assert _metrics(again) == _metrics(full)
    assert again.weights == full.weights


def _metrics(found: Evaluation) -> dict[str, dict[str, float]]:
    return {
        name: {metric: row[metric] for metric in METRICS} for name, row in found.results.items()
    }


def test_two_items_before_the_test_and_it_are_split_in_time(data: Dataset) -> None:
    task = loo(data)
    assert isinstance(task.targets, np.ndarray)
    for number, row in enumerate(data.histories):
        assert task.targets[number] == row[-1]
        assert task.validation.targets[number] == row[-2]
        assert task.inputs[number].tolist() == row[:-1].tolist()
        assert task.train.histories[number].tolist() == row[:-2].tolist()
        assert task.validation.inputs[number].tolist() == row[:-2].tolist()


def test_short_histories_are_learned_from_and_not_asked() -> None:
    task = loo(bare([[0], [1, 2], [3, 4, 5]], 6))
    assert task.targets == [5]
    assert [row.tolist() for row in task.train.histories] == [[0], [1], [3]]
    assert task.validation.targets.tolist() == [2, 4]


def test_nothing_is_learned_from_the_test(data: Dataset, full: Evaluation) -> None:
    other = data.histories.items.copy()
    last = data.histories.indptr[1:] - 1
    for learner, place in enumerate(last):
        unseen = np.setdiff1d(np.arange(data.num_items), data.histories[learner])
        other[place] = unseen[learner % len(unseen)]
    changed = run(loo(data.with_histories(replace(data.histories, items=other))), "loo-full")
    assert changed.weights == full.weights
    assert changed.fitted.validation == full.fitted.validation
    for name, model in full.fitted.models.items():
        for key, value in model.state().items():
            np.testing.assert_array_equal(changed.fitted.models[name].state()[key], value)
    assert changed.results["pipeline"]["recall@10"] < full.results["pipeline"]["recall@10"] / 2


def test_nothing_is_learned_from_a_published_test(data: Dataset) -> None:
    train, tests = published(data)
    one = run(split(train, tests, "split-full", 0, NO_SIGNALS), "split-full")
    noise = Histories(tests.indptr, (tests.items + 71) % data.num_items)
    other = run(split(train, noise, "split-full", 0, NO_SIGNALS), "split-full")
    assert other.weights == one.weights
    for name, model in one.fitted.models.items():
        for key, value in model.state().items():
            np.testing.assert_array_equal(other.fitted.models[name].state()[key], value)
    assert one.results["ease"]["recall@20"] > 0.5 > other.results["ease"]["recall@20"]


def test_a_published_split_by_hand(data: Dataset) -> None:
    train, tests = published(data)
    task = split(train, tests, "split-full", 0, NO_SIGNALS)
    found = run(task, "split-full", ("popularity",)).results["popularity"]
    counts = np.bincount(task.train.histories.items, minlength=data.num_items).astype(float)
    ties = _swaps_by_tie(counts, train.histories, tests)
    recalls = []
    for seen, wanted in zip(train.histories, tests, strict=True):
        scores = counts.copy()
        scores[seen] = -np.inf
        recalls.append(np.isin(wanted, np.argsort(-scores, kind="stable")[:20]).mean())
    assert found["recall@20"] == pytest.approx(np.mean(recalls), abs=ties + 1e-5)


def _swaps_by_tie(counts: np.ndarray, seen: Histories, tests: Histories) -> float:
    """How far figures may differ by the order of items with equal counts at the cut."""
    loose = 0.0
    for had, wanted in zip(seen, tests, strict=True):
        scores = counts.copy()
        scores[had] = -np.inf
        edge = np.sort(scores)[-20]
        loose += np.isin(wanted, np.flatnonzero(scores == edge)).mean()
    return loose / len(seen)


def test_all_learned_items_of_the_test_learner_count_as_seen(data: Dataset) -> None:
    train, _ = published(data)
    again = Histories.from_lists([row[-1:] for row in train.histories])  # asked what was seen
    found = run(split(train, again, "split-full", 0, NO_SIGNALS), "split-full", ("ease",))
    assert found.results["ease"]["recall@20"] == 0.0


def test_a_catalogue_smaller_than_the_cut_off() -> None:
    rows = [[(start + step) % 8 for step in range(4)] for start in range(8)] * 5
    train, tests = published(bare(rows, 8))
    found = run(split(train, tests, "split-full", 0, NO_SIGNALS), "split-full")
    assert found.results["ease"]["recall@20"] == 1.0
    assert 0 < found.results["ease"]["ndcg@20"] < 1.0
    assert run(loo(bare(rows, 8)), "loo-full").results["popularity"]["recall@10"] == 1.0


def test_one_in_a_hundred_is_easier_than_one_in_all(data: Dataset, full: Evaluation) -> None:
    sampled = run(split(data, None, "loo-100", 0, NO_SIGNALS), "loo-100")
    for name in SIMPLE:
        assert sampled.results[name]["recall@10"] >= full.results[name]["recall@10"]
    assert 0.05 < sampled.results["popularity"]["recall@10"] < 0.6
    assert sampled.results["pipeline"]["ndcg@10"] > 0.6


def test_one_in_a_hundred_needs_a_hundred_before_anything_is_fitted() -> None:
    task = split(walks(50, 100), None, "loo-100", 0, NO_SIGNALS)
    with pytest.raises(ParameterError, match="loo-100 needs 100 unseen items"):
        run(task, "loo-100", MODEL_NAMES)  # no_neural was not called


@pytest.mark.parametrize(("protocol", "has_test"), [("split-full", False), ("loo-full", True)])
def test_a_protocol_must_fit_the_data(data: Dataset, protocol: str, has_test: bool) -> None:
    with pytest.raises(ParameterError, match="does not fit"):
        split(data, data.histories if has_test else None, protocol, 0, NO_SIGNALS)


def test_nothing_to_ask_is_said() -> None:
    with pytest.raises(ParameterError, match="no learner has three"):
        loo(bare([[0, 1], [1]], 2))
    empty = Histories.from_lists([[], []])
    with pytest.raises(ParameterError, match="no item"):
        split(bare([[0, 1], [1]], 2), empty, "split-full", 0, NO_SIGNALS)


def test_views_that_follow_the_target_are_not_known() -> None:
    """Whoever takes a course then views it: that must not give the course away."""
    base = walks(100)
    histories = replace(base.histories, times=np.arange(len(base.histories.items)) * 10)
    dataset = base.with_histories(histories)
    after = replace(histories, times=histories.times + 1)  # each taken, then viewed
    task = split(dataset, None, "loo-full", 0, LearnerSignals(dataset.num_items, after))
    assert task.signals.views is not None
    assert isinstance(task.targets, np.ndarray)
    for learner, target in enumerate(task.targets):
        assert target not in task.signals.views[learner]
        assert task.signals.views[learner].tolist() == histories[learner][:-1].tolist()
    known = task.validation.signals.views
    assert known is not None
    assert all(t not in known[u] for u, t in enumerate(task.validation.targets))
    unknown = split(base, None, "loo-full", 0, LearnerSignals(base.num_items, base.histories))
    assert unknown.signals.parts == ()  # without times it cannot be told, so nothing is


@pytest.mark.parametrize(
    ("names", "rows", "parts"),
    [
        (("ease",), {"ease"}, set()),
        (("pipeline", "itemknn"), {"pipeline", "itemknn"}, {"popularity", "itemknn"}),
        (
            ("pipeline", "ease", "sequence_rules"),
            {"pipeline", "ease", "sequence_rules", BASELINE_BLEND},
            {"popularity", "ease", "sequence_rules"},
        ),
    ],
)
def test_the_pipeline_is_composed_of_the_models_named(
    names: tuple[str, ...], rows: set[str], parts: set[str]
) -> None:
    found = run(loo(walks(60)), "loo-full", names)
    assert set(found.results) == rows
    assert set(found.weights) == parts


def test_the_pipeline_alone_is_composed_of_all() -> None:
    asked: list[str] = []

    def refuse(name: str, *_: Any) -> Any:
        asked.append(name)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(loo(walks(30)), "loo-full", fit_neural=refuse, names=("pipeline",))
    assert asked == ["graph"]


def _command(tmp_path: Path, *arguments: str) -> dict[str, Any]:
    output = tmp_path / "made" / "result.json"
    result = CliRunner().invoke(app, ["evaluate", *arguments, "--output", str(output)])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(output.read_bytes())
    return found


def _write(path: Path, dataset: Dataset) -> None:
    lines = [
        " ".join([u, *dataset.items.ids(row)])
        for u, row in zip(dataset.learners, dataset.histories, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("file_format", ["sequences", "pairs", "split"])
def test_the_command_writes_the_promised_json(
    tmp_path: Path, data: Dataset, full: Evaluation, file_format: str
) -> None:
    path, protocol = tmp_path / "data.txt", "loo-full"
    if file_format == "sequences":
        _write(path, data)
    elif file_format == "pairs":
        rows = zip(data.learners, data.histories, strict=True)
        path.write_text("".join(f"{u} {i}\n" for u, row in rows for i in data.items.ids(row)))
    else:
        path, protocol = tmp_path / "parts", "split-full"
        path.mkdir()
        train, tests = published(data)
        _write(path / "train.txt", train)
        _write(path / "test.txt", data.with_histories(tests))
    arguments = ["--format", file_format, "--data", str(path), "--protocol", protocol]
    found = _command(tmp_path, *arguments, "--models", ",".join(SIMPLE), "--seed", "3")
    assert (found["data"], found["protocol"], found["seed"]) == (path.name, protocol, 3)
    if protocol == "split-full":  # its order means nothing
        assert set(found["results"]) == set(SIMPLE) - {"sequence_rules"}
        assert "order" in found["skipped"]["sequence_rules"]
    else:
        assert set(found["results"]) == {*SIMPLE, BASELINE_BLEND}
    for row in found["results"].values():
        assert list(row) == ["recall@10", "ndcg@10", "recall@20", "ndcg@20", "seconds"]
        assert all(isinstance(value, float) for value in row.values())
    if protocol == "loo-full":
        # The ids are sorted otherwise than here; the popularity row has no chance in it.
        mine = full.results["popularity"]["recall@10"]
        assert found["results"]["popularity"]["recall@10"] == pytest.approx(mine)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--models", "ease,svd"], "there is no model 'svd'"),
        (["--data", "x.txt"], "go together"),
        (["--format", "pairs", "--data", "nowhere.txt"], "No such file"),
    ],
)
def test_the_command_names_what_is_wrong(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    assert result.exit_code != 0
    assert message in f"{result.output} {result.exception}"


@pytest.mark.slow
def test_graph_and_sequence_take_part(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="trained with the extra 'train'")
    path = tmp_path / "data.txt"
    _write(path, walks(150, 40))
    models = "popularity,graph,sequence,pipeline"
    found = _command(tmp_path, "--format", "sequences", "--data", str(path), "--models", models)
    assert set(found["results"]) == set(models.split(","))
    assert set(found["weights"]) == {"popularity", "graph", "sequence"}
    assert set(found["epochs"]) == {"graph", "sequence"}
    assert found["results"]["graph"]["recall@10"] > found["results"]["popularity"]["recall@10"]

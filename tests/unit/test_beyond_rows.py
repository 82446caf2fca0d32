"""What an evaluation reports beside accuracy, whole: keys, sums, and nothing scored twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import bare, unordered, walks, with_contents
from typer.testing import CliRunner

from graphrec.cli.main import app
from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.asked import Asked
from graphrec.evaluate.beyond import FIGURES, Catalogue
from graphrec.evaluate.curve import WEIGHTS, novelty_curve
from graphrec.evaluate.protocols import Evaluation, Task, evaluate, split
from graphrec.features.signals import NO_SIGNALS
from graphrec.models.ease import EASEModel
from graphrec.models.popularity import PopularityModel
from graphrec.recommend.compose import compose

NAMES = ("popularity", "ease", "sequence_rules", "pipeline")


def no_neural(name: str, *_: Any) -> Any:
    raise AssertionError(f"{name} was to be left out")


def run(task: Task, protocol: str = "loo-full", *, curve: bool = False) -> Evaluation:
    return evaluate(task, protocol, fit_neural=no_neural, names=NAMES, curve=curve)


def timed(dataset: Dataset) -> Dataset:
    times = np.arange(len(dataset.histories.items), dtype=np.int64)[::-1].copy()
    return dataset.with_histories(replace(dataset.histories, times=times))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return walks(200)


@pytest.fixture(scope="module")
def task(data: Dataset) -> Task:
    return split(data, None, "loo-full", 0, NO_SIGNALS)


@pytest.fixture(scope="module")
def found(task: Task) -> Evaluation:
    return run(task, curve=True)


def test_every_row_has_its_figures(found: Evaluation) -> None:
    assert list(found.beyond) == list(found.slices) == list(found.results)
    for name, row in found.beyond.items():
        assert tuple(row) == FIGURES
        assert row["diversity@10"] is None  # no skills here
        assert 0 < (row["coverage@10"] or 0) <= 1, name
        assert 0 <= (row["gini@10"] or 0) <= 1
    popular, rules = found.beyond["popularity"], found.beyond["sequence_rules"]
    assert _number(popular, "coverage@10") < _number(rules, "coverage@10")
    assert _number(popular, "gini@10") > _number(rules, "gini@10")
    assert _number(popular, "novelty@10") < _number(rules, "novelty@10")
    assert _number(popular, "popularity_lift@10") > 1


def _number(row: dict[str, float | None], name: str) -> float:
    value = row[name]
    assert value is not None
    return value


def test_popularity_covers_by_hand(data: Dataset, task: Task, found: Evaluation) -> None:
    counts = np.bincount(task.train.histories.items, minlength=data.num_items)
    order = np.argsort(-counts, kind="stable")
    lists = [[i for i in order if i not in set(row.tolist())][:10] for row in task.inputs]
    row = found.beyond["popularity"]
    coverage = len(set().union(*lists)) / data.num_items
    assert row["coverage@10"] == pytest.approx(coverage, abs=1e-5)
    bits = -np.log2(counts / len(task.train.learners))
    assert row["novelty@10"] == pytest.approx(np.mean(bits[np.array(lists)]), abs=1e-5)


@pytest.mark.parametrize("protocol", ["loo-full", "loo-100"])
def test_slices_make_up_the_row(data: Dataset, protocol: str) -> None:
    told = run(split(timed(data), None, protocol, 0, NO_SIGNALS), protocol)
    for name, slices in told.slices.items():
        assert set(slices) == {"history", "course_age"}
        for rows in slices.values():
            weights = [row["learners"] for row in rows]
            assert sum(weights) == len(data.learners)
            for metric in ("recall@10", "ndcg@10"):
                mean = np.average([row[metric] for row in rows], weights=weights)
                assert mean == pytest.approx(told.results[name][metric], abs=2e-5)
        assert {row["by"] for row in slices["course_age"]} == {"first_taken"}


def test_without_times_age_is_popularity(found: Evaluation) -> None:
    assert {row["by"] for row in found.slices["ease"]["course_age"]} == {"popularity"}


def test_skills_give_diversity(data: Dataset) -> None:
    told = run(split(with_contents(data, 2), None, "loo-full", 0, NO_SIGNALS))
    for row in told.beyond.values():
        assert 0 < _number(row, "diversity@10") < 1


def test_several_right_items(data: Dataset) -> None:
    tests = Histories.from_lists([row[-2:] for row in data.histories])
    rows = [row[:-2] for row in data.histories]
    train = unordered(bare([*rows[:-1], []], data.num_items))  # one is known by nothing
    told = evaluate(
        split(train, tests, "split-full", 0, NO_SIGNALS),
        "split-full",
        fit_neural=no_neural,
        names=("ease", "pipeline"),
        curve=True,
    )
    assert told.calibration == {}
    for name, slices in told.slices.items():
        assert slices["course_age"] == []
        weights = [row["learners"] for row in slices["history"]]
        assert slices["history"][0]["to"] == 0
        assert sum(weights) == len(data.learners)
        mean = np.average([row["ndcg@10"] for row in slices["history"]], weights=weights)
        assert mean == pytest.approx(told.results[name]["ndcg@10"], abs=2e-5)
    assert [row["weight"] for row in told.curve] == list(WEIGHTS)


def test_a_learner_is_scored_once_a_row(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []
    measure = Asked.measure

    def count(self: Asked, score: Any, *watches: Any) -> Any:
        def counted(histories: Histories, rows: np.ndarray) -> np.ndarray:
            asked.append(rows)
            return np.asarray(score(histories, rows))

        return measure(self, counted, *watches)

    monkeypatch.setattr(Asked, "measure", count)
    told = run(task)
    rows = np.bincount(np.concatenate(asked), minlength=len(task.inputs))
    assert (rows == len(told.results)).all()


def test_probabilities_of_the_pipeline(found: Evaluation) -> None:
    told = found.calibration
    assert told["learners"] == 200
    assert 0.8 < told["target_is_candidate"] <= 1
    assert told["ece"] < 0.05
    assert len(told["bins"]) == 10
    possible = round(told["target_is_candidate"] * 200)
    assert sum(row["items"] for row in told["bins"]) == 10 * possible


# The curve.


def tastes() -> Dataset:
    """Ten tastes of thirty items, in each a few that nearly everybody takes and a long tail."""
    rng = np.random.default_rng(3)
    share = 1 / np.arange(1, 31)
    rows = [
        30 * rng.integers(10) + rng.choice(30, rng.integers(4, 9), False, share / share.sum())
        for _ in range(300)
    ]
    return bare(rows, 300)


def test_novelty_is_paid_for_in_accuracy() -> None:
    told = run(split(tastes(), None, "loo-full", 0, NO_SIGNALS), curve=True)
    rows = {row["weight"]: row for row in told.curve}
    assert list(rows) == list(WEIGHTS)
    for row in rows.values():
        assert set(row) == {"weight", "ndcg@10", "coverage@10", "novelty@10", "gini@10"}
    for name in ("coverage@10", "novelty@10"):
        assert _number(rows[0.5], name) > _number(rows[0.0], name)
    assert _number(rows[0.5], "gini@10") < _number(rows[0.0], "gini@10")
    assert _number(rows[1.5], "ndcg@10") < _number(rows[0.0], "ndcg@10")


def test_the_curve_begins_at_what_is_recommended(task: Task) -> None:
    models = {"popularity": PopularityModel().fit(task.train), "ease": EASEModel().fit(task.train)}
    pipeline = compose(dict(models), task.validation)
    (row,) = novelty_curve(pipeline, task.validation, Catalogue.of(task.train), weights=[0.0])
    kept = pipeline.shortlist(task.validation.inputs, 10)
    given = pipeline.rerank(kept, 10).items
    coverage = len(np.unique(given)) / pipeline.num_items
    assert row["coverage@10"] == pytest.approx(coverage, abs=1e-5)
    hit = given == task.validation.targets[:, None]
    gain = (hit / np.log2(np.arange(10) + 2.0)).sum(axis=1).mean()
    assert row["ndcg@10"] == pytest.approx(gain, abs=0.02)  # ties count against the target


def test_the_curve_knows_nothing_of_the_test(data: Dataset, found: Evaluation) -> None:
    items = data.histories.items.copy()
    last = data.histories.indptr[1:] - 1
    for learner, place in enumerate(last):
        items[place] = np.setdiff1d(np.arange(data.num_items), data.histories[learner])[learner % 9]
    other = data.with_histories(replace(data.histories, items=items))
    told = run(split(other, None, "loo-full", 0, NO_SIGNALS), curve=True)
    assert told.curve == found.curve
    assert told.beyond == found.beyond  # what lists are like needs no right answers
    assert told.results != found.results


def test_the_knob_moves_no_row_of_the_test(task: Task, found: Evaluation) -> None:
    told = run(task)
    assert told.curve == []
    assert told.beyond == found.beyond
    assert told.calibration == found.calibration


@pytest.mark.parametrize(("protocol", "names"), [("loo-100", NAMES), ("loo-full", ("ease",))])
def test_a_curve_of_nothing_is_refused(data: Dataset, protocol: str, names: tuple[str]) -> None:
    asked = split(data, None, protocol, 0, NO_SIGNALS)
    with pytest.raises(ParameterError, match="the curve is that of the pipeline"):
        evaluate(asked, protocol, fit_neural=no_neural, names=names, curve=True)


# The command.


def _command(tmp_path: Path, data: Dataset, *more: str) -> tuple[dict[str, Any], str]:
    path, output = tmp_path / "data.txt", tmp_path / "result.json"
    lines = [" ".join([f"u{n}", *map(str, row)]) for n, row in enumerate(data.histories)]
    path.write_text("\n".join(lines) + "\n")
    models = ("--models", ",".join(NAMES), "--output", str(output))
    arguments = ["evaluate", "--data", str(path), "--format", "sequences", *models, *more]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(output.read_bytes())
    return told, result.stdout


def test_the_command_tells_all_of_it(tmp_path: Path, data: Dataset) -> None:
    told, shown = _command(tmp_path, data, "--curve")
    for row in told["results"].values():
        assert list(row) == ["recall@10", "ndcg@10", "recall@20", "ndcg@20", "seconds"]
    assert set(told["beyond"]) == set(told["slices"]) == set(told["results"])
    assert tuple(told["beyond"]["ease"]) == FIGURES
    assert set(told["slices"]["pipeline"]) == {"history", "course_age"}
    assert told["calibration"]["ece"] < 0.05
    assert [row["weight"] for row in told["curve"]] == list(WEIGHTS)
    for words in ("beside accuracy", "coverage@10", "courses taken before", "calibration", "kept"):
        assert words in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_without_the_option_there_is_no_curve(tmp_path: Path, data: Dataset) -> None:
    told, shown = _command(tmp_path, data, "--protocol", "loo-100")
    assert "curve" not in told
    assert told["calibration"]["target_is_candidate"] == 1.0  # always among the drawn
    assert "10 of 101" in shown

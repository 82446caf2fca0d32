"""The refitted rows: what was held out to choose by is learned from, the test is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import walks
from typer.testing import CliRunner

from graphrec.cli.main import app
from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.protocols import BASELINE_BLEND, evaluate, split
from graphrec.evaluate.refit import SUFFIX
from graphrec.features.signals import NO_SIGNALS
from graphrec.models.fitting import default_config, exactly, fit_neural
from graphrec.models.training import Outcome

NAMES = ("popularity", "ease", "sequence_rules", "sequence", "pipeline")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return walks(150)


def brief(
    name: str, train: Dataset, validation: tuple[Histories, np.ndarray], num: int | None = None
) -> Outcome:
    config = default_config(name, train).model_copy(update={"max_epochs": 2} | exactly(num))
    return fit_neural(name, train, validation, config)


def test_the_refitted_rows_learn_from_validation_and_never_from_the_test(data: Dataset) -> None:
    task = split(data, None, "loo-full", 0, NO_SIGNALS)
    asked: list[tuple[str, Dataset, int]] = []

    def again(name: str, train: Dataset, validation: Any, num: int) -> Outcome:
        asked.append((name, train, num))
        return brief(name, train, validation, num)

    found = evaluate(task, "loo-full", fit_neural=brief, names=NAMES, refit=again)

    assert {"pipeline" + SUFFIX, BASELINE_BLEND + SUFFIX} <= set(found.results)
    ((name, whole, num),) = asked
    assert (name, num) == ("sequence", found.fitted.epochs["sequence"])
    asked_inputs = {tuple(row) for row in task.inputs}
    assert {tuple(row) for row in whole.histories} == asked_inputs
    assert len(whole.histories.items) == len(task.train.histories.items) + len(
        task.validation.targets
    )


def test_the_rows_that_keep_to_the_rule_are_as_without_them(data: Dataset) -> None:
    task = split(data, None, "loo-full", 0, NO_SIGNALS)
    names = ("popularity", "ease", "sequence_rules", "pipeline")
    alone = evaluate(task, "loo-full", fit_neural=brief, names=names)
    beside = evaluate(task, "loo-full", fit_neural=brief, names=names, refit=brief)

    assert [*beside.results][: len(alone.results)] == [*alone.results]
    for name, row in alone.results.items():
        assert {k: v for k, v in row.items() if k != "seconds"} == {
            k: v for k, v in beside.results[name].items() if k != "seconds"
        }


def test_exactly_so_many_epochs_are_trained_and_the_last_is_kept(data: Dataset) -> None:
    task = split(data, None, "loo-full", 0, NO_SIGNALS)
    outcome = brief("sequence", task.train, (task.validation.inputs, task.validation.targets), 3)
    assert (outcome.state.epoch, outcome.state.best_epoch) == (3, 3)


def test_the_command_says_where_they_do_not_go(tmp_path: Path) -> None:
    file = tmp_path / "s.tsv"
    file.write_text("\n".join(f"u{n}\ta b c d" for n in range(5)))
    words = f"evaluate --data {file} --format sequences --protocol few-shot --refit"
    told = CliRunner().invoke(app, words.split())
    assert told.exit_code != 0
    assert "--refit" in told.output + str(told.exception)

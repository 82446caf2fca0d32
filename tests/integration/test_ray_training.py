"""Training on real Ray workers: it survives a lost worker and a Ctrl-C, and ends the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from ray_driver import DRIVER, PACE, noisy_walks, outcome_folder, write_walks
from ray_nodes import ROOT
from service_world import graphrec_command

from graphrec.models.dataset_io import load_dataset, load_validation
from graphrec.models.fitting import config_type, fit_neural
from graphrec.models.ranking import ranking_metrics
from training.checkpoints import read_outcome

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1200)]

NUM_EPOCHS = 12
EPOCHS = list(range(1, NUM_EPOCHS + 1))
TRAININGS = [
    *("graph:2:none", "graph:2:kill", "sequence:2:kill"),
    *("sequence:1:none", "graph:4:none", "sequence:4:none"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset and configs, where the drivers look for them."""
    path = tmp_path_factory.mktemp("ray")
    write_walks(path, NUM_EPOCHS)
    return path


@dataclass
class Driven:
    """How a driver ended, and what it said; of one of its trainings, what it said of that."""

    code: int
    lines: list[dict[str, Any]]
    errors: str

    def of(self, key: str) -> list[Any]:
        """What was said under ``key``."""
        return [line[key] for line in self.lines if key in line]

    def training(self, which: str) -> Driven:
        """One ``NAME:NUM_WORKERS:EVENT`` alone."""
        starts = [n for n, line in enumerate(self.lines) if "training" in line]
        first = self.of("training").index(which)
        lines = self.lines[starts[first] : [*starts, len(self.lines)][first + 1]]
        return Driven(self.code, lines, self.errors)


def drive(folder: Path, trainings: str) -> Driven:
    """Run the driver in a process group of its own, to its end."""
    environment = os.environ | PACE | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, DRIVER, folder, trainings],
        capture_output=True,
        text=True,
        env=environment,
        start_new_session=True,
        timeout=1100,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Driven(done.returncode, lines, done.stderr)


@pytest.fixture(scope="module")
def stopped(folder: Path) -> Driven:
    """A training that Ctrl-C ended, with its Ray."""
    return drive(folder, "graph:2:interrupt")


@pytest.fixture(scope="module")
def driven(folder: Path, stopped: Driven) -> Driven:
    """All that ends well, the interrupted one's second half first, on one Ray after another."""
    assert stopped.code == 130, stopped.errors
    done = drive(folder, ",".join(TRAININGS))
    assert done.code == 0, done.errors
    assert done.of("training") == TRAININGS
    assert done.of("workers") == [int(training.split(":")[1]) for training in TRAININGS]
    assert done.of("epochs") == [EPOCHS] * len(TRAININGS)  # none lost, none twice
    return done


@cache
def best_in_this_process(folder: Path, name: str) -> float:
    """The metric without Ray, in one process."""
    config = config_type(name)(**json.loads((folder / f"{name}.json").read_text()))
    dataset = folder / "dataset"
    outcome = fit_neural(name, load_dataset(dataset), load_validation(dataset), config)
    return outcome.state.best_metric


@pytest.mark.parametrize("name", ["graph", "sequence"])
def test_killed_worker_is_replaced_and_the_metrics_stay(
    folder: Path, driven: Driven, name: str
) -> None:
    killed = driven.training(f"{name}:2:kill")
    assert killed.of("of") == [2]
    assert killed.of("epoch").count(1) == 1  # went on from its checkpoint
    single = best_in_this_process(folder, name)
    assert single > 0.4
    # By dimensions two workers are the one process; by data they see other batches.
    tolerance = 0.005 if name == "graph" else 0.08
    assert killed.of("best")[0] == pytest.approx(single, abs=tolerance)


def test_ctrl_c_ends_cleanly_and_the_next_call_goes_on(
    folder: Path, stopped: Driven, driven: Driven
) -> None:
    assert stopped.of("interrupted") == [True]
    assert "Traceback" not in stopped.errors
    resumed = driven.training("graph:2:none")
    assert 1 < min(resumed.of("epoch")) <= max(stopped.of("epoch")) + 2
    assert resumed.of("best")[0] == pytest.approx(best_in_this_process(folder, "graph"), abs=0.005)
    kept = read_outcome("graph", outcome_folder(folder, "graph", 2))
    metrics = ranking_metrics(kept.model, *load_validation(folder / "dataset"))
    assert metrics["ndcg@10"] == pytest.approx(resumed.of("best")[0])


@pytest.mark.parametrize(
    ("training", "tolerance"),
    [
        # One worker of graph: test_ray_scaling.py holds it to the loop without Ray.
        ("sequence:1:none", 0.005),
        ("graph:4:none", 0.005),
        ("sequence:4:none", 0.08),  # each rank drops out other numbers
    ],
)
def test_one_and_four_workers_are_as_good_as_one_process(
    folder: Path, driven: Driven, training: str, tolerance: float
) -> None:
    single = best_in_this_process(folder, training.partition(":")[0])
    assert driven.training(training).of("best")[0] == pytest.approx(single, abs=tolerance)


def test_an_evaluation_trains_with_the_same_seed_and_config_on_workers(tmp_path: Path) -> None:
    histories = noisy_walks(300).histories
    lines = [f"u{n} {' '.join(map(str, row))}\n" for n, row in enumerate(histories)]
    (tmp_path / "walks.txt").write_text("".join(lines))
    config = {"embedding_dim": 16, "batch_size": 256, "max_epochs": 2}
    (tmp_path / "config.json").write_text(json.dumps({"graph": {"config": config}}))
    words = "evaluate --data walks.txt --format sequences --models graph --config config.json"
    found = []
    for workers, seed in (("1", "0"), ("1", "3"), ("2", "3")):
        command = [*graphrec_command(), *words.split(), "--workers", workers, "--seed", seed]
        done = subprocess.run(
            [*command, "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        found.append(json.loads(done.stdout)["results"]["graph"]["ndcg@10"])
    other, single, divided = found
    assert divided == pytest.approx(single, abs=1e-4)  # by dimensions: but for rounding
    assert abs(other - single) > 5e-4

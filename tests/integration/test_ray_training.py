"""Training on real Ray workers: it survives a lost worker and a Ctrl-C, and ends the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from ray_driver import DRIVER, noisy_walks, outcome_folder, write_walks
from ray_nodes import ROOT
from service_world import graphrec_command

from graphrec.models.dataset_io import load_dataset, load_validation
from graphrec.models.fitting import config_type, fit_neural
from graphrec.models.ranking import ranking_metrics
from training.checkpoints import read_outcome

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1200)]

NUM_EPOCHS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset and configs, where the drivers look for them."""
    path = tmp_path_factory.mktemp("ray")
    write_walks(path, NUM_EPOCHS)
    return path


@dataclass
class Driven:
    """How a driver ended, and what it said."""

    code: int
    lines: list[dict]
    errors: str

    def of(self, key: str) -> list:
        """What was said under ``key``."""
        return [line[key] for line in self.lines if key in line]


def drive(folder: Path, names: str, event: str, workers: str = "2") -> Driven:
    """Run the driver in a process group of its own, to its end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, DRIVER, folder, names, workers, event],
        capture_output=True,
        text=True,
        env=environment,
        start_new_session=True,
        timeout=600,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return Driven(done.returncode, lines, done.stderr)


def best_in_this_process(folder: Path, name: str) -> float:
    """The metric without Ray, in one process."""
    config = config_type(name)(**json.loads((folder / f"{name}.json").read_text()))
    dataset = folder / "dataset"
    outcome = fit_neural(name, load_dataset(dataset), load_validation(dataset), config)
    return outcome.state.best_metric


@pytest.mark.parametrize("name", ["graph", "sequence"])
def test_killed_worker_is_replaced_and_the_metrics_stay(folder: Path, name: str) -> None:
    driven = drive(folder, name, "kill")
    assert driven.code == 0, driven.errors
    assert driven.of("of") == [2]
    assert driven.of("epochs") == [list(range(1, NUM_EPOCHS + 1))]  # none lost, none twice
    assert driven.of("epoch").count(1) == 1  # went on from its checkpoint
    single = best_in_this_process(folder, name)
    assert single > 0.4
    # By dimensions two workers are the one process; by data they see other batches.
    tolerance = 0.005 if name == "graph" else 0.08
    assert driven.of("best")[0] == pytest.approx(single, abs=tolerance)


def test_ctrl_c_ends_cleanly_and_the_next_call_goes_on(folder: Path) -> None:
    stopped = drive(folder, "graph", "interrupt")
    assert stopped.code == 130, stopped.errors
    assert stopped.of("interrupted") == [True]
    assert "Traceback" not in stopped.errors
    resumed = drive(folder, "graph", "none")
    assert resumed.code == 0, resumed.errors
    assert 1 < min(resumed.of("epoch")) <= max(stopped.of("epoch")) + 2
    assert resumed.of("epochs") == [list(range(1, NUM_EPOCHS + 1))]
    assert resumed.of("best")[0] == pytest.approx(best_in_this_process(folder, "graph"), abs=0.005)
    kept = read_outcome("graph", outcome_folder(folder, "graph", 2))
    metrics = ranking_metrics(kept.model, *load_validation(folder / "dataset"))
    assert metrics["ndcg@10"] == pytest.approx(resumed.of("best")[0])


def test_one_and_four_workers_are_as_good_as_one_process(folder: Path) -> None:
    driven = drive(folder, "graph,sequence", "none", workers="1,4")
    assert driven.code == 0, driven.errors
    assert driven.of("workers") == [1, 4, 1, 4]
    assert driven.of("epochs") == [list(range(1, NUM_EPOCHS + 1))] * 4
    graph, sequence = (best_in_this_process(folder, name) for name in ("graph", "sequence"))
    best = driven.of("best")
    assert best[:2] == pytest.approx([graph] * 2, abs=0.005)
    assert best[2] == pytest.approx(sequence, abs=0.005)
    assert best[3] == pytest.approx(sequence, abs=0.08)  # each rank drops out other numbers


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

"""Training on real Ray workers: it survives a lost worker and a Ctrl-C, and ends the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap
from graphrec.models.dataset_io import load_dataset, load_validation, save_dataset
from graphrec.models.fitting import config_type, fit_neural, hold_out_newest
from graphrec.models.ranking import ranking_metrics
from training.checkpoints import finished_outcome, run_name

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1200)]

DRIVER = Path(__file__).with_name("ray_driver.py")
ROOT = DRIVER.parent.parent.parent
NUM_EPOCHS = 12
CONFIGS = {
    "graph": {"embedding_dim": 16, "batch_size": 256},
    "sequence": {"embedding_dim": 16, "num_blocks": 1, "max_len": 16, "learning_rate": 0.01},
}


def noisy_walks(num_learners: int = 600, num_items: int = 60) -> Dataset:
    """Three steps of four go to the next course on a ring, the others anywhere."""
    rng = np.random.default_rng(0)
    rows = []
    for start in rng.integers(0, num_items, num_learners):
        steps = np.where(rng.random(9) < 0.75, 1, rng.integers(0, num_items, 9))
        rows.append(list(dict.fromkeys(((start + np.cumsum(steps)) % num_items).tolist())))
    learners, items = (IdMap(map(str, range(n))) for n in (num_learners, num_items))
    return Dataset(learners, items, Histories.from_lists(rows))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset and configs, where the drivers look for them."""
    path = tmp_path_factory.mktemp("ray")
    save_dataset(path / "dataset", *hold_out_newest(noisy_walks()))
    for name, config in CONFIGS.items():
        every_epoch = config | {"max_epochs": NUM_EPOCHS, "patience": NUM_EPOCHS}
        (path / f"{name}.json").write_text(json.dumps(every_epoch))
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


def drive(folder: Path, name: str, event: str) -> Driven:
    """Run the driver in a process group of its own, to its end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, DRIVER, folder, name, "2", event],
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
    kept = outcome_of(folder, "graph", "graph-2-plain")
    metrics = ranking_metrics(kept, *load_validation(folder / "dataset"))
    assert metrics["ndcg@10"] == pytest.approx(resumed.of("best")[0])


def outcome_of(folder: Path, name: str, run: str):  # type: ignore[no-untyped-def]
    """The model that a finished training left."""
    config = config_type(name)(**json.loads((folder / f"{name}.json").read_text()))
    key = run_name(name, config, folder / "dataset", 2)
    outcome = finished_outcome(name, folder / run, key)
    assert outcome is not None
    return outcome.model

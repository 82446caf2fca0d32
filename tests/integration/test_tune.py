"""``graphrec tune``: the same trials for a seed, no worse than the default, resumed, then used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from planted import walks
from service_world import graphrec_command

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from graphrec.models.config_file import read_config

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]

DRIVER = Path(__file__).with_name("command_driver.py")
ROOT = DRIVER.parent.parent.parent
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
RAY = (
    ["--ray-address", os.environ["GRAPHREC_TEST_RAY"]] if "GRAPHREC_TEST_RAY" in os.environ else []
)


def run_all(home: Path, commands: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """What each command said, run one after the other on one Ray."""
    file = home / "commands"
    file.write_text("".join(json.dumps([*words, "--json"]) + "\n" for words in commands.values()))
    done = subprocess.run(
        [sys.executable, DRIVER, home, file],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=home,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    said = [json.loads(line) for line in file.with_suffix(".out").read_text().splitlines()]
    assert [one["code"] for one in said] == [0] * len(commands), done.stderr[-4000:]
    return {name: one["json"] for name, one in zip(commands, said, strict=True)}


def interrupt(home: Path, words: list[str]) -> tuple[int, str]:
    """Exit code and messages of a command that gets Ctrl-C once a trial has an epoch behind it."""
    process = subprocess.Popen(
        [*graphrec_command(), *words, *RAY],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    while process.poll() is None and not list(home.glob("store/tuning/*/trials/*/state.json")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    return process.returncode, errors


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tune")
    rows = walks(num_learners=3_000).histories  # so many that Ctrl-C comes in time
    bounds = zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
    lines = [f"u{i} {' '.join(map(str, rows.items[a:b]))}" for i, (a, b) in enumerate(bounds)]
    (path / "walks.txt").write_text("\n".join(lines) + "\n")
    return path


def tune(home: Path, store: str, *more: str) -> list[str]:
    data = ["--data", str(home / "walks.txt"), "--format", "sequences", "--max-epochs", "2"]
    return ["tune", "graph", *data, "--store", str(home / store), *more]


@pytest.fixture(scope="module")
def said(home: Path) -> dict[str, dict[str, Any]]:
    """Everything that is run here, on two Rays: one for what is interrupted, one for the rest."""
    code, errors = interrupt(home, tune(home, "store", "--trials", "3"))
    assert code == 130, errors[-4000:]
    assert "interrupted: the same command goes on" in errors
    assert "Traceback" not in errors
    file = str(home / "store/tuned.json")
    bare = ["--data", str(home / "walks.txt"), "--format", "sequences", "--models", "graph"]
    return run_all(
        home,
        {
            "resumed": tune(home, "store", "--trials", "3"),
            "at once": tune(home, "both", "--trials", "3", "--concurrent", "2"),
            "seed 1": tune(home, "seed", "--trials", "2", "--seed", "1"),
            "evaluated": ["evaluate", *bare, "--config", file],
        },
    )


def test_the_default_is_first_and_the_winner_is_no_worse(said: dict[str, Any]) -> None:
    found = said["resumed"]
    assert found["trials"][0]["config"] == {"max_epochs": 2}
    assert found["trials"][0]["status"] == "finished"
    metrics = {trial["number"]: trial["metrics"].get("ndcg@10", -1) for trial in found["trials"]}
    assert list(metrics) == [1, 2, 3]
    assert found["validation"]["ndcg@10"] == max(metrics.values()) == metrics[found["best_trial"]]
    assert found["default_validation"]["ndcg@10"] == metrics[1]
    assert set(found["trials"][1]["config"]) - {"max_epochs"} <= set(found["space"])


def test_a_seed_draws_the_same_trials_however_they_run(said: dict[str, Any]) -> None:
    """Interrupted and resumed, or in one go and two at once: as far as they come, bit by bit."""
    resumed, at_once = said["resumed"]["trials"], said["at once"]["trials"]
    assert [trial["config"] for trial in at_once] == [trial["config"] for trial in resumed]
    assert at_once[0] == resumed[0]
    for one, other in zip(resumed, at_once, strict=True):
        assert one["epochs"] != other["epochs"] or one["metrics"] == other["metrics"]
    others = [trial["config"] for trial in said["seed 1"]["trials"]]
    assert others[0] == resumed[0]["config"]
    assert others[1] != resumed[1]["config"]


def test_the_file_says_what_was_found_and_how(home: Path, said: dict[str, Any]) -> None:
    found = said["resumed"]
    tuned = read_config(home / "store" / "tuned.json")["graph"]
    assert tuned.config == found["config"]
    assert tuned.validation == found["validation"]
    assert (tuned.seed, tuned.trials, tuned.data) == (0, 3, "walks.txt")
    assert len(tuned.data_hash or "") == 64
    assert tuned.tuned_at is not None
    assert not list(home.glob("store/tuning/*/trials/*/*.safetensors"))


def test_evaluate_trains_what_was_found(said: dict[str, Any]) -> None:
    found = said["evaluated"]
    assert found["configs"] == {"graph": said["resumed"]["config"]}
    expected = said["resumed"]["validation"]
    measured = {key: found["validation"]["graph"][key] for key in expected}
    assert measured == pytest.approx(expected, abs=1e-4)  # evaluate rounds

"""A node of a real Ray cluster is lost while it trains: the training goes on and ends the same.

One cluster, a head without workers and nodes with room for one worker each. The graph
model, whose columns are divided, finds room on a node that was idle; the sequence model,
whose batches are divided, waits for a node that joins after the loss.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from ray_driver import DRIVER, PACE, RANK_DRIVER, outcome_folder, write_walks
from ray_nodes import Node, Nodes, local_nodes

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]

NAMES = ["graph", "sequence"]
NUM_EPOCHS = 15
LOSE_AT = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset and configs."""
    path = tmp_path_factory.mktemp("nodes")
    write_walks(path, NUM_EPOCHS)
    return path


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[dict[str, Any]]:
    """What the driver said of both trainings, in each of which a node was lost.

    Head and three nodes; what undisturbed trainings end with is in ``folder/ranks``.
    """
    with local_nodes(folder) as nodes:
        alone: list[Any] = [sys.executable, RANK_DRIVER, folder, ",".join(NAMES), "2"]
        with subprocess.Popen(alone, env=nodes.environment) as undisturbed:
            nodes.start_head()
            running = [nodes.add() for _ in range(3)]
        assert undisturbed.returncode == 0
        return drive(folder, nodes, running)


def drive(folder: Path, nodes: Nodes, running: list[Node]) -> list[dict[str, Any]]:
    """Train one model after the other, and lose a node in each."""
    trainings = ",".join(f"{name}:2:none" for name in NAMES)
    command: list[Any] = [sys.executable, DRIVER, folder, trainings, nodes.address]
    environment = nodes.environment | PACE
    lines: list[dict[str, Any]] = []
    lost: set[str] = set()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        for line in driver.stdout:
            if not line.startswith(b"{"):
                continue
            lines.append(json.loads(line))
            training = [said["training"] for said in lines if "training" in said][-1:]
            if lines[-1].get("epoch") == LOSE_AT and lost.isdisjoint(training):
                lost.update(training)
                lose_a_worker(nodes, running, driver_node=lines[0]["node"])
    assert driver.returncode == 0
    assert len(lost) == len(NAMES)
    return lines


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_node_costs_no_epoch_and_changes_nothing(
    folder: Path, lines: list[dict[str, Any]], name: str
) -> None:
    starts = [number for number, line in enumerate(lines) if "training" in line]
    first = NAMES.index(name)
    said = lines[starts[first] : [*starts, len(lines)][first + 1]]
    reported = [line["epoch"] for line in said if "epoch" in line]
    assert reported.count(1) == 1  # went on from its checkpoint
    assert reported[-1] == NUM_EPOCHS
    assert said[-1]["epochs"] == list(range(1, NUM_EPOCHS + 1))  # none lost, none twice
    assert_same_model(folder, name)


def lose_a_worker(nodes: Nodes, running: list[Node], *, driver_node: str) -> None:
    """Lose a node that trains; where the rest has no room for its worker, add another."""
    training = [node for node in running if node.num_training()]
    assert len(training) == 2
    lost = next(node for node in training if node.name != driver_node)
    nodes.lose(lost)
    running.remove(lost)
    if len(running) < 2:
        running.append(nodes.add())


def assert_same_model(folder: Path, name: str) -> None:
    """As good in every epoch as two undisturbed ranks, and in the end the same numbers."""
    disturbed, undisturbed = outcome_folder(folder, name, 2), folder / "ranks" / f"{name}-2"
    states = [json.loads((p / "state.json").read_text()) for p in (disturbed, undisturbed)]
    assert [row["ndcg@10"] for row in states[0]["history"]] == pytest.approx(
        [row["ndcg@10"] for row in states[1]["history"]], abs=1e-6
    )
    ours, theirs = (load_file(p / "best.safetensors") for p in (disturbed, undisturbed))
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        np.testing.assert_allclose(value, theirs[key], atol=1e-5, err_msg=key)

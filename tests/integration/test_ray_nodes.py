"""A node of a real Ray cluster is lost while it trains: the training goes on and ends the same.

One cluster, a head without workers and nodes with room for one worker each. The graph
model, whose columns are divided, finds room on a node that was idle; the sequence model,
whose batches are divided, waits for a node that joins after the loss.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from ray_driver import DRIVER, RANK_DRIVER, outcome_folder, write_walks
from ray_nodes import Node, Nodes, local_nodes

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]

NUM_EPOCHS = 30
LOSE_AT = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset and configs."""
    path = tmp_path_factory.mktemp("nodes")
    write_walks(path, NUM_EPOCHS)
    return path


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[tuple[Nodes, list[Node]]]:
    """Head and three nodes; and what undisturbed trainings end with, in ``folder/ranks``."""
    with local_nodes(folder) as nodes:
        undisturbed = [sys.executable, RANK_DRIVER, folder, "graph,sequence", "2"]
        subprocess.run(undisturbed, env=nodes.environment, check=True)
        nodes.start_head()
        yield nodes, [nodes.add() for _ in range(3)]


@pytest.mark.parametrize("name", ["graph", "sequence"])
def test_a_lost_node_costs_no_epoch_and_changes_nothing(
    folder: Path, cluster: tuple[Nodes, list[Node]], name: str
) -> None:
    nodes, running = cluster
    command = [sys.executable, DRIVER, folder, name, "2", "none", nodes.address]
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(command, env=nodes.environment, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        for line in driver.stdout:
            lines += [json.loads(line)] if line.startswith(b"{") else []
            if line.startswith(b"{") and lines[-1].get("epoch") == LOSE_AT:
                lose_a_worker(nodes, running, driver_node=lines[0]["node"])
    assert driver.returncode == 0
    reported = [line["epoch"] for line in lines if "epoch" in line]
    assert reported.count(1) == 1  # went on from its checkpoint
    assert reported[-1] == NUM_EPOCHS
    assert lines[-1]["epochs"] == list(range(1, NUM_EPOCHS + 1))  # none lost, none twice
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

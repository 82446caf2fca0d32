"""Real Ray nodes on this machine, each with processes and resources of its own.

``Nodes`` talks to a process that keeps them, for Ray starts nodes only from a main thread:
``python ray_nodes.py`` reads one command a line (``head``, ``add``, ``lose ADDRESS``, each
with arguments as JSON) and answers with one line of JSON. A node is lost by SIGKILL.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray_driver import descendants

ROOT = Path(__file__).resolve().parent.parent.parent
_MEMORY = 100 * 1024**2


@dataclass(frozen=True)
class Node:
    """A node that runs: its id in the cluster, and the process that its workers descend from."""

    name: str
    raylet: int

    def num_training(self) -> int:
        """Training workers that run on it."""
        return sum("RayTrainWorker" in command for _, command in descendants(self.raylet))


@dataclass
class Nodes:
    """A cluster's nodes; ``environment`` is for whatever talks to them."""

    keeper: subprocess.Popen[str]
    environment: dict[str, str]
    address: str = ""

    def start_head(self, num_cpus: int = 0) -> None:
        """The node that keeps the cluster's tables, and on which drivers run."""
        self.address = self._ask("head", num_cpus)["address"]

    def add(self, num_cpus: int = 1) -> Node:
        """One node more, once it has joined."""
        return Node(**self._ask("add", num_cpus))

    def lose(self, node: Node) -> None:
        """Kill all that runs on a node."""
        self._ask("lose", node.name)

    def _ask(self, *command: str | int) -> dict[str, Any]:
        assert self.keeper.stdin is not None
        assert self.keeper.stdout is not None
        self.keeper.stdin.write(json.dumps(command) + "\n")
        self.keeper.stdin.flush()
        for line in self.keeper.stdout:
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise RuntimeError(f"the keeper of the nodes ended at {command}")


def cluster_environment(token: Path) -> dict[str, str]:
    """Variables for nodes and drivers: the token, this checkout, and one thread."""
    token.write_text("0123456789abcdef" * 4)
    token.chmod(0o600)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "GRAPHREC_"))}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # Five checks without an answer make a node a lost one: a dead one refuses each at once,
        # a slow one has 10 s for each. They follow one another sooner than after Ray's 3 s.
        "RAY_health_check_period_ms": "500",
        "RAY_health_check_initial_delay_ms": "1000",
        # For machines that are busy with something else.
        "RAY_worker_register_timeout_seconds": "600",
    }


@contextmanager
def local_nodes(folder: Path) -> Iterator[Nodes]:
    """No nodes yet: start the head first. All of them end with the context."""
    environment = cluster_environment(folder / "token")
    # Sockets lie in it, and the name of a socket has an end: no deep folder of pytest's.
    with (
        tempfile.TemporaryDirectory(prefix="gr-", ignore_cleanup_errors=True) as sockets,
        subprocess.Popen(
            [sys.executable, __file__, sockets],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as keeper,
    ):
        yield Nodes(keeper, environment)
        # Leaving closes the keeper's input, at which it ends all nodes.


def keep(sockets: str) -> None:
    """Serve commands until there are no more, then end all nodes."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    nodes: dict[str, Any] = {}
    for line in sys.stdin:
        verb, argument = json.loads(line)
        answer: dict[str, Any] = {}
        if verb == "lose":
            cluster.remove_node(nodes.pop(argument), allow_graceful=False)
        elif verb == "head":
            _add(cluster, num_cpus=argument, temp_dir=sockets)
            answer = {"address": cluster.address}
        else:
            node = _add(cluster, num_cpus=argument)
            nodes[node.node_id] = node
            raylet = node.all_processes["raylet"][0].process.pid
            answer = {"name": node.node_id, "raylet": raylet}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for node in [*nodes.values(), cluster.head_node]:
        if node is not None:
            cluster.remove_node(node, allow_graceful=False)


def _add(cluster: Any, **options: Any) -> Any:
    """A node, tried again: a raylet ends where its agents need more than 15 s to come up."""
    lean = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    for last in (False, False, False, True):
        try:
            return cluster.add_node(object_store_memory=_MEMORY, **lean, **options)
        except Exception:
            if last:
                raise
            _log("a node did not come up in time on this busy machine: once more")
    return None


def _log(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    keep(sys.argv[1])

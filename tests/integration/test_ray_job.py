"""``ray job submit`` of ``graphrec train`` to a cluster that stands: the bundle is published."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from service_world import graphrec_command

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from ray_driver import descendants
from ray_nodes import cluster_environment

from graphrec.bundle import BundleStore
from graphrec.demo.catalogue import load_catalogue
from graphrec.events.simulator import SimulatorConfig, write_parquet
from graphrec.graph.snapshot import write_snapshot
from graphrec.graph.store import open_store
from graphrec.settings import Settings

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]

RAY = [sys.executable, "-m", "ray.scripts.scripts"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def head_node(environment: dict[str, str]) -> Iterator[str]:
    """``ray start --head`` with a job server, whose address it yields; ended with its children."""
    with tempfile.TemporaryDirectory(prefix="gr-", ignore_cleanup_errors=True) as folder:
        for last in (False, False, False, True):
            dashboard, log = free_port(), Path(folder, "start.log")
            with log.open("w") as output:
                node = subprocess.Popen(
                    [*RAY, "start", "--head", "--block", *head_options(dashboard, folder)],
                    env=environment,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            try:
                while (is_up := "Ray runtime started" in log.read_text()) is False:
                    if node.poll() is not None:
                        # Ray gives itself 15 to 30 s, which a busy machine may not keep.
                        assert not last, log.read_text()
                        break
                    time.sleep(0.2)
                if is_up:
                    yield f"http://127.0.0.1:{dashboard}"
                    return
            finally:
                end(node)


def head_options(dashboard: int, folder: str) -> list[str]:
    """Room for two workers, and ports that no other cluster of this machine has."""
    options = ["--num-cpus", "2", "--num-gpus", "0", "--temp-dir", folder]
    options += ["--object-store-memory", "100000000", "--dashboard-port", str(dashboard)]
    for name in ("port", "ray-client-server-port", "dashboard-agent-listen-port"):
        options += [f"--{name}", str(free_port())]
    return options


def end(node: subprocess.Popen[bytes]) -> None:
    """Kill a node and all that it started."""
    for pid in [*(pid for pid, _ in descendants(node.pid)), node.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    node.wait()


def academy_snapshot(store: Path, data: Path) -> Path:
    """A small academy in a store, and a snapshot of it."""
    write_parquet(load_catalogue(), SimulatorConfig(num_learners=120, seed=1), data)
    command = [*graphrec_command(), "import", "native", str(data), "--store", str(store)]
    subprocess.run(command, check=True, capture_output=True)
    with open_store(Settings(store=store, graph_buffer_mb=64, graph_max_gb=1)) as graph:
        return write_snapshot(graph, store / "snapshots").directory


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def ask(url: str, token: str) -> httpx.Response:
    """The job server's answer; a command of Ray's would take seconds."""
    return httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


def test_a_submitted_training_publishes_its_bundle(tmp_path: Path) -> None:
    store = tmp_path / "store"
    snapshot = academy_snapshot(store, tmp_path / "data")
    train = [*graphrec_command(), "train", "--ray-address", "auto", "--workers", "2"]
    train += ["--snapshot", str(snapshot), "--store", str(store)]
    train += ["--models", "popularity,itemknn,graph", "--max-epochs", "1", "--json"]
    environment = cluster_environment(tmp_path / "token")
    with head_node(environment) as address:
        job = [*RAY, "job", "submit", "--address", address, "--submission-id", "monday", "--"]
        done = run([*job, *train], environment)
        assert done.returncode == 0, done.stdout + done.stderr
        status = ask(f"{address}/api/jobs/monday", (tmp_path / "token").read_text())
        refused = ask(f"{address}/api/jobs/monday", "f" * 64)
    champion = BundleStore(store / "bundles").load("champion")
    assert champion.id in done.stdout  # what the command prints comes through
    assert status.status_code == 200
    assert status.json()["status"] == "SUCCEEDED"
    assert refused.status_code in {401, 403}  # whoever lacks the token is not let in
    options = champion.manifest["config"]["options"]
    assert (options["workers"], options["ray_address"]) == (2, "auto")
    assert "graph" in champion.manifest["models"]

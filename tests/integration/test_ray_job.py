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
    dashboard, others = free_port(), ("--port", "--ray-client-server-port")
    ports = [word for option in others for word in (option, str(free_port()))]
    with tempfile.TemporaryDirectory(prefix="gr-", ignore_cleanup_errors=True) as folder:
        log = Path(folder, "start.log")
        options = ["--num-cpus", "2", "--num-gpus", "0", "--temp-dir", folder, *ports]
        options += ["--dashboard-port", str(dashboard), "--object-store-memory", "100000000"]
        with log.open("w") as output:
            node = subprocess.Popen(
                [*RAY, "start", "--head", "--block", *options],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            while "Ray runtime started" not in log.read_text():
                assert node.poll() is None, log.read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{dashboard}"
        finally:
            for pid in [node.pid, *(pid for pid, _ in descendants(node.pid))]:
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


def test_a_submitted_training_publishes_its_bundle(tmp_path: Path) -> None:
    store = tmp_path / "store"
    snapshot = academy_snapshot(store, tmp_path / "data")
    train = [*graphrec_command(), "train", "--ray-address", "auto", "--workers", "2"]
    train += ["--snapshot", str(snapshot), "--store", str(store)]
    train += ["--models", "popularity,itemknn,graph", "--max-epochs", "1"]
    environment = cluster_environment(tmp_path / "token")
    with head_node(environment) as address:
        job = [*RAY, "job", "submit", "--address", address, "--submission-id", "monday", "--"]
        done = run([*job, *train], environment)
        assert done.returncode == 0, done.stdout + done.stderr
        status = run([*RAY, "job", "status", "--address", address, "monday"], environment)
        (tmp_path / "other").write_text("f" * 64)
        stranger = environment | {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "other")}
        refused = run([*RAY, "job", "stop", "--address", address, "monday"], stranger)
    champion = BundleStore(store / "bundles").load("champion")
    assert champion.id in done.stdout  # what the command prints comes through
    assert "SUCCEEDED" in (status.stdout + status.stderr).upper()
    assert refused.returncode != 0  # whoever lacks the token is not let in
    options = champion.manifest["config"]["options"]
    assert (options["workers"], options["ray_address"]) == (2, "auto")
    assert "graph" in champion.manifest["models"]

"""benchmarks/ray_scaling.py measures, goes on where it stopped, and says what it found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="graphrec[train] is not installed")

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "benchmarks" / "ray_scaling.py"

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
        reason="the benchmark pins its parts to cores, and needs Linux and two of them",
    ),
]


def measure(output: Path) -> str:
    command = [sys.executable, SCRIPT, "--quick", "--models", "graph", "--output", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_parts_are_measured_once_and_did_the_same(tmp_path: Path) -> None:
    output = tmp_path / "scaling.json"
    first = measure(output)
    state = json.loads(output.read_text())
    found = state["models"]["graph"]
    assert list(found["parts"]) == ["bare", "ray-1", "ray-2"]
    for row in found["parts"].values():
        assert row["epochs"] == found["epochs"] == 3
        assert 0 < row["cpu_s"] < row["wall_s"] * row["cores"] * 1.1
        assert row["ndcg@10"] == pytest.approx(found["parts"]["bare"]["ndcg@10"], abs=1e-3)
    walls = [found["parts"][part]["wall_s"] for part in ("bare", "ray-1", "ray-2")]
    assert found["overhead"] == pytest.approx(walls[1] / walls[0] - 1, abs=1e-4)
    assert found["speedup"] == pytest.approx(walls[1] / walls[2], abs=1e-3)
    assert "Ray costs" in first

    del found["parts"]["bare"]  # an interrupted measurement lacks some parts
    output.write_text(json.dumps(state))
    second = measure(output)
    again = json.loads(output.read_text())["models"]["graph"]["parts"]
    assert again["ray-2"] == found["parts"]["ray-2"]
    assert "bare" in again
    assert "graph: ray-1," not in second

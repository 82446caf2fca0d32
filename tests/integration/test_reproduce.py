"""``graphrec reproduce``: the same bits from what a bundle says of itself, or how far off."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service_world import graphrec_command

pytest.importorskip("ray", reason="graphrec[train] is not installed")

from graphrec.bundle import Bundle, BundleStore
from graphrec.bundle_compare import compare_bundles
from graphrec.demo.catalogue import load_catalogue
from graphrec.events.simulator import SimulatorConfig, write_parquet


def run(store: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and messages of a command."""
    command = [*graphrec_command(), *arguments, "--store", str(store), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_bundle_is_made_again_bit_by_bit(tmp_path: Path) -> None:
    data, store = tmp_path / "data", tmp_path / "store"
    write_parquet(load_catalogue(), SimulatorConfig(num_learners=150, seed=1), data)
    assert run(store, "import", "native", str(data))[0] == 0
    models = ("--models", "popularity,itemknn,graph,sequence", "--max-epochs", "1")
    tuned = tmp_path / "tuned.json"
    tuned.write_text('{"graph": {"config": {"embedding_dim": 32, "max_epochs": 7}}}')
    code, trained, log = run(store, "train", *models, "--seed", "3", "--config", str(tuned))
    assert code == 0, log
    config = BundleStore(store / "bundles").load(trained["bundle"]).manifest["config"]
    assert config["options"]["configs"] == {"graph": {"embedding_dim": 32, "max_epochs": 7}}
    # An option of the command line stands before the file, the file before the default.
    used = config["models"]["graph"]
    assert (used["embedding_dim"], used["max_epochs"], used["seed"]) == (32, 1, 3)
    assert config["models"]["sequence"]["embedding_dim"] != 32
    tuned.unlink()  # the bundle says it all
    code, found, log = run(store, "reproduce")
    assert code == 0, f"{found}\n{log}"
    assert found["bundle"] == trained["bundle"]
    assert found["is_same"]
    assert {one["name"] for one in found["files"]} >= {"pipeline.json", "models/graph.safetensors"}
    assert found["ndcg@10"]["now"] == found["ndcg@10"]["before"] > 0
    assert not (store / "reproduce").exists()
    assert len(BundleStore(store / "bundles").list()) == 1

    snapshot = next((store / "snapshots").iterdir())
    snapshot.rename(tmp_path / "moved")
    code, _, log = run(store, "reproduce")
    assert code == 2
    assert "--snapshot" in log


def publish(root: Path, number: float, *names: str) -> Bundle:
    def write(writer: Any) -> None:
        for name in names:
            writer.arrays(name, {"vectors": np.array([1.0, number]), "ids": np.arange(3)})
        writer.json("config", {"n": 1})

    return BundleStore(root).publish(write, info={})


def test_differences_are_told_by_file(tmp_path: Path) -> None:
    one = publish(tmp_path / "a", 2.0, "models/a", "models/b")
    same = publish(tmp_path / "b", 2.0, "models/a", "models/b")
    assert all(file.is_same for file in compare_bundles(one, same))
    other = publish(tmp_path / "c", 2.5, "models/a")
    told = {file.name: file for file in compare_bundles(one, other)}
    assert told["config.json"].is_same
    assert told["models/a.safetensors"].largest == 0.5
    assert told["models/b.safetensors"].why == f"only in {one.id}"


def test_arrays_that_cannot_be_compared_are_named(tmp_path: Path) -> None:
    one = publish(tmp_path / "a", 2.0, "models/a")
    short = BundleStore(tmp_path / "b").publish(
        lambda w: w.arrays("models/a", {"vectors": np.zeros(1), "ids": np.arange(3)}), info={}
    )
    told = {file.name: file.why for file in compare_bundles(one, short)}
    assert told["models/a.safetensors"] == "vectors is [2] and [1]"

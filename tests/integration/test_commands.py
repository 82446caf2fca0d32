"""The commands as a user types them, on simulated learners: import, train, recommend, serve.

The same story on both graphs; only the address differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphrec.demo.catalogue import load_catalogue
from graphrec.events.simulator import SimulatorConfig, write_parquet

NUM_LEARNERS = 300
K = 5


def graphrec(
    *arguments: object, store: Path, graph_url: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run one command in a process of its own and hold it to its exit code."""
    environment = os.environ | {"GRAPHREC_GRAPH_URL": graph_url, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "graphrec.cli.main", *map(str, arguments), "--store", store]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=500, check=False
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def academy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A native folder: the demonstration catalogue with simulated learners."""
    folder = tmp_path_factory.mktemp("academy")
    write_parquet(load_catalogue(), SimulatorConfig(num_learners=NUM_LEARNERS, seed=1), folder)
    return folder


def check_batch(store: Path, folder: Path, graph_url: str = "") -> list[dict[str, Any]]:
    """Recommend for known and unknown learners, and hold the lines to what is promised."""
    ids = ["learner-000007", "nobody-knows-me", "learner-000003"]
    (folder / "ids.txt").write_text("\n".join(ids) + "\n")
    graphrec(
        "recommend",
        *("--learners", folder / "ids.txt", "--k", K, "--output", folder / "out.jsonl"),
        store=store,
        graph_url=graph_url,
    )
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [line["learner_id"] for line in lines] == ids
    assert [line["cold"] for line in lines] == [False, True, False]
    for line in lines:
        assert len(set(line["courses"])) == len(line["scores"]) == K
        assert line["scores"] == sorted(line["scores"], reverse=True)
    return lines


@pytest.mark.slow
@pytest.mark.ray
def test_import_train_recommend_on_the_embedded_graph(academy: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = answer(graphrec("import", "native", academy, "--json", store=store))
    assert first["tables"]["interactions"]["written"] > 1_000
    again = answer(graphrec("import", "native", academy, "--json", store=store))
    assert again["tables"]["interactions"]["written"] == 0
    trained = answer(graphrec("train", "--max-epochs", 2, "--json", store=store))
    assert trained["is_champion"]
    assert {"graph", "sequence", "ease", "popularity"} <= trained["weights"].keys()
    assert trained["metrics"]["pipeline"]["ndcg@10"] > trained["metrics"]["popularity"]["ndcg@10"]
    check_batch(store, tmp_path)

    one = answer(graphrec("recommend", "learner-000007", "--k", K, "--json", store=store))
    assert one["source"] == "pipeline"
    shares = one["courses"][0]["scores"]
    assert sum(shares.values()) == pytest.approx(one["courses"][0]["score"], abs=1e-3)
    listed = answer(graphrec("models", "list", "--json", store=store))
    assert one["bundle"] in json.dumps(listed)

    # Nothing has changed: the checkpoints of the finished training answer at once.
    repeated = answer(graphrec("train", "--max-epochs", 2, "--json", store=store))
    assert repeated["metrics"]["graph"] == trained["metrics"]["graph"]


@pytest.mark.slow
@pytest.mark.neo4j
def test_the_same_on_neo4j(academy: Path, tmp_path: Path, neo4j_url: str) -> None:
    store = tmp_path / "store"
    models = "popularity,itemknn,ease,sequence_rules,content"
    graphrec("import", "native", academy, "--replace", store=store, graph_url=neo4j_url)
    graphrec("train", "--models", models, "--json", store=store, graph_url=neo4j_url)
    on_neo4j = check_batch(store, tmp_path, neo4j_url)
    rows = answer(graphrec("query", "role_coverage", "--json", store=store, graph_url=neo4j_url))
    assert rows

    embedded = tmp_path / "embedded"
    graphrec("import", "native", academy, store=embedded)
    graphrec("train", "--models", models, "--json", store=embedded)
    here = check_batch(embedded, tmp_path)
    assert [line["courses"] for line in here] == [line["courses"] for line in on_neo4j]


def test_training_without_interactions_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "native").mkdir()
    (tmp_path / "native" / "courses.csv").write_text("course_id\nc1\n")
    graphrec("import", "native", tmp_path / "native", store=tmp_path / "store")
    failed = graphrec("train", store=tmp_path / "store", code=7)
    assert "no interactions" in failed.stderr
    popular = answer(graphrec("recommend", "x", "--json", store=tmp_path / "store"))
    assert popular["source"] == "popularity"
    assert [course["course_id"] for course in popular["courses"]] == ["c1"]

"""``graphrec evaluate`` by the cold-start protocols: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from graphrec.cli.main import app

NUM_ITEMS = 30


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Walks of 200 learners around a ring of items, some steps skipped."""
    rng = np.random.default_rng(0)
    lines = []
    for learner in range(200):
        steps = np.cumsum(rng.integers(1, 3, 12))
        items = (rng.integers(NUM_ITEMS) + steps) % NUM_ITEMS
        lines.append(f"{learner}\t{' '.join(map(str, dict.fromkeys(items.tolist())))}")
    path = tmp_path_factory.mktemp("data") / "sequences.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def run(path: Path, protocol: str, *arguments: str) -> Any:
    given = ["--data", str(path), "--format", "sequences", "--protocol", protocol, *arguments]
    return CliRunner().invoke(app, ["evaluate", *given])


def test_few_shot_grows_with_what_is_shown(sequences: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "few.json"
    names = ["--models", "popularity,sequence_rules,pipeline", "--output", str(output)]
    result = run(sequences, "few-shot", *names)
    assert result.exit_code == 0, result.output
    assert "by the number of events shown" in result.stdout
    found = json.loads(output.read_text())
    assert found["protocol"] == "few-shot"
    assert list(found["num_asked"]) == ["0", "1", "2", "3", "5", "10"]
    rows = found["results"]
    assert set(rows) == {"popularity", "sequence_rules", "pipeline"}
    assert rows["sequence_rules"]["3"]["ndcg@10"] > 3 * rows["popularity"]["3"]["ndcg@10"]
    assert rows["pipeline"]["3"]["recall@10"] > 0.8
    again = run(sequences, "few-shot", *names[:2], "--json")
    assert json.loads(again.stdout)["results"] == rows


def test_cold_courses_without_content_are_found_by_nobody(sequences: Path) -> None:
    result = run(sequences, "cold-course", "--models", "popularity,itemknn,content", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["num_cold_courses"] == 3
    assert found["results"]["popularity"]["all"]["recall@10"] == 0
    assert found["results"]["chance"]["cold"]["recall@10"] > 0.9
    assert "content" in found["skipped"]


def test_what_does_not_go_together_is_refused(sequences: Path, tmp_path: Path) -> None:
    refused = run(sequences, "few-shot", "--models", "popularity", "--curve")
    assert refused.exit_code != 0
    for name in ("train.txt", "test.txt"):
        (tmp_path / name).write_text("0 1 2 3\n1 2 3 4\n")
    split = ["--data", str(tmp_path), "--format", "split", "--protocol", "cold-course"]
    assert CliRunner().invoke(app, ["evaluate", *split]).exit_code != 0

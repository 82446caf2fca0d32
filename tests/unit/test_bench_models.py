"""`make bench-models`: what stands is not made again, what cannot be made says why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import walks

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import each other by name, as they do where they are started."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that looks like the real one, with little in it."""
    folder = tmp_path / "data"
    (folder / "mars").mkdir(parents=True)
    lines = [f"u{n} {' '.join(map(str, row))}" for n, row in enumerate(walks(80, 40).histories)]
    (folder / "mars" / "sequences.tsv").write_text("\n".join(lines))
    return folder


def bench(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folders = ("--results", str(data.parent / "results"), "--work", str(data.parent / "work"))
    command = [sys.executable, str(BENCHMARKS / "bench_models.py"), *arguments, *folders]
    return subprocess.run(
        [*command, "--data", str(data)], capture_output=True, text=True, check=False, timeout=300
    )


def test_a_table_is_made_once(data: Path) -> None:
    done = bench(data, "curve")
    assert done.returncode == 0, done.stdout + done.stderr
    result = data.parent / "results" / "mars.curve.json"
    found = json.loads(result.read_text())
    assert found["results"]["pipeline"]["ndcg@10"] > 0
    assert found["made"]["command"].startswith("graphrec evaluate --format sequences --data $")
    assert str(data) not in result.read_text()
    assert "0 of 1 results stand" in done.stdout

    # Marked, to see that it is left alone; then as other code would have left it.
    found["seen"] = True
    result.write_text(json.dumps(found))
    assert "1 of 1 results stand" in bench(data, "curve").stdout
    assert json.loads(result.read_text())["seen"]
    found["made"]["code"] = "0" * 16
    result.write_text(json.dumps(found))
    assert "made by other code" in bench(data, "curve", "--list").stdout
    assert "1 of 1 results stand" in bench(data, "curve", "--missing").stdout


def test_what_is_missing_is_said_and_the_rest_is_tried(data: Path) -> None:
    (data / "mars" / "sequences.tsv").write_text("")
    done = bench(data, "gowalla", "curve")
    assert done.returncode == 1
    assert "gowalla.split-full: no gowalla in" in done.stdout
    assert "GRAPHREC_DATA" in done.stdout
    assert "mars.curve: exit code 2" in done.stdout
    assert "has no interactions" in done.stdout
    assert not (data.parent / "results").exists()


def test_a_table_that_does_not_exist_is_refused(data: Path) -> None:
    done = bench(data, "venus")
    assert done.returncode == 2
    assert "mooccubex-loo100" in done.stderr


def test_every_table_has_a_command() -> None:
    from bench_steps import steps_of
    from model_tables import JOBS, SCRIPTS, TABLES

    assert sorted(job for jobs in TABLES.values() for job in jobs) == sorted(JOBS)
    steps = [step for job in JOBS for step in steps_of(job)]
    assert len({step.name for step in steps}) == len(steps)
    told = {step.name: step.told for step in steps}
    assert told["mars.loo-full.seed-2"] == f"{told['mars.loo-full']} --seed 2"
    assert told["mooccube.cold-course"].startswith(
        "graphrec import mooccube $GRAPHREC_DATA/mooccube"
    )
    for job in SCRIPTS.values():
        assert [name for name in (job.file, *job.parts) if not (BENCHMARKS / name).is_file()] == []


def test_code_is_known_by_what_it_does() -> None:
    from made import bare_code

    plain = "X = 1\n\n\ndef f(a):\n    return a\n"
    said = '"""Module."""\nX = 1\n"""One."""\ndef f(a):\n    """Say."""\n    # why\n    return a\n'
    assert bare_code(plain) == bare_code(said)
    assert bare_code(plain) != bare_code(plain.replace("1", "2"))


# Ablations


def test_what_a_variant_replaces_is_there() -> None:
    pytest.importorskip("torch", reason="ablations train neural models")
    from ablation_variants import VARIANTS

    from graphrec.models.fitting import config_type
    from graphrec.models.registry import MODEL_NAMES

    assert len({(one.model, one.name) for one in VARIANTS}) == len(VARIANTS)
    for variant in VARIANTS:
        assert set(variant.without) <= set(MODEL_NAMES)
        if variant.config:
            assert set(variant.config) <= set(config_type(variant.model).model_fields)
        with variant.in_place():
            pass


def _variant(model: str, name: str) -> Any:
    from ablation_variants import VARIANTS

    (found,) = (one for one in VARIANTS if (one.model, one.name) == (model, name))
    return found


def test_replacements_do_what_they_say() -> None:
    pytest.importorskip("torch", reason="ablations train neural models")
    from graphrec.models.fitting import create_run, default_config
    from graphrec.models.graph_batches import BatchSampler

    dataset = walks(60, 40)
    nobody = (dataset.histories.take(np.zeros(0, int)), np.zeros(0, np.int64))
    config = default_config("graph", dataset)

    def run() -> Any:
        return create_run("graph", dataset, nobody, config)

    whole = run()
    assert whole.net.follow is not None
    with _variant("graph", "without what follows what").in_place():
        assert run().net.follow is None
    with _variant("graph", "a history's ages weigh the same").in_place():
        assert set(run().net.age_weights().tolist()) == {1.0}
    assert len(set(whole.net.age_weights().tolist())) > 10
    with _variant("graph", "random initial vectors").in_place():
        assert not np.allclose(run().net.item.detach(), whole.net.item.detach())
    masked = next(BatchSampler(dataset, config).epoch(0)).masked
    assert len(masked[0])
    with _variant("graph", "seen courses are negatives").in_place():
        assert len(next(BatchSampler(dataset, config).epoch(0)).masked[0]) == 0
    assert len(next(BatchSampler(dataset, config).epoch(0)).masked[0])


def test_ablations_go_on_row_by_row(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="ablations train neural models")
    import ablations

    output = data.parent / "ablations.json"

    def ablate(variants: str) -> str:
        source = ("--format", "sequences", "--data", str(data / "mars" / "sequences.tsv"))
        bounds = ("--models", "graph", "--seeds", "0", "--max-epochs", "1", "--output", str(output))
        monkeypatch.setattr(sys, "argv", ["", *source, *bounds, "--variants", variants])
        assert ablations.main() == 0
        return capsys.readouterr().out

    assert "mars: 2 cells to make" in ablate("^2 layers")
    first = json.loads(output.read_text())
    assert set(first["rows"]) == {"graph: the whole", "graph: 2 layers"}
    assert "mars: 1 cells to make" in ablate("^(2|no) ")
    again = json.loads(output.read_text())["rows"]
    assert again["graph: 2 layers"] == first["rows"]["graph: 2 layers"]
    assert set(again) - set(first["rows"]) == {"graph: no propagation (0 layers)"}

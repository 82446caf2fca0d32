"""README's and docs' tables: what is reached, what is missing, what was averaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import each other by name, as they do where they are started."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def write(folder: Path, name: str, rows: dict[str, tuple[float, float]], **more: Any) -> None:
    results = {
        row: {"recall@10": r, "ndcg@10": n, "recall@20": r, "ndcg@20": n, "seconds": 1.0}
        for row, (r, n) in rows.items()
    }
    found = {"protocol": "loo-full", "seed": 0, "results": results, "peak_memory_mb": 10, **more}
    (folder / f"{name}.json").write_text(json.dumps(found))


def line(text: str, start: str) -> str:
    (found,) = [one for one in text.splitlines() if one.startswith(start)]
    return found


def test_a_target_is_reached_missed_or_not_measured(tmp_path: Path) -> None:
    from render_published import main_table

    write(tmp_path, "mars.loo-full", {"pipeline": (0.51, 0.35), "ease+sequence_rules": (0.4, 0.3)})
    write(tmp_path, "mooccube.loo-full", {"pipeline": (0.72, 0.61)})
    write(
        tmp_path, "mooccubex.loo-full", {"pipeline": (0.34, 0.2), "ease+sequence_rules": (0.3, 0.2)}
    )
    write(tmp_path, "beauty.loo-full", {"sequence": (0.094, 0.056), "pipeline": (0.1, 0.06)})
    write(tmp_path, "gowalla.split-full", {"graph": (0.1920, 0.16)})
    table = main_table(tmp_path)
    mars = line(table, "| Mars")
    assert "EASE + sequence rules .4000 / .3000 | ≥ .5000 / .3600 | - | - | .5100 / .3500" in mars
    assert mars.endswith("| not reached |")
    assert line(table, "- **Mars") == "- **Mars, LOO-full**: pipeline is .0100 NDCG@10 short."
    assert line(table, "| MOOCCube videos").endswith("| reached |")
    assert "MOOCCube videos" not in table.partition("What is missing")[2]
    # A tenth above the simple blend of the same file.
    assert "≥ .3300 / .2200" in line(table, "| MOOCCubeX, LOO-full")
    assert line(table, "- **MOOCCubeX, LOO-full").endswith("pipeline is .0200 NDCG@10 short.")
    assert line(table, "| Beauty").endswith("| reached by pipeline |")
    assert "sequence alone is .0010 HR@10 short" in line(table, "- **Beauty")
    # Equal to what is to be beaten is not above it.
    assert "graph is .0000 Recall@20 short" in line(table, "- **Gowalla")
    assert "`make bench-models TABLES=ml-1m`" in line(table, "- **MovieLens")


def test_seeds_are_averaged_where_one_code_made_them(tmp_path: Path) -> None:
    from results_table import render

    for seed, gain in ((0, 0.30), (1, 0.32), (2, 0.34)):
        name = f"mars.loo-full.seed-{seed}" if seed else "mars.loo-full"
        write(tmp_path, name, {"pipeline": (0.5, gain)}, made={"code": "a"}, seed=seed)
    text = render(tmp_path)
    assert "| pipeline | **0.5000** | **0.3200** |" in text
    assert "Mean of seeds 0, 1, 2; standard deviation of the pipeline's NDCG@10 0.0200" in text
    write(tmp_path, "mars.loo-full.seed-1", {"pipeline": (0.5, 0.9)}, made={"code": "b"}, seed=1)
    assert "Mean of seeds 0, 2;" in render(tmp_path)
    write(tmp_path, "mars.loo-full", {"pipeline": (0.5, 0.3)})
    assert "Seed 0, two CPU cores" in render(tmp_path)


def test_cold_start_and_the_curve_are_shown(tmp_path: Path) -> None:
    from results_table import render

    figures = {"recall@10": 0.5, "ndcg@10": 0.25}
    cold = {"popularity": {"all": figures, "cold": figures}}
    (tmp_path / "mars.cold-course.json").write_text(
        json.dumps(
            {
                "protocol": "cold-course",
                "seed": 0,
                "num_asked": {"all": 9, "cold": 9},
                "num_cold_courses": 55,
                "results": cold,
            }
        )
    )
    (tmp_path / "mars.few-shot.json").write_text(
        json.dumps(
            {
                "protocol": "few-shot",
                "seed": 0,
                "num_asked": {"0": 9, "1": 8},
                "results": {"popularity": {"0": figures, "1": figures}},
            }
        )
    )
    point = {"weight": 0.5, "ndcg@10": 0.3, "coverage@10": 0.9, "novelty@10": 6, "gini@10": 0.6}
    (tmp_path / "mars.curve.json").write_text(json.dumps({"results": {}, "curve": [point]}))
    text = render(tmp_path)
    assert "| popularity | 0.5000 | 0.2500 | 0.5000 | 0.2500 |" in text
    assert "55 cold courses" in text
    assert "| model | after 0: 9 | after 1: 8 |" in text
    assert "| 0.50 | 0.3000 | 0.9000 | 6.0000 | 0.6000 |" in text


def test_ablations_are_differences_seed_by_seed(tmp_path: Path) -> None:
    from render_ablations import ablations

    assert "bench-models" in ablations(tmp_path)

    def row(model: str, name: str, *gains: float) -> dict[str, Any]:
        cells = {str(s): {"recall@10": 0.5, "ndcg@10": gain} for s, gain in enumerate(gains)}
        return {"model": model, "name": name, "by_seed": cells}

    rows = [
        row("graph", "the whole", 0.30, 0.32),
        row("graph", "2 layers", 0.31, 0.33),
        row("graph", "no propagation", 0.28, 0.29),
    ]
    found = {"data": "mars", "num_learners": 1377, "rows": {str(n): r for n, r in enumerate(rows)}}
    (tmp_path / "ablations.mars.json").write_text(json.dumps(found))
    lines = ablations(tmp_path).splitlines()
    assert lines[0] == "**mars**, 1,377 validation learners."
    assert lines[-3:] == [
        "| **whole** | 0.5000 | 0.3100 |  | 0, 1 |",
        "| no propagation | 0.5000 | 0.2850 | -0.0250 ± 0.0071 | 0, 1 |",
        "| 2 layers | 0.5000 | 0.3200 | +0.0100 ± 0.0000 | 0, 1 |",
    ]

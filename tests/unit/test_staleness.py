"""The measurement of staleness: periods in order, nothing of a period known before it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from planted import walks

pytest.importorskip("torch", reason="training needs the extra 'train'")

from graphrec.dataset import Histories

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def staleness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    sys.modules.pop("staleness", None)
    import staleness

    return staleness


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Learners who walk along rings, one after the other; the last ring is walked late."""
    data = walks(120, 40)
    histories: Histories = data.histories
    late = (histories.items >= 30) * 100_000
    seconds = np.arange(len(histories.items)) * 60 + late + 1_600_000_000
    lines = [
        f"l{u}\ti{i}\t{t}"
        for u, i, t in zip(histories.owners(), histories.items, seconds, strict=True)
    ]
    path = tmp_path / "watches.tsv"
    path.write_text("\n".join(["learner\titem\tt", *lines]) + "\n")
    return path


def test_periods_are_measured_once(
    staleness: ModuleType, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "found.json"
    told = ["staleness.py", "toy", "--events", str(events), "--quick", "--base", "0.6"]
    told += ["--periods", "2", "--output", str(output), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", told)
    staleness.main()
    periods = json.loads(output.read_text())["toy"]["periods"]
    assert [period["period"] for period in periods] == [1, 2]
    first, second = periods
    assert first["quality"]["stale"] == first["quality"]["updated"]
    for name in ("stale", "updated", "retrained"):
        assert set(second["quality"][name]) == {"graph", "sequence", "pipeline"}
        assert 0 <= second["quality"][name]["pipeline"]["ndcg@10"] <= 1
    # Courses that came in the first period are not in the stale catalogue.
    assert second["courses"]["updated"] == second["courses"]["retrained"]
    assert second["courses"]["stale"] < second["courses"]["updated"]
    assert second["cpu_minutes"]["stale"] == 0 < second["cpu_minutes"]["updated"]
    stamp = output.stat().st_mtime_ns
    staleness.main()  # everything stands already
    assert output.stat().st_mtime_ns == stamp


def test_a_moment_knows_nothing_of_what_follows(staleness: ModuleType, events: Path) -> None:
    tables = staleness.read_tables(None, events)
    times = np.sort(tables["interactions"]["at"].to_numpy())
    moment = int(times[len(times) // 2])
    then, whole = staleness.as_of(tables, moment), staleness.as_of(tables, int(times[-1]))
    assert then.histories.times.max() <= moment
    assert then.num_items < whole.num_items == 40
    assert set(then.histories.items) == set(range(then.num_items))
    places = staleness.asked_places(whole, moment, int(times[-1]), 0)
    assert len(places) > 50
    assert (whole.histories.times[places] > moment).all()
    assert (places > whole.histories.indptr[whole.histories.owners()[places]]).all()

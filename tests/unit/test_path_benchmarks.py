"""The benchmarks of the planner, each in a quick form."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

Script = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def load(name: str) -> ModuleType:
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return load


def test_a_made_world_is_the_same_each_time_and_its_learners_kept_to_requires(
    script: Script,
) -> None:
    made = script("path_world")
    world, again = made.made_world(80, 60, 3), made.made_world(80, 60, 3)
    catalogue = world.catalogue
    assert catalogue.digest == again.catalogue.digest
    assert (len(catalogue), len(catalogue.skills)) == (80, 60)
    assert any(len(group) > 1 for groups in catalogue.requires.values() for group in groups)
    rng = made.random.Random(1)
    states = [made.made_learner(rng, world, (0, 1)) for _ in range(20)]
    assert any(state.completed for state in states)
    for state in states:
        assert all(catalogue.is_eligible(c, state.completed) for c in state.completed)
        assert not state.completed & state.enrolled


def test_latency_is_told_by_kind_of_target(script: Script) -> None:
    latency, made = script("path_latency"), script("path_world")
    found = latency.measure(made.made_world(120, 90, 1), 30, 2)
    kinds = set(found) - {"all"}
    assert kinds <= {"role_id", "skill_ids", "course_id", "budget"}
    assert sum(found[kind]["requests"] for kind in kinds) == found["all"]["requests"] == 30
    for row in found.values():
        times = row["cpu_ms"]
        assert 0 < times["p50"] <= times["p90"] <= times["p99"] <= times["p100"]

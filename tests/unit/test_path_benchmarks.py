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


def test_the_exact_solver_knows_alternatives_order_and_budgets(script: Script) -> None:
    pytest.importorskip("ortools", reason="the exact solver is in the group 'dev'")
    model = script("path_model")
    options = {"a": [], "b": [["a", "c"]], "c": [], "d": [["b"]]}
    milli = {"a": 3_000, "b": 1_000, "c": 2_000, "d": 9_000}
    # y builds on x, which the cheap d would teach only after the b that teaches y.
    teachers = {"x": {"a": None, "d": None}, "y": {"b": None}}
    before = {"x": [], "y": ["x"]}
    both = {"x": (None, True), "y": (None, True)}
    task = model.Task(options, milli, both, teachers, before)
    best = model.optimum(task)
    assert (best.status, best.reached, best.hours) == ("OPTIMAL", 2, 4.0)
    assert sorted(best.courses) == ["a", "b"]
    short = model.optimum(model.Task(options, milli, both, teachers, before, (), 3.5))
    assert (short.reached, short.courses) == (1, ["a"])


@pytest.mark.parametrize("size", [(30, 25), (60, 50)])
def test_small_plans_are_the_best_there_are(script: Script, size: tuple[int, int]) -> None:
    pytest.importorskip("ortools", reason="the exact solver is in the group 'dev'")
    found = script("path_optimum").measure(
        script("path_optimum").made_questions(*size, 20, 11), 10.0
    )
    free = found["free"]
    assert free["instances"] > 5
    assert free["best"] == free["proven"] == free["instances"]
    assert free["worst_gap_percent"] == 0

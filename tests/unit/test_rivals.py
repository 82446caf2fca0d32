"""What the comparison with other libraries rests on: one evaluator, one clock, one verdict."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphrec.dataset import Histories

BENCHMARKS = Path(__file__).resolve().parent.parent.parent / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import each other by name, as they do where they are started."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_quality_is_that_of_sorted_lists() -> None:
    from rivals_measure import quality

    rng = np.random.default_rng(0)
    learners = rng.normal(size=(40, 4)).astype(np.float32)
    items = rng.normal(size=(15, 4)).astype(np.float32)
    orders = [rng.permutation(14) for _ in range(40)]  # item 14 was in no training pair
    seen = Histories.from_lists([order[:3] for order in orders])
    targets = np.array([order[3] for order in orders])
    is_trained = np.arange(15) < 14
    places = []
    for row, order in enumerate(orders):
        others = order[3:]
        ranked = others[np.argsort(-(learners[row] @ items[others].T), kind="stable")]
        places.append(int(np.flatnonzero(ranked == targets[row])[0]))
    hits = np.array(places) < 5
    found = quality(learners, items, seen, targets, is_trained, 5)
    assert found["recall@5"] == pytest.approx(hits.mean())
    gains = np.where(hits, 1 / np.log2(np.array(places) + 2), 0)
    assert found["ndcg@5"] == pytest.approx(gains.mean())


def laps(*points: tuple[float, float]) -> list[dict[str, Any]]:
    return [{"seconds": seconds, "ndcg@10": quality} for seconds, quality in points]


def test_ours_must_be_as_good_as_the_best_and_the_rival_nearly() -> None:
    from rivals_measure import verdict

    rival = laps((10, 0.10), (20, 0.1996), (30, 0.2), (40, 0.15))
    found = verdict(rival, laps((4, 0.1996), (5, 0.2), (9, 0.3)), "ndcg@10")
    assert (found["quality"], found["ours_best"]) == (0.2, 0.3)
    assert (found["rival_s"], found["ours_s"], found["ratio"]) == (20, 5, 4.0)


def test_where_ours_never_was_as_good_there_is_no_ratio() -> None:
    from rivals_measure import verdict

    found = verdict(laps((10, 0.2)), laps((1, 0.19)), "ndcg@10")
    assert found["ours_s"] is None
    assert found["ratio"] is None


def test_the_clock_stands_still_while_vectors_are_exported(tmp_path: Path) -> None:
    from rivals_clock import BudgetSpentError, Stopwatch

    def work(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    def vectors() -> tuple[np.ndarray, np.ndarray]:
        work(0.2)
        return np.ones((2, 3)), np.ones((4, 3))

    watch = Stopwatch(tmp_path, budget_s=0.1, every_s=0.04)

    def train() -> None:
        watch.start()
        for _ in range(100):
            work(0.02)
            watch.step(vectors)

    with pytest.raises(BudgetSpentError):
        train()
    curve = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert len(curve) >= 2
    assert 0.1 <= curve[-1]["seconds"] < 0.2
    assert np.load(tmp_path / "0001.npz")["items"].shape == (4, 3)


def test_histories_are_padded_on_the_right_and_cut_on_the_left() -> None:
    from rivals_clock import rows_of

    rows, lengths = rows_of(np.array([0, 1, 5]), np.array([7, 1, 2, 3, 4]), 3)
    assert rows.tolist() == [[7, -1, -1], [2, 3, 4]]
    assert lengths.tolist() == [1, 3]


def test_both_of_a_pair_see_the_training_and_no_test(tmp_path: Path) -> None:
    from rivals_pairs import Pair, write_task

    source = tmp_path / "pairs.txt"
    source.write_text("".join(f"{u} {(u + i) % 9}\n" for u in range(5) for i in range(6)))
    pair = Pair("recbole", "SASRec", "sequence", "pairs.txt", "pairs", 10, 2.0)
    about = write_task(pair, source, tmp_path / "task.npz", seed=0)
    task = np.load(tmp_path / "task.npz")
    assert (about["learners"], about["pairs"], about["asked"]) == (5, 20, 5)
    for row, user in enumerate(task["asked"]):
        begin, end = task["input_indptr"][row : row + 2]
        own = task["items"][task["indptr"][user] : task["indptr"][user + 1]]
        assert task["input_items"][begin:end].tolist() == own.tolist()
        assert task["targets"][row] == (user + 4) % 9
        assert (user + 5) % 9 not in own


def test_no_driver_of_a_rival_imports_graphrec() -> None:
    for name in ("rivals_clock", "rivals_recbole", "rivals_rectools"):
        text = (BENCHMARKS / f"{name}.py").read_text(encoding="utf-8")
        assert "import graphrec" not in text
        assert "from graphrec" not in text


def test_costs_follow_from_shapes() -> None:
    from profile_costs import cost

    assert cost("aten::mm", [(2, 3), (3, 5)], {}) == (60.0, 4 * (6 + 15 + 10))
    sparse = {(10, 20): 30}
    flop, moved = cost("aten::addmm", [(10, 4), (10, 20), (20, 4)], sparse)
    assert flop == 2 * 30 * 4
    assert moved == 30 * (4 + 8 + 16) + 4 * 10 * 4
    assert cost("aten::add", [(8,), (8,)], {}) == (8.0, 4 * 24)
    assert cost("aten::view", [(8,)], {}) == (0.0, 0.0)

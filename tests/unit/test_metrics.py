"""Metrics by hand and against ranx; ties count against the model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from graphrec.dataset import Histories
from graphrec.evaluate.metrics import NOWHERE, from_ranks, from_top, target_ranks


def test_rank_of_the_target_ties_against_it() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.5, 0.5, 0.5], [0.1, 0.9, 0.5], [1.0, -np.inf, 0.0]])
    assert target_ranks(scores, np.array([1, 0, 0, 2])).tolist() == [0, 2, 2, 1]


def test_an_excluded_or_broken_target_is_never_found() -> None:
    scores = np.array([[-np.inf, 1.0], [np.nan, 1.0], [-np.inf, -np.inf]])
    ranks = target_ranks(scores, np.array([0, 0, 0]))
    assert ranks.tolist() == [NOWHERE] * 3
    # A catalogue smaller than the cut-off gives no one a place by accident.
    assert from_ranks(ranks, (10,)) == {"recall@10": 0.0, "ndcg@10": 0.0}


def test_by_hand() -> None:
    found = from_ranks(np.array([0, 2, 15, 40]), (10, 20))
    assert found["recall@10"] == 0.5
    assert found["recall@20"] == 0.75
    assert found["ndcg@10"] == pytest.approx((1 + 1 / 2) / 4)
    assert found["ndcg@20"] == pytest.approx((1 + 1 / 2 + 1 / np.log2(17)) / 4)
    assert from_ranks(np.zeros(0, np.int64), (10,)) == {"recall@10": 0.0, "ndcg@10": 0.0}


def test_several_relevant_by_hand() -> None:
    relevant = Histories.from_lists([[0, 3], [5]])
    top = np.array([[3, 1, 0], [1, 2, 0]])
    found = from_top(top, relevant, 6, (1, 3))
    assert found["recall@1"] == pytest.approx((1 / 2 + 0) / 2)
    assert found["recall@3"] == pytest.approx((1 + 0) / 2)
    assert found["ndcg@1"] == pytest.approx(1 / 2)
    ideal = 1 + 1 / np.log2(3)
    assert found["ndcg@3"] == pytest.approx((1 + 1 / 2) / ideal / 2)


def test_an_empty_place_hits_nothing() -> None:
    # Row 1's -1 must not be read as the last item of row 0.
    relevant = Histories.from_lists([[3], [3]])
    found = from_top(np.array([[3, -1], [-1, -1]]), relevant, 4, (2,))
    assert found == {"recall@2": 0.5, "ndcg@2": 0.5}


_RANX = """
import json, sys
import ranx
asked, names = json.load(sys.stdin)
told = [ranx.evaluate(ranx.Qrels(qrels), ranx.Run(run), names) for qrels, run in asked]
print(json.dumps([{name: float(value) for name, value in one.items()} for one in told]))
"""


def test_the_figures_are_those_of_ranx() -> None:
    if find_spec("ranx") is None:
        pytest.skip("ranx is not installed: make setup")
    rng = np.random.default_rng(0)
    num_items = 80
    scores = rng.permuted(np.tile(np.arange(1.0, 81.0), (60, 1)), axis=1)
    tests = [rng.choice(num_items, rng.integers(1, 30), replace=False) for _ in range(60)]
    run = {f"u{u}": {f"i{i}": s for i, s in enumerate(row)} for u, row in enumerate(scores)}
    several = {f"u{u}": {f"i{i}": 1 for i in items} for u, items in enumerate(tests)}
    single = {f"u{u}": {f"i{items[0]}": 1} for u, items in enumerate(tests)}
    names = [f"{metric}@{k}" for metric in ("recall", "ndcg") for k in (10, 20)]
    # A process of its own, uncompiled: compiling takes far longer than counting.
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RANX],
        input=json.dumps([[[several, run], [single, run]], names]),
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    expected = json.loads(done.stdout)
    top = np.argsort(-scores, axis=1)[:, :20]
    assert from_top(top, Histories.from_lists(tests), num_items) == pytest.approx(expected[0])
    targets = np.array([items[0] for items in tests])
    assert from_ranks(target_ranks(scores, targets)) == pytest.approx(expected[1])

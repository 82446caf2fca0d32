"""Figures beside accuracy, by hand and against their definitions written out."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from planted import bare, with_contents

from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.asked import Lists
from graphrec.evaluate.beyond import FIGURES, BeyondAccuracy, Catalogue, gini
from graphrec.evaluate.calibration import Calibration, expected_error, reliability
from graphrec.evaluate.metrics import Gains, top_items
from graphrec.evaluate.slices import by_course_age, by_history
from graphrec.ids import IdMap
from graphrec.models.blend import Candidates
from graphrec.recommend.novelty import demote_popular


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def figures(train: Dataset, top: np.ndarray, own: Histories) -> dict[str, float | None]:
    """In two batches, as an evaluation counts."""
    beyond = BeyondAccuracy(Catalogue.of(train))
    middle = len(top) // 2
    for rows in (np.arange(middle), np.arange(middle, len(top))):
        beyond.add(top[rows], own.take(rows))
    return beyond.figures()


# Lists.


def test_the_best_items_are_those_of_a_sort(rng: np.random.Generator) -> None:
    for num_kinds in (2, 5, 1000):
        scores = rng.integers(0, num_kinds, (40, 30)).astype(np.float32)
        scores[rng.random(scores.shape) < 0.3] = -np.inf
        scores[0] = -np.inf
        top = top_items(scores, 8)
        for row, given in zip(scores, top, strict=True):
            order = [i for i in np.argsort(-row, kind="stable") if np.isfinite(row[i])][:8]
            assert given.tolist() == order + [-1] * (8 - len(order))


def test_more_places_than_items() -> None:
    assert top_items(np.array([[1.0, 3.0]]), 4).tolist() == [[1, 0, -1, -1]]


# Figures.


def test_by_hand() -> None:
    # Item 0 was taken by 4 of 4, item 1 by 2, item 2 by 1, item 3 by nobody.
    train = bare([[0, 1], [0, 1], [0, 2], [0]], 4)
    found = figures(train, np.array([[2, 3], [1, -1]]), Histories.from_lists([[0, 1], [0]]))
    assert found["coverage@10"] == 0.75
    assert found["gini@10"] == pytest.approx((-3 * 0 - 1 + 1 + 3) / (3 * 3), abs=1e-5)
    assert found["novelty@10"] == pytest.approx((np.mean([2, 2]) + 1) / 2)
    assert found["popularity_lift@10"] == pytest.approx((0.5 + 2) / (3 + 4), abs=1e-5)
    assert found["diversity@10"] is None


def test_gini_from_even_to_one_item_alone() -> None:
    assert gini(np.array([5, 5, 5, 5])) == 0.0
    assert gini(np.array([0, 0, 9, 0])) == 1.0
    assert gini(np.array([1, 0])) == 1.0
    assert gini(np.array([0, 0])) == gini(np.array([3])) == 0.0


def test_gini_is_half_the_relative_mean_difference(rng: np.random.Generator) -> None:
    counts = rng.integers(0, 50, 40)
    differences = np.abs(counts[:, None] - counts).sum() / (40 * 39)
    assert gini(counts) == pytest.approx(differences / (2 * counts.mean()))


def _world(rng: np.random.Generator, num_items: int = 25) -> tuple[Dataset, np.ndarray, Histories]:
    """Training, lists of other learners (some short, one empty), and what these took."""
    draw = [rng.choice(num_items - 3, rng.integers(1, 9), replace=False) for _ in range(60)]
    train = with_contents(bare(draw, num_items))
    pairs = rng.integers(0, [[num_items - 2], [6]], (2, 60))  # the last two teach nothing
    skills = IdMap(f"s{i}" for i in range(6))
    train = replace(train, skills=skills, item_skill=pairs)  # some links twice
    top = np.array([rng.choice(num_items, 5, replace=False) for _ in range(30)])
    top[3, 2:], top[4] = -1, -1
    own = Histories.from_lists([rng.choice(num_items - 3, rng.integers(0, 6)) for _ in top])
    return train, top, own


def test_the_definitions_written_out(rng: np.random.Generator) -> None:
    train, top, own = _world(rng)
    taken = [set(row.tolist()) for row in train.histories]
    share = [sum(i in row for row in taken) / len(taken) for i in range(train.num_items)]
    lists = [[int(i) for i in row if i >= 0] for row in top]
    given = [row for row in lists if row]
    bits = [np.mean([-np.log2(max(share[i], 1 / 60)) for i in row]) for row in given]
    both = [(row, had) for row, had in zip(lists, own, strict=True) if row and len(had)]
    found = figures(train, top, own)
    assert list(found) == list(FIGURES)
    assert found["coverage@10"] == pytest.approx(len(set().union(*given)) / 25)
    assert found["novelty@10"] == pytest.approx(np.mean(bits), abs=1e-5)
    lift = np.mean([np.mean([share[i] for i in row]) for row, _ in both]) / np.mean(
        [np.mean([share[i] for i in had]) for _, had in both]
    )
    assert found["popularity_lift@10"] == pytest.approx(lift, abs=1e-5)
    assert found["diversity@10"] == pytest.approx(_naive_diversity(train, given), abs=1e-5)


def _naive_diversity(train: Dataset, lists: list[list[int]]) -> float:
    incidence = np.zeros((train.num_items, len(train.skills)))
    incidence[train.item_skill[0], train.item_skill[1]] = 1.0
    means = []
    for row in lists:
        vectors = [incidence[i] for i in row if incidence[i].any()]
        cosines = [
            a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(vectors, 2)
        ]
        if cosines:
            means.append(1 - np.mean(cosines))
    return float(np.mean(means))


def test_alike_is_0_and_apart_is_1() -> None:
    train = with_contents(bare([[0, 1, 2, 3]], 4), 2)  # even items teach one skill, odd the other
    own = Histories.from_lists([[0]])
    assert figures(train, np.array([[0, 2]]), own)["diversity@10"] == 0.0
    assert figures(train, np.array([[0, 1]]), own)["diversity@10"] == 1.0


def test_nothing_given_says_nothing() -> None:
    found = figures(bare([[0]], 3), np.full((2, 2), -1), Histories.from_lists([[0], []]))
    assert found["coverage@10"] == 0.0
    assert found["novelty@10"] is found["popularity_lift@10"] is found["diversity@10"] is None


def test_learners_without_history_have_no_taste_to_lift() -> None:
    found = figures(bare([[0]], 3), np.array([[1, 2], [0, 1]]), Histories.from_lists([[], []]))
    assert found["popularity_lift@10"] is None
    assert found["novelty@10"] == 0.0  # of one training learner, nothing is news


# Slices.


def test_history_slices_hold_their_edges() -> None:
    lengths = np.array([0, 1, 2, 3, 5, 6, 10, 11, 20, 21, 500])
    ones = np.ones(len(lengths))
    found = by_history(lengths).rows(Gains(ones, ones))
    assert [(row["from"], row["to"], row["learners"]) for row in found] == [
        (0, 0, 1), (1, 2, 2), (3, 5, 2), (6, 10, 2), (11, 20, 2), (21, None, 2)
    ]  # fmt: skip


def test_slices_make_up_the_whole(rng: np.random.Generator) -> None:
    train, _, _ = _world(rng)
    gains = Gains(rng.random(200), rng.random(200))
    slicings = (
        by_history(rng.integers(0, 40, 200)),
        by_course_age(train, rng.integers(0, train.num_items, 200)),
    )
    for slicing in slicings:
        rows = slicing.rows(gains)
        weights = [row["learners"] for row in rows]
        assert len(rows) > 3
        assert sum(weights) == 200
        for name, values in (("recall@10", gains.recall), ("ndcg@10", gains.ndcg)):
            mean = np.average([row[name] for row in rows], weights=weights)
            assert mean == pytest.approx(values.mean(), abs=1e-5)


def test_age_is_that_of_the_first_taking() -> None:
    base = bare([[0, 1, 2, 3], [3, 2, 1], [4]], 6)
    times = np.array([10, 20, 30, 40, 5, 50, 60, -1])
    train = base.with_histories(replace(base.histories, times=times))
    targets = np.array([3, 0, 1, 2, 2, 4, 5])
    found = by_course_age(train, targets).rows(Gains(np.arange(7.0), np.arange(7.0)))
    assert {row["by"] for row in found} == {"first_taken"}
    told = [(row["quarter"], row["from"], row["to"], row["learners"]) for row in found]
    # Item 3 came at 5, 0 at 10, 1 at 20, 2 at 30; of 4 no time is known, 5 nobody took.
    assert told == [(1, 5, 5, 1), (2, 10, 10, 1), (3, 20, 20, 1), (4, 30, 30, 2),
                    (None, None, None, 2)]  # fmt: skip
    assert found[3]["recall@10"] == 3.5


def test_age_is_popularity_where_nothing_has_a_time() -> None:
    train = bare([[0, 1, 2, 3], [0, 1, 2], [0, 1], [0]], 5)
    found = by_course_age(train, np.arange(5)).rows(Gains(np.ones(5), np.ones(5)))
    told = [(row["by"], row["quarter"], row["from"]) for row in found]
    assert told == [("popularity", q, n) for q, n in [(1, 4), (2, 3), (3, 2), (4, 1), (None, None)]]


# Calibration.


def _lists(scores: np.ndarray) -> Lists:
    histories = Histories.from_lists([[] for _ in scores])
    return Lists(np.arange(len(scores)), histories, scores, top_items(scores, 10))


def test_calibration_by_hand() -> None:
    logits = np.log(np.array([[0.6, 0.3, 0.1, 0.0]] * 2, np.float64) + 1e-300)
    scores = np.where(logits < -100, -np.inf, logits).astype(np.float32) + 5
    calibration = Calibration(np.array([0, 3]))  # the second's course is no candidate
    calibration(_lists(scores))
    found = calibration.figures()
    assert found["target_is_candidate"] == 0.5
    told = [(row["items"], row["probability"], row["hit_rate"]) for row in found["bins"]]
    assert told == [(1, pytest.approx(0.1), 0.0), (1, pytest.approx(0.3), 0.0),
                    (1, pytest.approx(0.6), 1.0)]  # fmt: skip
    assert found["ece"] == pytest.approx((0.1 + 0.3 + 0.4) / 3, abs=1e-5)
    assert found["ece_all"] == pytest.approx((0.1 + 0.3 + 0.4 + 0.1 + 0.3 + 0.6) / 6, abs=1e-5)


def test_scores_that_are_log_probabilities_are_calibrated(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 2, (20_000, 12)).astype(np.float32)
    gumbel = rng.gumbel(size=scores.shape)
    targets = np.argmax(scores + gumbel, axis=1)  # drawn from the softmax
    right, sure = Calibration(targets), Calibration(targets)
    right(_lists(scores))
    sure(_lists(3 * scores))
    assert right.figures()["ece"] < 0.005
    assert sure.figures()["ece"] > 0.03


def test_bins_have_equally_many() -> None:
    bins = reliability(np.linspace(0, 1, 105), np.ones(105, bool))
    assert {row["items"] for row in bins} == {10, 11}
    assert [row["from"] for row in bins] == sorted(row["from"] for row in bins)
    assert expected_error([]) is None
    assert reliability(np.zeros(0), np.zeros(0, bool)) == []


# The knob.


def test_the_knob_at_0_is_nothing_and_above_it_demotes(rng: np.random.Generator) -> None:
    candidates = Candidates(np.array([0, 3, 6]), np.array([0, 1, 2, 1, 2, 3]))
    scores = rng.random(6).astype(np.float32)
    popularity = np.array([100, 10, 1, 0])
    assert demote_popular(scores, candidates, popularity, 0.0) is scores
    moved = demote_popular(scores, candidates, popularity, 0.5) - scores
    assert (np.diff(moved[:3]) > 0).all()
    assert (np.diff(moved[3:]) > 0).all()
    logs = np.log1p(popularity[[0, 1, 2]])
    assert moved[:3] == pytest.approx(-0.5 * (logs - logs.mean()) / logs.std(), abs=1e-5)
    alike = demote_popular(scores, candidates, np.full(4, 7), 0.5)
    assert alike == pytest.approx(scores)

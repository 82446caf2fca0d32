"""The blend recovers planted weights, ignores noise, and cares for no part's scale."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graphrec.models.blend import Blend, Candidates, standardise

PARTS = ("good", "better", "noise")


def candidates_of(num_learners: int, size: int, num_items: int = 500, seed: int = 0) -> Candidates:
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.choice(num_items, size, replace=False)) for _ in range(num_learners)]
    indptr = np.arange(num_learners + 1, dtype=np.int64) * size
    return Candidates(indptr, np.concatenate(rows).astype(np.int64))


def choices(utilities: np.ndarray, candidates: Candidates, rng: np.random.Generator) -> np.ndarray:
    """The item each learner takes: the logit's own way of choosing (Gumbel noise)."""
    noisy = utilities + rng.gumbel(size=len(utilities))
    rows = noisy.reshape(len(candidates.indptr) - 1, -1)
    items = candidates.items.reshape(rows.shape)
    return items[np.arange(len(rows)), rows.argmax(axis=1)]


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, Candidates, np.ndarray, np.ndarray]:
    """3,000 learners who choose by .5 good + (1.5 + .4 context) better, whatever noise says."""
    rng = np.random.default_rng(4)
    candidates = candidates_of(3_000, 30)
    scores = rng.normal(size=(len(candidates.items), 3)).astype(np.float32)
    lengths = rng.integers(1, 60, 3_000)
    context = np.log1p(lengths) - np.log1p(lengths).mean()
    z = standardise(scores, candidates)
    utilities = 0.5 * z[:, 0] + (1.5 + 0.4 * context[candidates.owners]) * z[:, 1]
    return scores, candidates, choices(utilities, candidates, rng), lengths


def test_recovers_planted_weights(planted) -> None:
    scores, candidates, targets, lengths = planted
    blend = Blend.fit(PARTS, scores, candidates, targets, lengths)
    np.testing.assert_allclose(blend.weights, [[0.5, 1.5, 0.0], [0.0, 0.4, 0.0]], atol=0.1)
    assert blend.center == pytest.approx(np.log1p(lengths).mean())
    assert blend.describe() == dict(zip(PARTS, blend.weights[0].round(4).tolist(), strict=True))


def test_it_is_the_most_likely_one(planted) -> None:
    scores, candidates, targets, lengths = planted
    best = Blend.fit(PARTS, scores, candidates, targets, lengths)

    def likelihood(weights: np.ndarray) -> float:
        blended, _ = Blend(PARTS, weights, best.center).score(scores, candidates, lengths)
        rows = blended.reshape(3_000, -1).astype(np.float64)
        own = rows[candidates.items.reshape(rows.shape) == targets[:, None]]
        return float((own - np.log(np.exp(rows).sum(axis=1))).mean())

    rng = np.random.default_rng(0)
    for _ in range(10):
        step = rng.normal(size=(2, 3)) * 0.1
        assert likelihood(best.weights + step) < likelihood(best.weights) + 1e-6


def test_pure_noise_earns_nothing() -> None:
    rng = np.random.default_rng(1)
    candidates = candidates_of(2_000, 20)
    scores = rng.normal(size=(len(candidates.items), 2)).astype(np.float32)
    targets = choices(np.zeros(len(scores)), candidates, rng)
    blend = Blend.fit(("a", "b"), scores, candidates, targets, rng.integers(1, 30, 2_000))
    assert np.abs(blend.weights).max() < 0.1


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_scale_and_offset_of_a_part_mean_nothing(planted, scale: float) -> None:
    scores, candidates, targets, lengths = planted
    moved = scores.copy()
    moved[:, 1] = scale * (scores[:, 1] + 3.0)
    one = Blend.fit(PARTS, scores, candidates, targets, lengths)
    other = Blend.fit(PARTS, moved, candidates, targets, lengths)
    np.testing.assert_allclose(other.weights, one.weights, atol=2e-3)
    np.testing.assert_allclose(
        other.score(moved, candidates, lengths)[0],
        one.score(scores, candidates, lengths)[0],
        atol=2e-2,
    )


def test_learners_whose_target_is_no_candidate_teach_nothing(planted) -> None:
    scores, candidates, targets, lengths = planted
    lost = targets.copy()
    lost[::2] = 10_000
    kept = np.repeat(np.arange(3_000) % 2 == 1, 30)
    odd = Candidates(np.arange(1_501, dtype=np.int64) * 30, candidates.items[kept])
    some = Blend.fit(PARTS, scores, candidates, lost, lengths)
    only = Blend.fit(PARTS, scores[kept], odd, targets[1::2], lengths[1::2])
    # The centre is the mean of all who were asked, so the weights meet at a common length.
    for length in (1, 30):
        context = np.log1p(length)
        np.testing.assert_allclose(
            some.weights[0] + some.weights[1] * (context - some.center),
            only.weights[0] + only.weights[1] * (context - only.center),
            atol=5e-3,
        )


def test_without_any_target_all_parts_weigh_the_same(planted) -> None:
    scores, candidates, targets, lengths = planted
    blend = Blend.fit(PARTS, scores, candidates, np.full_like(targets, 10_000), lengths)
    assert blend.weights.tolist() == [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]


def test_twins_share_the_weight() -> None:
    rng = np.random.default_rng(2)
    candidates = candidates_of(1_000, 20)
    score = rng.normal(size=len(candidates.items)).astype(np.float32)
    targets = choices(1.2 * score, candidates, rng)
    blend = Blend.fit(
        ("a", "b"), np.stack([score, score], axis=1), candidates, targets, np.full(1_000, 9)
    )
    assert blend.weights[0] == pytest.approx([0.6, 0.6], abs=0.1)


def test_shares_sum_to_the_score_and_ragged_rows_stand_alone() -> None:
    candidates = Candidates(np.array([0, 2, 2, 5]), np.array([1, 4, 0, 2, 3]))
    scores = np.array([[1, 5], [2, 5], [0, 1], [1, 0], [2, 2]], np.float32)
    blend = Blend(("a", "b"), np.array([[1.0, 2.0], [0.5, 0.0]]), center=1.0)
    blended, shares = blend.score(scores, candidates, np.array([3, 0, 8]))
    np.testing.assert_allclose(shares.sum(axis=1), blended, rtol=1e-6)
    assert shares[:2, 1].tolist() == [0.0, 0.0]  # all its scores alike: no say
    alone = blend.score(
        scores[2:], Candidates(np.array([0, 3]), candidates.items[2:]), np.array([8])
    )
    np.testing.assert_allclose(alone[0], blended[2:])


def test_a_part_that_says_the_same_of_all_has_no_say_for_rounding() -> None:
    candidates = Candidates(np.array([0, 7]), np.arange(7))
    scores = np.full((7, 1), 0.1, np.float32)
    scores[3] = np.nextafter(scores[3], np.float32(1))
    assert not standardise(scores, candidates).any()
    small = np.linspace(0, 1e-20, 7, dtype=np.float32)[:, None]
    assert np.ptp(standardise(small * np.float32(1e10), candidates)) > 1


def test_state_is_json_and_comes_back(planted) -> None:
    scores, candidates, targets, lengths = planted
    blend = Blend.fit(PARTS, scores, candidates, targets, lengths)
    again = Blend.from_state(json.loads(json.dumps(blend.state())))
    assert again.parts == blend.parts
    np.testing.assert_array_equal(
        again.score(scores, candidates, lengths)[0], blend.score(scores, candidates, lengths)[0]
    )

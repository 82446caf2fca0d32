"""The ranking layer: features are of the past, trees are exported as they are, repeatably."""

from __future__ import annotations

import numpy as np
import pytest
from planted import walks

from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.events.splits import hold_out_last
from graphrec.features.ranking import (
    DECLARED,
    active_features,
    part_features,
    ranking_features,
)
from graphrec.features.ranking_asked import Asked
from graphrec.features.ranking_facts import DAY_MS, CourseFacts
from graphrec.ids import IdMap
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.ranker import PARITY, Ranker, RankerConfig, parity, train_ranker
from graphrec.models.ranker_calibration import Isotonic
from graphrec.models.ranker_lists import Lists
from graphrec.models.ranker_onnx import float_below
from graphrec.recommend.compose import Validation, compose
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.ranker_fit import Decision, Folds, Pool, train_on_all
from graphrec.recommend.validate import validate_pipeline

lightgbm = pytest.importorskip("lightgbm", reason="the train extra is not installed")

NAMES = ("blend", "useful", "noise")


def planted(num_learners: int = 300, seed: int = 0) -> Lists:
    """Lists where a feature that the blend does not know decides which item is taken."""
    rng = np.random.default_rng(seed)
    size = 20
    features = rng.normal(size=(num_learners, size, 3)).astype(np.float32)
    utility = features[..., 0] + 3 * (features[..., 1] > 1)
    labels = np.zeros((num_learners, size), np.int8)
    noisy = utility + rng.gumbel(size=utility.shape)
    labels[np.arange(num_learners), noisy.argmax(axis=1)] = 1
    return Lists(
        features.reshape(-1, 3),
        features[..., 0].reshape(-1),
        labels.reshape(-1),
        np.full(num_learners, size),
    )


def top_hits(lists: Lists, scores: np.ndarray) -> float:
    """Share of learners whose item is ranked first."""
    best = scores.reshape(len(lists.sizes), -1).argmax(axis=1)
    return float((lists.labels.reshape(len(lists.sizes), -1).argmax(axis=1) == best).mean())


def test_a_ranker_beats_the_blend_where_a_feature_decides() -> None:
    trained = train_ranker(planted(), NAMES, RankerConfig(min_leaf=20))
    asked = planted(seed=1)
    ranked = top_hits(asked, trained.ranker.score(asked.features, asked.blended))
    assert ranked > top_hits(asked, asked.blended) + 0.1
    assert trained.gains["useful"] > trained.gains["noise"]
    assert trained.parity <= PARITY


def test_two_trainings_give_the_same_bytes() -> None:
    first, second = (train_ranker(planted(), NAMES).ranker.onnx for _ in range(2))
    assert first == second


def test_onnx_falls_to_the_side_of_lightgbm_at_every_threshold() -> None:
    lists = planted()
    # Few distinct values: most rows stand right at a threshold or beside it.
    lists.features[:] = np.round(lists.features, 1)
    assert train_ranker(lists, NAMES, RankerConfig(min_leaf=5)).parity < 1e-5
    for value in (0.1, 0.3, -0.7, 1e-30, 5.0):
        below = np.float32(float_below(value))
        assert float(below) <= value < float(np.nextafter(below, np.float32(np.inf)))


def test_a_graph_that_differs_is_refused() -> None:
    ranker = train_ranker(planted(), NAMES).ranker
    features = planted().features
    with pytest.raises(TrainingError, match="differs from LightGBM"):
        parity(ranker.correction(features) + 1e-3, ranker, features)


def test_too_few_learners_are_an_error_that_says_so() -> None:
    with pytest.raises(TrainingError, match="only 4 learners"):
        train_ranker(planted(4), NAMES)


def test_an_empty_list_is_scored() -> None:
    ranker: Ranker = train_ranker(planted(), NAMES).ranker
    assert ranker.score(np.zeros((0, 3), np.float32), np.zeros(0, np.float32)).shape == (0,)


def small_world() -> tuple[CourseFacts, Asked]:
    """Two learners, four courses, day by day; candidates 2 and 3 for both."""
    days = np.asarray([1, 2, 5, 50, 60, 70])
    histories = Histories(
        np.asarray([0, 2, 6]), np.asarray([0, 1, 0, 1, 2, 3], np.int32), days * DAY_MS
    )
    dataset = Dataset(
        IdMap(["a", "b"]),
        IdMap(["c0", "c1", "c2", "c3"]),
        histories,
        skills=IdMap(["s0", "s1"]),
        item_skill=np.asarray([[0, 2, 2], [0, 0, 1]]),
        item_requires=np.asarray([[3, 3], [0, 2]]),
    )
    levels = np.asarray([1, 1, 2, -1], np.float32)
    facts = CourseFacts.of(dataset, hours=np.asarray([1, 1, 3, 0], np.float32), levels=levels)
    asked = Asked(
        histories.take(np.asarray([0, 0])),
        np.asarray([0, 0, 1, 1]),
        np.asarray([2, 3, 2, 3]),
        np.asarray([[0.5], [1.0], [2.0], [1.0]], np.float32),
        np.asarray([0.1, 0.2, 0.3, 0.1], np.float32),
        ("ease",),
        np.asarray([3, 65]) * DAY_MS,
    )
    return facts, asked


def column(name: str, facts: CourseFacts, asked: Asked) -> list[float]:
    """One feature of all candidates."""
    features = active_features(asked.parts, facts)
    place = [feature.name for feature in features].index(name)
    return [round(float(v), 4) for v in ranking_features(asked, facts, features)[:, place]]


def test_features_say_what_their_definitions_say() -> None:
    facts, asked = small_world()
    assert column("rank:ease", facts, asked) == [0.6931, 0.0, 0.0, 0.6931]
    assert column("readiness", facts, asked) == [1.0, 0.5, 1.0, 0.5]
    assert column("skills_known", facts, asked) == [0.5, 0.0, 0.5, 0.0]
    assert column("level_step", facts, asked) == [1.0, 0.0, 1.0, 0.0]
    assert column("hours", facts, asked)[0] == round(float(np.log(4)), 4)
    assert column("history", facts, asked) == [round(float(np.log(3)), 4)] * 4


def test_what_happens_after_the_moment_is_not_known() -> None:
    facts, asked = small_world()
    # Course 2 was first taken on day 60: nobody knows it on day 3, one learner does on day 65.
    assert column("taken_before", facts, asked) == [0.0, 0.0, 0.6931, 0.0]
    assert column("age", facts, asked)[0] == 0.0
    assert column("age", facts, asked)[2] == round(float(np.log(6)), 4)
    # Its own moment does not count: an event at the very time is not before it.
    assert facts.taken(np.asarray([2]), np.asarray([60 * DAY_MS])).tolist() == [0]


def test_only_what_the_data_allows_is_active() -> None:
    facts, asked = small_world()
    histories = Histories(np.asarray([0, 1]), np.zeros(1, np.int32))
    bare = CourseFacts.of(Dataset(IdMap(["a"]), IdMap(["c0"]), histories))
    names = {feature.name for feature in active_features(("ease",), bare)}
    assert names == {"score:ease", "rank:ease", "blend", "blend_rank", "history"}
    assert "gap_per_hour" not in {f.name for f in active_features(asked.parts, facts)}
    declared = [f.name for f in (*part_features(("ease",)), *DECLARED)]
    assert len(declared) == len(set(declared))


def planted_pipeline() -> tuple[Pipeline, Validation, Dataset]:
    """Popularity and item neighbours over planted walks, with the last item held out."""
    dataset = walks()
    held = hold_out_last(dataset.histories, min_length=2, seed=0)
    train = dataset.with_histories(held.train)
    validation = Validation(held.inputs, held.targets)
    models = {"popularity": PopularityModel().fit(train), "itemknn": ItemKNNModel().fit(train)}
    return compose(models, validation, with_indexes=False), validation, train


def test_half_is_ranked_by_what_the_other_half_taught() -> None:
    pipeline, validation, train = planted_pipeline()
    pool = Pool.of(pipeline, validation, CourseFacts.of(train))
    folds = Folds(pool)
    crossed = folds.rank(np.ones(len(folds.features), bool), RankerConfig(min_leaf=20))
    decision = crossed.decide()
    assert decision.num_learners == len(validation.targets)
    measured = validate_pipeline(pipeline, validation).metrics["ndcg@10"]
    assert decision.blend == pytest.approx(measured, abs=1e-5)  # it is rounded there
    probabilities = crossed.calibrator()(np.linspace(0, 1, 50))
    assert (np.diff(probabilities) >= 0).all()
    assert 0 <= probabilities[0] <= probabilities[-1] <= 1
    kept = Isotonic.from_state(crossed.calibrator().state())
    assert (kept(np.linspace(0, 1, 50)) == probabilities).all()
    trained = train_on_all(pool, pipeline.blend, folds.features, RankerConfig(min_leaf=20))
    assert trained.ranker.names == tuple(feature.name for feature in folds.features)


def test_a_ranker_is_on_only_where_it_wins_by_more_than_chance() -> None:
    assert Decision(0.30, 0.31, 0.004, 100).is_on
    assert not Decision(0.30, 0.31, 0.006, 100).is_on
    assert not Decision(0.30, 0.29, 0.001, 100).is_on
    assert "off, the blend ranks" in Decision(0.30, 0.31, 0.006, 100).describe()

"""The pipeline: the index finds what a scan finds, rules hold, signals matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from planted import bare, unordered, walks, with_contents

from graphrec.bundle import BundleStore
from graphrec.dataset import Dataset, Histories
from graphrec.errors import BundleDamagedError, TrainingError
from graphrec.features.signals import ROLE, VIEWED, LearnerSignals, RoleScores
from graphrec.ids import IdMap
from graphrec.index.base import IndexConfig
from graphrec.index.build import build_index
from graphrec.index.exact import ExactIndex
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.blend import Blend
from graphrec.models.ease import EASEConfig, EASEModel
from graphrec.models.graph_filter import GraphFilterConfig, GraphFilterModel
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.ranking import ranking_metrics
from graphrec.models.sequence_rules import SequenceRulesModel
from graphrec.recommend.compose import Validation, compose, fit_models, refit_simple, tune_recency
from graphrec.recommend.model_io import TrainedPipeline, read_pipeline, write_pipeline
from graphrec.recommend.pipeline import Pipeline, PipelineConfig, Ranking, top_positions
from graphrec.recommend.validate import validate_pipeline

NUM_ITEMS = 600


class RandomVectors(EmbeddingModel):
    """Learners are the mean of their items' random vectors: cheap, and of any size."""

    name = "graph"

    def __init__(self, vectors: np.ndarray | None = None) -> None:
        self._vectors = np.zeros((0, 8), np.float32) if vectors is None else vectors

    def fit(self, dataset: Dataset) -> Self:
        rng = np.random.default_rng(3)
        self._vectors = rng.normal(size=(dataset.num_items, 8)).astype(np.float32)
        return self

    def item_vectors(self) -> np.ndarray:
        return self._vectors

    def encode(self, histories: Histories) -> np.ndarray:
        weights = histories.matrix(len(self._vectors))
        return np.asarray(weights @ self._vectors, np.float32)

    def state(self) -> dict[str, np.ndarray]:
        return {"vectors": self._vectors}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        return cls(state["vectors"])


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return walks(400, NUM_ITEMS)


@pytest.fixture(scope="module")
def models(dataset: Dataset) -> dict[str, Model]:
    classes = (PopularityModel, ItemKNNModel, SequenceRulesModel, RandomVectors)
    return {cls.name: cls().fit(dataset) for cls in classes}


def weighing(models: Mapping[str, Model], *weights: float) -> Blend:
    return Blend(tuple(models), np.array([weights, [0.0] * len(weights)]))


@pytest.fixture(scope="module")
def asked(dataset: Dataset) -> Histories:
    return dataset.histories.take(np.arange(40))


def rank(pipeline: Pipeline, histories: Histories, k: int, **given: Any) -> Ranking:
    """The ``k`` best of each learner: retrieved, and reranked by the same blend."""
    return pipeline.rerank(pipeline.shortlist(histories, k, **given), k)


@pytest.mark.parametrize("engine", ["exact", "auto"])
def test_the_index_finds_what_a_scan_finds(
    models: dict[str, Model], asked: Histories, engine: str
) -> None:
    blend = weighing(models, 0.2, 1.0, 1.0, 0.7)
    vectors = models["graph"].state()["vectors"]
    index = build_index(vectors, IndexConfig(engine=engine))  # type: ignore[arg-type]
    small = PipelineConfig(num_candidates=20, num_popular=10)
    indexed = Pipeline(models, blend=blend, indexes={"graph": index}, config=small)
    scanned = Pipeline(models, blend=blend, config=small)
    rng = np.random.default_rng(0)
    for allowed in (None, rng.random(NUM_ITEMS) < 0.9, rng.random(NUM_ITEMS) < 0.1):
        one = rank(indexed, asked, 15, allowed=allowed)
        other = rank(scanned, asked, 15, allowed=allowed)
        np.testing.assert_array_equal(one.items, other.items)
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(one.shares, other.shares, rtol=1e-3, atol=1e-3)


def test_many_are_ranked_as_each_alone(models: dict[str, Model], asked: Histories) -> None:
    index = ExactIndex.build(models["graph"].state()["vectors"])
    pipeline = Pipeline(models, blend=weighing(models, 0.2, 1, 1, 1), indexes={"graph": index})
    together = rank(pipeline, asked, 10)
    for row in range(len(asked)):
        alone = rank(pipeline, asked.take(np.array([row])), 10)
        np.testing.assert_array_equal(alone.items[0], together.items[row])
    kept = pipeline.encode(asked)
    np.testing.assert_array_equal(rank(pipeline, asked, 10, vectors=kept).items, together.items)


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
def test_what_may_not_be_given_is_never_given(
    models: dict[str, Model], asked: Histories, share: float
) -> None:
    rng = np.random.default_rng(1)
    allowed = rng.random((len(asked), NUM_ITEMS)) < share
    index = ExactIndex.build(models["graph"].state()["vectors"])
    for indexes in ({}, {"graph": index}):
        pipeline = Pipeline(models, blend=weighing(models, 1, 1, 1, 1), indexes=indexes)
        ranking = rank(pipeline, asked, 100, allowed=allowed)
        for row, items in enumerate(ranking.items):
            given = items[items >= 0]
            assert len(given) == len(set(given.tolist()))
            assert allowed[row, given].all()
            assert not np.isin(given, asked[row]).any()
            eligible = set(np.flatnonzero(allowed[row])) - {*asked[row]}
            assert len(given) == min(100, len(eligible))
            assert (np.diff(ranking.scores[row][: len(given)]) <= 0).all()
            assert (ranking.scores[row][len(given) :] == -np.inf).all()


def test_a_shortlist_reranked_is_the_ranking(models: dict[str, Model], asked: Histories) -> None:
    pipeline = Pipeline(models, blend=weighing(models, 0.2, 1.0, 1.0, 0.7))
    whole = rank(pipeline, asked, 40)
    kept = pipeline.shortlist(asked, 25)
    np.testing.assert_array_equal(pipeline.rerank(kept, 10).items, whole.items[:, :10])
    pipeline.blend = weighing(models, 1.0, 0.0, 0.0, 0.0)
    again = pipeline.rerank(kept[np.arange(3)], 25)
    assert (np.diff(again.scores, axis=1) <= 0).all()
    np.testing.assert_array_equal(np.sort(again.items), np.sort(whole.items[:3, :25]))
    np.testing.assert_allclose(again.shares.sum(axis=2), again.scores, rtol=1e-5)


def test_nothing_is_allowed(models: dict[str, Model], asked: Histories) -> None:
    index = ExactIndex.build(models["graph"].state()["vectors"])
    pipeline = Pipeline(models, indexes={"graph": index})
    ranking = rank(pipeline, asked, 5, allowed=np.zeros(NUM_ITEMS, bool))
    assert (ranking.items == -1).all()


def test_forced_candidates_are_exactly_those(models: dict[str, Model], asked: Histories) -> None:
    pipeline = Pipeline(models)
    rng = np.random.default_rng(2)
    forced = np.stack([rng.choice(NUM_ITEMS, 25, replace=False) for _ in asked])
    candidates, scores = pipeline.candidates(asked, forced=forced)
    for row in range(len(asked)):
        span = slice(candidates.indptr[row], candidates.indptr[row + 1])
        assert candidates.items[span].tolist() == sorted(set(forced[row]) - set(asked[row]))
    for column, model in enumerate(models.values()):
        expected = model.score(asked)[candidates.owners, candidates.items]
        np.testing.assert_allclose(scores[:, column], expected, rtol=1e-4, atol=1e-4)


def test_shares_add_up_to_the_score(models: dict[str, Model], asked: Histories) -> None:
    pipeline = Pipeline(models, blend=weighing(models, 0.3, 1.1, -0.2, 0.9))
    ranking = rank(pipeline, asked, 10)
    np.testing.assert_allclose(ranking.shares.sum(axis=2), ranking.scores, rtol=1e-4, atol=1e-5)


def test_a_view_and_a_role_lift_what_they_speak_of(
    models: dict[str, Model], asked: Histories
) -> None:
    parts = {**models, VIEWED: None, ROLE: None}
    blend = Blend(tuple(parts), np.array([[0.1, 1, 1, 0, 2.0, 2.0], [0.0] * 6]))
    pipeline = Pipeline(models, blend=blend, signals=(VIEWED, ROLE))
    one = asked.take(np.array([0]))
    plain = rank(pipeline, one, 10).items[0]
    lonely = int(np.setdiff1d(np.arange(NUM_ITEMS), [*plain, *one[0]])[-1])
    dense = np.zeros((1, NUM_ITEMS), np.float32)
    dense[0, lonely] = 1.0
    for name in (VIEWED, ROLE):
        found = rank(pipeline, one, 10, signals={name: dense})
        assert found.items[0, 0] == lonely
        assert found.shares[0, 0, pipeline.parts.index(name)] > 1
    assert lonely not in rank(pipeline, one, 10, signals={VIEWED: np.zeros_like(dense)}).items
    assert lonely not in rank(pipeline, one, 10, signals={"unheard of": dense}).items


def test_role_scores_are_the_share_of_needed_skills() -> None:
    roles = RoleScores(
        {"analyst": frozenset({"sql", "maths"}), "cook": frozenset({"fire"})},
        {"sql": ("a", "b"), "maths": ("b", "gone"), "knots": ("c",)},
        IdMap(["a", "b", "c"]),
    )
    scores = roles.of(["analyst", None, "cook", "unknown", ""])
    assert scores.tolist() == [[0.5, 1.0, 0.0], *[[0.0, 0.0, 0.0]] * 4]


def test_signals_are_named_only_where_they_say_something() -> None:
    views = Histories.from_lists([[], [2]])
    roles = RoleScores({"r": frozenset({"s"})}, {"s": ("a",)}, IdMap("abc"))
    both = LearnerSignals(3, views, roles, ["r", None])
    assert both.parts == (VIEWED, ROLE)
    assert both.dense()[VIEWED].tolist() == [[0, 0, 0], [0, 0, 1]]
    assert both.dense()[ROLE].tolist() == [[1, 0, 0], [0, 0, 0]]
    assert both.take(np.array([0])).parts == (ROLE,)
    assert both.take(np.array([1])).parts == (VIEWED,)
    assert LearnerSignals().parts == ()


def no_neural(name: str, *_: object) -> object:
    raise AssertionError(name)


def validation_of(dataset: Dataset) -> tuple[Dataset, Validation]:
    train = [row[:-1] for row in dataset.histories]
    targets = np.array([row[-1] for row in dataset.histories])
    histories = Histories.from_lists(train)
    return dataset.with_histories(histories), Validation(histories, targets)


SIMPLE = ("popularity", "itemknn", "ease", "sequence_rules")


def test_the_blend_earns_its_place(dataset: Dataset) -> None:
    train, validation = validation_of(dataset)
    fitted = fit_models(train, validation, fit_neural=no_neural, names=SIMPLE)  # type: ignore[arg-type]
    pipeline = compose(fitted.models, validation)
    validated = validate_pipeline(pipeline, validation)
    best = max(metrics["ndcg@10"] for metrics in fitted.validation.values())
    assert validated.metrics["ndcg@10"] > best - 2 * validated.standard_error
    assert validated.num_learners == len(dataset.histories)
    assert 0 < validated.standard_error < 0.05
    assert validate_pipeline(pipeline, validation) == validated


def test_validation_on_the_half_not_learned_from_is_no_better_than_chance() -> None:
    """Twenty parts of noise fit their own half; the cross-fitted figure does not show it."""
    rng = np.random.default_rng(5)
    noise = bare([rng.permutation(60)[:4] for _ in range(120)], 60)
    train, validation = validation_of(noise)
    popular = PopularityModel().fit(train)
    parts: dict[str, Model] = {"popularity": popular}
    for number in range(20):
        parts[f"noise {number}"] = RandomVectors(rng.normal(size=(60, 8)).astype(np.float32))
    pipeline = compose(parts, validation, with_indexes=False)
    found = validate_pipeline(pipeline, validation)
    chance = sum(1 / np.log2(rank + 2) for rank in range(10)) / 57
    assert found.metrics["ndcg@10"] == pytest.approx(chance, abs=4 * found.standard_error)


def test_with_nobody_to_learn_from_all_parts_have_a_say() -> None:
    alone = bare([[0], [1], [1], [2]], 4)
    models: dict[str, Model] = {"popularity": PopularityModel().fit(alone)}
    nobody = Validation(Histories.from_lists([]), np.zeros(0, np.int64))
    pipeline = compose(models, nobody)
    assert rank(pipeline, Histories.from_lists([[]]), 2).items[0, 0] == 1
    assert validate_pipeline(pipeline, nobody).metrics == {"recall@10": 0.0, "ndcg@10": 0.0}


def test_popularity_cannot_be_left_out(dataset: Dataset) -> None:
    _, validation = validation_of(dataset)
    with pytest.raises(TrainingError, match="popularity"):
        compose({"itemknn": ItemKNNModel().fit(dataset)}, validation)


def test_age_counts_where_order_does(dataset: Dataset) -> None:
    train, validation = validation_of(dataset)
    model = ItemKNNModel().fit(train)
    assert tune_recency({"itemknn": model}, validation)["itemknn"] > 0
    flags = np.zeros(len(train.histories), bool)
    anyhow = replace(validation, inputs=replace(validation.inputs, is_ordered=flags))
    assert tune_recency({"itemknn": model}, anyhow) == {"itemknn": 0.0}


def test_what_the_data_does_not_allow_is_left_out_with_the_reason() -> None:
    lone = unordered(bare([[0], [1], [1]], 3))
    nobody = Validation(Histories.from_lists([]), np.zeros(0, np.int64))
    fitted = fit_models(lone, nobody, fit_neural=no_neural)  # type: ignore[arg-type]
    assert set(fitted.models) == {"popularity", "itemknn", "ease"}
    assert set(fitted.skipped) == {
        *("graph_filter", "sequence_rules", "content", "graph", "sequence")
    }
    assert all(fitted.skipped.values())


def test_a_large_catalogue_is_filtered_where_ease_does_not_fit(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphrec.recommend.compose.EASEConfig", lambda: EASEConfig(max_items=5))
    train, validation = validation_of(dataset)
    names = ("popularity", "ease", "graph_filter")
    fitted = fit_models(train, validation, fit_neural=no_neural, names=names)  # type: ignore[arg-type]
    assert set(fitted.models) == {"popularity", "graph_filter"}
    model = fitted.models["graph_filter"]
    assert isinstance(model, GraphFilterModel)
    asked = validation.inputs, validation.targets
    best = ranking_metrics(model, *asked)["ndcg@10"]
    for config in GraphFilterConfig.tried(0):
        assert ranking_metrics(model.tuned(config), *asked)["ndcg@10"] <= best


def test_fitting_again_keeps_what_was_chosen(dataset: Dataset) -> None:
    train, validation = validation_of(dataset)
    fitted = fit_models(train, validation, fit_neural=no_neural, names=SIMPLE)  # type: ignore[arg-type]
    pipeline = compose(fitted.models, validation)
    ease = pipeline.models["ease"]
    assert isinstance(ease, EASEModel)
    ridge, recency = ease.ridge, ease.recency
    refit_simple(pipeline, dataset)
    assert (ease.ridge, ease.recency) == (ridge, recency)
    counts = np.bincount(dataset.histories.items, minlength=NUM_ITEMS)
    assert pipeline.models["popularity"].state()["counts"].tolist() == counts.tolist()


def test_a_bundle_holds_the_whole_pipeline(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="content is fitted with the extra 'train'")
    train, validation = validation_of(with_contents(walks(120, 60), 4))
    names = (*SIMPLE, "content")
    fitted = fit_models(train, validation, fit_neural=no_neural, names=names)  # type: ignore[arg-type]
    pipeline = compose(fitted.models, validation)
    trained = TrainedPipeline(pipeline, train.items, has_commitments=True)
    store = BundleStore(tmp_path)
    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    info |= {"metrics": {}, "models": list(pipeline.models)}
    bundle = store.publish(lambda writer: write_pipeline(writer, trained), info=info)
    assert not list(bundle.directory.rglob("*.pkl"))
    again = read_pipeline(store.load(bundle.id))
    assert list(again.items) == list(train.items)
    assert again.has_commitments
    assert again.pipeline.parts == pipeline.parts
    asked = train.histories.take(np.arange(20))
    np.testing.assert_array_equal(
        rank(again.pipeline, asked, 9).items, rank(pipeline, asked, 9).items
    )
    np.testing.assert_allclose(
        rank(again.pipeline, asked, 9).scores, rank(pipeline, asked, 9).scores, rtol=1e-5
    )
    X = train.histories.matrix(60).toarray()
    shared = again.num_shared(np.array([3, 8]), np.arange(60))
    expected = X.T[[3, 8]] @ X
    expected[[0, 1], [3, 8]] = 0
    assert shared.tolist() == expected.tolist()


def test_a_bundle_whose_parts_do_not_fit_is_damaged(tmp_path: Path) -> None:
    train = bare([[0, 1], [1, 2]], 3)
    pipeline = Pipeline({"popularity": PopularityModel().fit(train)})
    wrong = TrainedPipeline(pipeline, IdMap(["a", "b"]), has_commitments=True)
    store = BundleStore(tmp_path)
    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    info |= {"metrics": {}, "models": ["popularity"]}
    bundle = store.publish(lambda writer: write_pipeline(writer, wrong), info=info)
    with pytest.raises(BundleDamagedError, match="2 ids for 3 items"):
        read_pipeline(bundle)


def test_top_positions_is_sorting() -> None:
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 300):
        scores = rng.integers(0, 40, size).astype(np.float32)  # many ties
        for k in (1, 3, 10, 500):
            expected = np.argsort(-scores, kind="stable")[:k]
            assert top_positions(scores, k).tolist() == expected.tolist()

"""Exploration: which places, which courses, and that the compact ranking is the models' own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import with_contents

from graphrec.bundle import BundleStore, BundleWriter
from graphrec.dataset import Dataset, Histories
from graphrec.errors import BundleDamagedError
from graphrec.ids import IdMap
from graphrec.models.base import Model
from graphrec.models.cold_items import with_cold_items
from graphrec.models.content import ContentModel
from graphrec.models.ease import EASEModel
from graphrec.models.graph import NUM_AGES, GraphModel
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.recommend.compose import Validation, compose, refit_simple
from graphrec.recommend.explorer import Explorer, read_explorer, write_explorer
from graphrec.recommend.explorer_fit import (
    Exploration,
    explored_lists,
    fit_explorer,
    learn_exploration,
    with_untaken,
)
from graphrec.recommend.pipeline import Pipeline
from graphrec.recommend.slots import explore, num_slots

NUM_ITEMS, NUM_TOPICS = 120, 4
UNTAKEN = np.arange(100, NUM_ITEMS)


class TestPlaces:
    """Where a list explores."""

    def test_the_last_of_every_ten(self) -> None:
        found = explore(range(30), [99, 98, 97, -1], {97, 98, 99}, 0.1)
        assert found.items == [*range(9), 99, *range(9, 18), 98, *range(18, 27), 97]
        assert found.explored == [9, 19, 29]
        assert found.places == sorted(found.places)

    def test_a_shorter_list_is_the_beginning_of_a_longer_one(self) -> None:
        rng = np.random.default_rng(0)
        for share in (0.0, 0.1, 0.25, 0.3, 0.5):
            best = rng.permutation(60).tolist()
            fresh = rng.permutation(60)[:30].tolist()
            lists = [explore(best[:k], fresh, set(fresh), share).items for k in range(61)]
            for k, one in enumerate(lists):
                assert len(one) == len(set(one)) == k
                assert one == lists[60][:k]
                wanted = min(num_slots(k, share), len(fresh))
                assert sum(item in fresh for item in one) >= wanted

    def test_what_is_fresh_anyhow_counts(self) -> None:
        assert explore([1, 2, 99, 4], [98], {98, 99}, 0.25).items == [1, 2, 99, 4]
        assert explore([1, 2, 3, 99], [99], {99}, 0.5).items == [1, 99, 2, 3]

    def test_nothing_fresh_changes_nothing(self) -> None:
        for fresh, share in (([], 0.5), ([-1, -1], 0.5), ([9], 0.0)):
            found = explore([3, 1, 2], fresh, {9}, share)
            assert (found.items, found.explored) == ([3, 1, 2], [])


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Learners keep to two of four topics; the last courses of each topic nobody took."""
    rng = np.random.default_rng(0)
    topics = np.arange(NUM_ITEMS) % NUM_TOPICS
    rows = []
    for _ in range(300):
        liked = rng.choice(NUM_TOPICS, 2, replace=False)
        pool = np.flatnonzero(np.isin(topics[:100], liked))
        rows.append(rng.choice(pool, 8, replace=False))
    ids = IdMap(f"i{i}" for i in range(NUM_ITEMS)), IdMap(f"u{i}" for i in range(300))
    bare = Dataset(ids[1], ids[0], Histories.from_lists(rows))
    return replace(with_contents(bare, NUM_TOPICS), texts=[])


def content_model(data: Dataset) -> ContentModel:
    vectors = np.eye(NUM_TOPICS, dtype=np.float32)[np.arange(data.num_items) % NUM_TOPICS]
    return ContentModel(vectors + np.float32(0.01))


def graph_model() -> GraphModel:
    rng = np.random.default_rng(1)
    vectors, context = rng.normal(size=(2, NUM_ITEMS, 8)).astype(np.float32)
    return GraphModel(vectors, context, np.ones(NUM_AGES + 1, np.float32))


@pytest.fixture(scope="module")
def composed(data: Dataset) -> tuple[Pipeline, Validation]:
    held = np.array([row[-1] for row in data.histories])
    train = data.with_histories(Histories.from_lists([row[:-1] for row in data.histories]))
    models: dict[str, Model] = {m.name: m().fit(train) for m in (PopularityModel, ItemKNNModel)}
    models |= {"ease": EASEModel().fit(train), "graph": graph_model()}
    models["content"] = content_model(data)
    validation = Validation(train.histories, held)
    return compose(with_untaken(models, train), validation, with_indexes=False), validation


@pytest.fixture(scope="module")
def explorer(data: Dataset, composed: tuple[Pipeline, Validation]) -> Explorer:
    pipeline, validation = composed
    train = data.with_histories(validation.inputs)
    found = fit_explorer(pipeline, data, learn_exploration(pipeline, train, validation))
    assert found is not None
    return found


def ranked(explorer: Explorer, pipeline: Pipeline, asked: Histories, size: int) -> np.ndarray:
    vectors = {n: pipeline.models[n].encode(asked) for n in ("graph", "content")}  # type: ignore[attr-defined]
    allowed = np.ones((len(asked), NUM_ITEMS), bool)
    return explorer.rank(asked, size, allowed=allowed, signals={}, vectors=vectors)


def test_courses_of_the_learners_own_topics_are_explored(
    data: Dataset, explorer: Explorer, composed: tuple[Pipeline, Validation]
) -> None:
    assert explorer.items.tolist() == UNTAKEN.tolist()
    best = ranked(explorer, composed[0], data.histories, 3)
    own = [set((row % NUM_TOPICS).tolist()) for row in data.histories]
    hits = [item % NUM_TOPICS in own[n] for n, row in enumerate(best) for item in row]
    assert np.mean(hits) > 0.9
    assert (best >= 0).all()


def test_one_is_ranked_as_among_many(
    data: Dataset, explorer: Explorer, composed: tuple[Pipeline, Validation]
) -> None:
    some = data.histories.take(np.arange(30))
    together = ranked(explorer, composed[0], some, 6)
    for row in range(30):
        alone = ranked(explorer, composed[0], some.take(np.array([row])), 20)
        np.testing.assert_array_equal(alone[0, :6], together[row])


@pytest.mark.parametrize("name", ["itemknn", "ease", "graph"])
def test_a_map_says_what_the_placed_model_says(
    data: Dataset, explorer: Explorer, composed: tuple[Pipeline, Validation], name: str
) -> None:
    """But for a constant of the learner, which no ranking sees."""
    pipeline, asked = composed[0], data.histories.take(np.arange(20))
    content = content_model(data).item_vectors()
    takers = np.bincount(data.histories.items, minlength=NUM_ITEMS)
    placed = with_cold_items(pipeline.models[name], content, takers >= 5)
    expected = placed.score(asked)[:, explorer.items]
    vectors = {n: pipeline.models[n].encode(asked) for n in ("graph", "content")}  # type: ignore[attr-defined]
    found = explorer._scores(asked, {}, vectors)[:, explorer.blend.parts.index(name)]
    apart = found - expected
    np.testing.assert_allclose(apart - apart.mean(axis=1, keepdims=True), 0, atol=2e-4)


def test_what_may_not_be_given_is_not_explored(
    data: Dataset, explorer: Explorer, composed: tuple[Pipeline, Validation]
) -> None:
    pipeline = composed[0]
    asked = Histories.from_lists([[0, 105], []])
    allowed = np.zeros((2, NUM_ITEMS), bool)
    allowed[:, [104, 105, 3]] = True
    vectors = {n: pipeline.models[n].encode(asked) for n in ("graph", "content")}  # type: ignore[attr-defined]
    best = explorer.rank(asked, 3, allowed=allowed, signals={}, vectors=vectors)
    assert best[0].tolist() == [104, -1, -1]  # 105 was taken since
    assert sorted(best[1].tolist()) == [-1, 104, 105]


def test_a_bundle_keeps_the_explorer(
    tmp_path: Path, explorer: Explorer, data: Dataset, composed: tuple[Pipeline, Validation]
) -> None:
    store = BundleStore(tmp_path)
    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    info |= {"metrics": {}, "models": []}
    bundle = store.publish(lambda writer: write_explorer(writer, explorer), info=info)
    again = read_explorer(store.load(bundle.id))
    assert again is not None
    asked = data.histories.take(np.arange(9))
    np.testing.assert_array_equal(
        ranked(again, composed[0], asked, 4), ranked(explorer, composed[0], asked, 4)
    )

    def write_nothing(writer: BundleWriter) -> None:
        write_explorer(writer, None)
        writer.json("other", {})

    assert read_explorer(store.publish(write_nothing, info=info)) is None

    def write_half(writer: BundleWriter) -> None:
        writer.json("exploration", {"recencies": {}})
        writer.arrays("exploration", {"items": explorer.items})

    with pytest.raises(BundleDamagedError, match="exploration"):
        read_explorer(store.publish(write_half, info=info))


def test_what_exploring_costs_is_measured(
    data: Dataset, explorer: Explorer, composed: tuple[Pipeline, Validation]
) -> None:
    pipeline, validation = composed
    train = data.with_histories(validation.inputs)
    told: list[str] = []
    found = Exploration.learn(pipeline, train, validation, report=told.append)
    assert found.cost is not None
    assert 0 < found.cost.after <= found.cost.before
    assert found.figures()["ndcg@10"] <= found.figures()["ndcg@10_without"]
    assert "10% of the places" in told[0]
    plain, explored = explored_lists(pipeline, explorer, validation, 10)
    is_untaken = np.isin(explored, UNTAKEN)
    assert (is_untaken.sum(axis=1) >= 1).all()
    changed = (plain != explored).sum(axis=1)
    assert ((changed == 0) | (changed == 1)).all()  # the tenth place alone


def test_nothing_is_explored_where_there_is_nothing_to_go_by(
    data: Dataset, composed: tuple[Pipeline, Validation]
) -> None:
    pipeline, validation = composed
    few = data.with_histories(data.histories.take(np.arange(5)))
    without = Pipeline({n: m for n, m in pipeline.models.items() if n != "content"})
    assert Exploration.learn(without, data, validation) == Exploration()
    assert Exploration().publish(without, data) is None
    assert fit_explorer(pipeline, few, pipeline.blend) is None  # nothing is warm
    assert Exploration().figures() == {}


def test_publishing_places_untaken_courses_and_keeps_counts(
    data: Dataset, composed: tuple[Pipeline, Validation]
) -> None:
    pipeline, validation = composed
    train = data.with_histories(validation.inputs)
    again = Pipeline(dict(pipeline.models), blend=pipeline.blend)
    told = Exploration.learn(again, train, validation)
    ridge = again.models["ease"].ridge  # type: ignore[attr-defined]
    refit_simple(again, data)
    assert again.models["itemknn"].score(data.histories)[:, UNTAKEN].max() == 0
    assert told.publish(again, data) is not None
    assert again.models["itemknn"].score(data.histories)[:, UNTAKEN].max() > 0
    assert again.models["ease"].ridge == ridge is not None  # type: ignore[attr-defined]
    assert (again.popularity[UNTAKEN] == 0).all()

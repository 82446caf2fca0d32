"""The simple models against dense references of their papers, and one suite for every model."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from planted import bare, checkerboard, missing, unordered, walks, with_contents
from safetensors.numpy import load_file, save_file

from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.ids import IdMap
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.content import ContentConfig, ContentModel
from graphrec.models.ease import EASEConfig, EASEModel
from graphrec.models.fitting import fit_neural, hold_out_newest
from graphrec.models.graph import GraphConfig
from graphrec.models.graph_filter import GraphFilterConfig, GraphFilterModel
from graphrec.models.itemitem import ItemItemModel, keep_top
from graphrec.models.itemknn import ItemKNNConfig, ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.registry import MODEL_NAMES, NEURAL, model_class
from graphrec.models.sequence import SequenceConfig
from graphrec.models.sequence_rules import SequenceRulesConfig, SequenceRulesModel


def dense(dataset: Dataset) -> np.ndarray:
    """Binary learner-item matrix, float64, built cell by cell."""
    X = np.zeros((len(dataset.histories), dataset.num_items))
    for learner, items in enumerate(dataset.histories):
        for item in items:
            X[learner, item] = 1.0
    return X


def asked() -> Histories:
    """Histories of several lengths, empty and unordered ones among them."""
    rows = [[0], [3, 1], [2, 5, 8, 11], [], [7, 4, 6]]
    histories = Histories.from_lists(rows)
    flags = np.array([True, True, True, True, False])
    return Histories(histories.indptr, histories.items, None, flags)


class ModelSuite:
    """What every model of the registry must hold; a subclass names its model."""

    name: ClassVar[str]

    @pytest.fixture(scope="class")
    def dataset(self) -> Dataset:
        return with_contents(walks(150, 30), 3)

    @pytest.fixture(scope="class")
    def model(self, dataset: Dataset) -> Model:
        return model_class(self.name)().fit(dataset)

    def test_scores_are_finite_for_all_items_and_any_history(self, model: Model) -> None:
        scores = model.score(asked())
        assert scores.dtype == np.float32
        assert scores.shape == (5, 30)
        assert np.isfinite(scores).all()
        assert model.score(asked().take(np.zeros(0, np.int64))).shape == (0, 30)

    def test_a_learner_is_scored_alike_alone_and_among_others(self, model: Model) -> None:
        together = model.score(asked())
        for row in range(5):
            alone = model.score(asked().take(np.array([row])))[0]
            np.testing.assert_allclose(alone, together[row], rtol=1e-4, atol=1e-5)

    def test_state_survives_safetensors(self, model: Model, tmp_path: Path) -> None:
        state = {key: np.ascontiguousarray(value) for key, value in model.state().items()}
        assert all(value.dtype != object for value in state.values())
        save_file(state, tmp_path / "model.safetensors")
        again = type(model).from_state(load_file(tmp_path / "model.safetensors"))
        np.testing.assert_array_equal(again.score(asked()), model.score(asked()))
        assert {k: v.tolist() for k, v in again.state().items()} == {
            k: v.tolist() for k, v in state.items()
        }

    def test_fitting_leaves_the_data_as_it_was(self, model: Model, dataset: Dataset) -> None:
        fresh = with_contents(walks(150, 30), 3)
        np.testing.assert_array_equal(dataset.histories.items, fresh.histories.items)
        np.testing.assert_array_equal(dataset.histories.indptr, fresh.histories.indptr)

    def test_vectors_and_scores_say_the_same(self, model: Model) -> None:
        if isinstance(model, EmbeddingModel):
            products = model.encode(asked()) @ model.item_vectors().T
            np.testing.assert_allclose(model.score(asked()), products, rtol=1e-5, atol=1e-6)
            assert model.item_vectors().dtype == np.float32


class SimpleModelSuite(ModelSuite):
    """What the closed-form models hold besides."""

    def test_fitting_twice_gives_the_same(self, model: Model, dataset: Dataset) -> None:
        again = model_class(self.name)().fit(dataset)
        np.testing.assert_array_equal(again.score(asked()), model.score(asked()))

    def test_one_learner_with_one_item_is_enough(self) -> None:
        model = model_class(self.name)().fit(with_contents(bare([[0]], 2)))
        assert np.isfinite(model.score(Histories.from_lists([[0], [1], []]))).all()

    def test_nobody_took_anything(self) -> None:
        model = model_class(self.name)().fit(with_contents(bare([[], []], 3)))
        assert np.isfinite(model.score(Histories.from_lists([[], [1]]))).all()

    def test_the_order_of_an_unordered_history_is_nothing(self, model: Model) -> None:
        given, turned = (unordered(bare([row], 30)).histories for row in ([2, 5, 8], [8, 2, 5]))
        np.testing.assert_allclose(model.score(given), model.score(turned), rtol=1e-5, atol=1e-6)


class Collaborative(SimpleModelSuite):
    """Models that must find the one right answer of the checkerboard."""

    def test_finds_the_missing_square(self) -> None:
        board = checkerboard()
        scores = model_class(self.name)().fit(board).score(board.histories)
        scores[board.histories.owners(), board.histories.items] = -np.inf
        assert scores.argmax(axis=1).tolist() == [missing(u, 20) for u in range(20)]


class TestPopularity(SimpleModelSuite):
    name = "popularity"

    def test_counts_learners(self, dataset: Dataset) -> None:
        scores = PopularityModel().fit(dataset).score(asked())
        np.testing.assert_array_equal(scores[1], dense(dataset).sum(axis=0))


class TestItemKNN(Collaborative):
    name = "itemknn"

    @pytest.mark.parametrize("shrinkage", [0.0, 5.0])
    def test_is_the_cosine(self, dataset: Dataset, shrinkage: float) -> None:
        X = dense(dataset)
        expected = np.zeros((30, 30))
        for i in range(30):
            for j in range(30):
                both = float((X[:, i] * X[:, j]).sum())
                norm = np.sqrt(X[:, i].sum() * X[:, j].sum()) + shrinkage
                expected[i, j] = both / norm if i != j and norm else 0.0
        config = ItemKNNConfig(shrinkage=shrinkage)
        model = ItemKNNModel().fit(dataset, config)
        np.testing.assert_allclose(model.matrix.toarray(), expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(model.score(asked())[1], expected[[3, 1]].sum(0), rtol=1e-5)
        some, all_items = np.array([4, 7]), np.arange(30)
        np.testing.assert_allclose(model.entries(some, all_items), expected[some], rtol=1e-5)

    def test_keeps_the_nearest(self, dataset: Dataset) -> None:
        full = ItemKNNModel().fit(dataset).matrix.toarray()
        few = ItemKNNModel().fit(dataset, ItemKNNConfig(num_neighbours=3)).matrix.toarray()
        for row in range(30):
            kept = few[row][few[row] > 0]
            np.testing.assert_allclose(np.sort(kept)[::-1], np.sort(full[row])[::-1][: len(kept)])
            assert len(kept) == min(3, np.count_nonzero(full[row]))


class TestEASE(Collaborative):
    name = "ease"

    def test_is_equation_8(self, dataset: Dataset) -> None:
        X, ridge = dense(dataset), 7.0
        P = np.linalg.inv(X.T @ X + ridge * np.eye(30))
        expected = np.eye(30) - P @ np.diag(1.0 / np.diag(P))
        np.testing.assert_allclose(np.diag(expected), 0, atol=1e-9)
        model = EASEModel().fit(dataset, EASEConfig(regularisation=ridge))
        B = model.matrix.toarray()
        np.testing.assert_allclose(B, expected, atol=2e-5)
        assert np.abs(np.diag(B)).max() == 0.0
        np.testing.assert_allclose(model.score(dataset.histories), X @ expected, atol=2e-4)

    def test_minimises_the_paper_s_objective_off_the_diagonal(self, dataset: Dataset) -> None:
        X = dense(dataset)
        B = EASEModel().fit(dataset, EASEConfig(regularisation=7.0)).matrix.toarray()
        gradient = X.T @ (X @ B - X) + 7.0 * B
        np.fill_diagonal(gradient, 0.0)  # held at zero by the constraint
        assert np.abs(gradient).max() < 1e-3

    def test_the_default_ridge_is_one_more_than_the_mean_degree(self, dataset: Dataset) -> None:
        degrees = dense(dataset).sum(axis=0)
        ridge = EASEModel().fit(dataset).ridge
        assert ridge == pytest.approx(1 + degrees[degrees > 0].mean())

    def test_keeps_the_largest_weights(self, dataset: Dataset) -> None:
        full = EASEModel().fit(dataset).matrix.toarray()
        few = EASEModel().fit(dataset, EASEConfig(num_kept=5)).matrix.toarray()
        for row in range(30):
            kept = np.flatnonzero(few[row])
            best = np.argsort(-np.abs(full[row]), kind="stable")[:5]
            np.testing.assert_allclose(np.abs(few[row][kept]).min(), np.abs(full[row][best]).min())

    def test_refuses_what_does_not_fit_in_memory(self, dataset: Dataset) -> None:
        with pytest.raises(TrainingError, match="more than 10"):
            EASEModel().fit(dataset, EASEConfig(max_items=10))


class TestGraphFilter(Collaborative):
    name = "graph_filter"

    @pytest.mark.parametrize(("low_pass", "time"), [(0.3, 0.0), (0.5, 1.5)])
    def test_is_the_filter_sharpened(self, dataset: Dataset, low_pass: float, time: float) -> None:
        X = dense(dataset)
        root = np.sqrt(np.maximum(X.sum(axis=0), 1))
        A = X / np.sqrt(np.maximum(X.sum(axis=1, keepdims=True), 1)) / root
        values, vectors = np.linalg.eigh(A.T @ A)
        V, L = vectors[:, -20:], values[-20:]
        blurred = X @ A.T @ A + low_pass * (X / root @ V @ V.T) * root
        expected = blurred + blurred @ V @ np.diag(np.exp(-time * L) - 1) @ V.T
        config = GraphFilterConfig(low_pass=low_pass, sharpening=time, rank=20)
        for model in (
            GraphFilterModel().fit(dataset, config),
            GraphFilterModel().fit(dataset, GraphFilterConfig(rank=20)).tuned(config),
        ):
            np.testing.assert_allclose(model.score(dataset.histories), expected, atol=1e-3)

    def test_fits_again_as_it_was_tuned(self, dataset: Dataset) -> None:
        config = GraphFilterConfig(low_pass=0.2, rank=5)
        model = GraphFilterModel.from_state(GraphFilterModel().fit(dataset, config).state())
        assert model.fit(walks(50, 30)).config == config


class TestSequenceRules(SimpleModelSuite):
    name = "sequence_rules"

    def test_is_the_paper_s_weight(self, dataset: Dataset) -> None:
        max_gap = 3
        expected, support = np.zeros((30, 30)), np.zeros(30)
        for items in dataset.histories:
            for place, item in enumerate(items):
                support[item] += place < len(items) - 1
                for gap in range(1, max_gap + 1):
                    if place + gap < len(items):
                        expected[item, items[place + gap]] += 1.0 / gap
        expected /= np.maximum(support, 1)[:, None]
        model = SequenceRulesModel().fit(dataset, SequenceRulesConfig(max_gap=max_gap))
        np.testing.assert_allclose(model.matrix.toarray(), expected, rtol=1e-5, atol=1e-7)

    def test_the_newest_item_votes_most(self) -> None:
        model = SequenceRulesModel().fit(bare([[0, 1], [2, 3]], 5))
        scores = model.score(Histories.from_lists([[0, 2], [2, 0]]))
        np.testing.assert_allclose(scores[0, [1, 3]], [0.5, 1.0])  # (1 + age) ** -1
        np.testing.assert_allclose(scores[1, [1, 3]], [1.0, 0.5])

    def test_learns_nothing_from_unordered_histories(self) -> None:
        mixed = bare([[0, 1], [2, 3]], 4)
        flags = np.array([True, False])
        histories = Histories(mixed.histories.indptr, mixed.histories.items, None, flags)
        model = SequenceRulesModel().fit(mixed.with_histories(histories))
        assert np.argwhere(model.matrix.toarray()).tolist() == [[0, 1]]

    def test_finds_what_comes_next(self) -> None:
        rows = [[(start + step) % 12 for step in range(5)] for start in range(12)]
        scores = SequenceRulesModel().fit(bare(rows, 12)).score(Histories.from_lists(rows))
        scores[np.arange(12)[:, None], rows] = -np.inf
        assert scores.argmax(axis=1).tolist() == [(start + 5) % 12 for start in range(12)]


class TestContent(SimpleModelSuite):
    name = "content"

    @pytest.fixture(scope="class", autouse=True)
    def needs_sklearn(self) -> None:
        pytest.importorskip("sklearn", reason="content is fitted with the extra 'train'")

    def test_a_learner_is_the_unit_recency_weighted_mean(self, dataset: Dataset) -> None:
        model = ContentModel().fit(dataset, ContentConfig(recency=0.7))
        V = model.item_vectors().astype(np.float64)
        history = [2, 5, 8, 11]
        ages = np.arange(len(history))[::-1]
        mean = ((1.0 + ages) ** -0.7) @ V[history]
        expected = mean / np.linalg.norm(mean)
        encoded = model.encode(Histories.from_lists([history]))[0]
        np.testing.assert_allclose(encoded, expected, atol=1e-5)
        plain = V[history].sum(axis=0)
        given = model.encode(unordered(bare([history], 30)).histories)[0]
        np.testing.assert_allclose(given, plain / np.linalg.norm(plain), atol=1e-5)

    def test_items_are_unit_vectors_and_like_their_topic(self, dataset: Dataset) -> None:
        model = ContentModel().fit(dataset)
        np.testing.assert_allclose(np.linalg.norm(model.item_vectors(), axis=1), 1, atol=1e-5)
        alike = model.item_vectors() @ model.item_vectors().T
        topics = np.arange(30) % 3
        same = topics[:, None] == topics[None, :]
        assert alike[same].min() > alike[~same].max()

    def test_reaches_items_nobody_took(self) -> None:
        model = ContentModel().fit(with_contents(bare([[0]], 12)))
        scores = model.score(Histories.from_lists([[0]]))[0]
        assert scores[2::2].min() > scores[1::2].max()

    def test_needs_texts_or_skills(self) -> None:
        with pytest.raises(TrainingError, match="neither"):
            ContentModel().fit(bare([[0, 1]], 2))

    @pytest.mark.parametrize("left_out", ["texts", "skills"])
    def test_one_of_the_two_is_enough(self, dataset: Dataset, left_out: str) -> None:
        full = with_contents(walks(20, 30), 3)
        some = (
            Dataset(full.learners, full.items, full.histories, full.skills, full.item_skill)
            if left_out == "texts"
            else Dataset(full.learners, full.items, full.histories, texts=full.texts)
        )
        scores = ContentModel().fit(some).score(Histories.from_lists([[0]]))[0]
        assert scores[3::3].min() > scores[1::3].max()

    def test_an_item_without_text_or_skill_scores_zero(self) -> None:
        silent = Dataset(
            IdMap(["u"]), IdMap("abc"), Histories.from_lists([[0]]), texts=["one", "one two", ""]
        )
        scores = ContentModel().fit(silent).score(Histories.from_lists([[0], [2]]))
        assert scores[0, 2] == 0.0
        assert not scores[1].any()


class NeuralSuite(ModelSuite):
    """Trained in two short epochs: what it learns is tested elsewhere."""

    @pytest.fixture(scope="class", autouse=True)
    def needs_torch(self) -> None:
        pytest.importorskip("torch", reason="trained with the extra 'train'")

    @pytest.fixture(scope="class")
    def model(self, dataset: Dataset) -> Model:
        train, validation = hold_out_newest(dataset)
        config = {
            "graph": GraphConfig(embedding_dim=8, batch_size=64, max_epochs=2),
            "sequence": SequenceConfig(embedding_dim=8, num_blocks=1, max_len=8, max_epochs=2),
        }[self.name]
        return fit_neural(self.name, train, validation, config).model

    def test_knows_nothing_of_an_empty_history(self, model: Model) -> None:
        assert np.ptp(model.score(Histories.from_lists([[]]))) == 0.0


class TestGraph(NeuralSuite):
    name = "graph"


class TestSequence(NeuralSuite):
    name = "sequence"


def test_every_model_of_the_registry_has_its_suite() -> None:
    families = (SimpleModelSuite, Collaborative, NeuralSuite)
    suites = {suite for family in families for suite in family.__subclasses__()}
    tested = {suite.name for suite in suites if "name" in vars(suite)}
    assert tested == set(MODEL_NAMES)
    assert set(NEURAL) < tested


@pytest.mark.parametrize("model_type", [ItemKNNModel, EASEModel, SequenceRulesModel])
def test_a_catalogue_too_large_for_a_dense_matrix(
    model_type: type[ItemItemModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_type().fit(walks(150, 30))
    monkeypatch.setattr("graphrec.models.itemitem.DENSE_ITEMS", 29)
    large = model_type.from_state(model.state())
    np.testing.assert_allclose(large.score(asked()), model.score(asked()), rtol=1e-5, atol=1e-6)
    pair = np.array([3, 5]), np.arange(9)
    np.testing.assert_allclose(large.entries(*pair), model.entries(*pair))


def test_keep_top_goes_by_magnitude() -> None:
    import scipy.sparse as sp

    matrix = sp.csr_array(np.array([[0.5, -3.0, 1.0], [0.0, 0.1, 0.0]], np.float32))
    expected = [[0.0, -3.0, 1.0], [0.0, pytest.approx(0.1), 0.0]]
    assert keep_top(matrix, 2).toarray().tolist() == expected

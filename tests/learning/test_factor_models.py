"""Implicit ALS and BPR: their papers' equations, histories folded in, life without ``implicit``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import bare, walks
from test_simple_models import Collaborative, dense

from graphrec.dataset import Dataset, Histories
from graphrec.errors import MissingExtraError
from graphrec.evaluate.protocols import evaluate, split
from graphrec.features.signals import NO_SIGNALS
from graphrec.models import factors
from graphrec.models.als import ALSConfig, ALSModel
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.bpr import BPRConfig, BPRModel
from graphrec.models.factors import train_bpr
from graphrec.models.ranking import ranking_metrics
from graphrec.models.registry import BASELINES, MODEL_NAMES, ROW_NAMES, model_class

pytest.importorskip("implicit", reason="als and bpr are fitted with the extra 'train'")


def random_histories(num: int, num_items: int, seed: int = 0, max_len: int = 60) -> Dataset:
    """Histories of 1 to ``max_len`` items, some taken more than others."""
    rng = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, num_items + 1) ** 0.7
    lengths = rng.integers(1, max_len + 1, num)
    rows = [rng.choice(num_items, n, replace=False, p=shares / shares.sum()) for n in lengths]
    return bare(rows, num_items)


class FactorSuite(Collaborative):
    """What both hold besides."""

    def test_another_seed_gives_other_factors(self, dataset: Dataset) -> None:
        config = {"als": ALSConfig, "bpr": BPRConfig}[self.name]
        first, second = (
            model_class(self.name)().fit(dataset, config(seed=seed))  # type: ignore[call-arg]
            for seed in (1, 2)
        )
        assert np.abs(_items(first) - _items(second)).max() > 1e-3

    def test_an_item_counts_once(self, model: Model) -> None:
        once, twice = (model.score(Histories.from_lists([row])) for row in ([3, 4], [3, 4, 3]))
        np.testing.assert_array_equal(once, twice)

    def test_predicts_better_than_popularity(self) -> None:
        dataset = walks(300)
        inputs = Histories.from_lists([row[:-1] for row in dataset.histories])
        targets = np.array([row[-1] for row in dataset.histories])
        train = dataset.with_histories(inputs)
        found, popular = (
            ranking_metrics(model_class(name)().fit(train), inputs, targets)["recall@10"]
            for name in (self.name, "popularity")
        )
        assert found > 2 * popular

    def test_is_kept_out_of_the_pipeline(self, dataset: Dataset) -> None:
        task = split(dataset, None, "loo-full", 0, NO_SIGNALS)
        names = (self.name, "ease", "pipeline")
        found = evaluate(task, "loo-full", fit_neural=_no_neural, names=names)
        assert {self.name, "ease", "pipeline"} == set(found.results)
        assert set(found.weights) == {"popularity", "ease"}
        assert self.name in found.fitted.validation

    def test_without_implicit_it_is_skipped_with_the_remedy(
        self, dataset: Dataset, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        state, expected = model.state(), model.score(dataset.histories)
        for name in [n for n in sys.modules if n.partition(".")[0] == "implicit"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "implicit", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'graphrec\[train\]'"):
            model_class(self.name)().fit(dataset)
        task = split(dataset, None, "loo-full", 0, NO_SIGNALS)
        names = (self.name, "popularity")
        found = evaluate(task, "loo-full", fit_neural=_no_neural, names=names)
        assert set(found.results) == {"popularity"}
        assert "'implicit' is not installed" in found.fitted.skipped[self.name]
        again = model_class(self.name).from_state(state)
        np.testing.assert_array_equal(again.score(dataset.histories), expected)


def _items(model: Model) -> np.ndarray:
    assert isinstance(model, EmbeddingModel)
    return model.item_vectors()


def _no_neural(name: str, *_: Any) -> Any:
    raise AssertionError(f"{name} was to be left out")


class TestALS(FactorSuite):
    name = "als"

    def test_a_history_is_folded_in_by_equation_4(self) -> None:
        dataset = random_histories(80, 50, max_len=40)
        config = ALSConfig(factors=8, alpha=3.0, regularisation=0.7)
        model = ALSModel().fit(dataset, config)
        Y = model.item_vectors().astype(np.float64)
        for items, found in zip(dataset.histories, model.encode(dataset.histories), strict=True):
            confidence = np.ones(50)
            confidence[items] += 3.0
            taken = np.zeros(50)
            taken[items] = 1.0
            A = Y.T @ np.diag(confidence) @ Y + 0.7 * np.eye(8)
            expected = np.linalg.solve(A, Y.T @ (confidence * taken))
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)

    def test_the_size_of_a_batch_changes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dataset = random_histories(90, 80)
        model = ALSModel().fit(dataset, ALSConfig(factors=8))
        whole = model.encode(dataset.histories)
        monkeypatch.setattr(factors, "_MAX_PADDED", 1_000)
        np.testing.assert_allclose(model.encode(dataset.histories), whole, rtol=1e-6, atol=1e-7)

    def test_nothing_is_known_of_an_empty_history(self, model: Model) -> None:
        assert not model.score(Histories.from_lists([[]])).any()

    def test_comes_near_the_optimum_of_the_paper_s_objective(self) -> None:
        """A dense ALS with exact steps, from other first factors, gets no lower."""
        dataset = random_histories(200, 40, max_len=12)
        P = dense(dataset)
        C = 1.0 + 5.0 * P
        model = ALSModel().fit(dataset, ALSConfig(factors=6, alpha=5.0, regularisation=2.0))
        X, Y = np.zeros((200, 6)), np.random.default_rng(7).random((40, 6)) * 0.01
        for _ in range(15):
            for fixed, solved, weights, wanted in ((Y, X, C, P), (X, Y, C.T, P.T)):
                for row in range(len(solved)):
                    A = fixed.T @ (weights[row][:, None] * fixed) + 2.0 * np.eye(6)
                    solved[row] = np.linalg.solve(A, fixed.T @ (weights[row] * wanted[row]))
        folded = model.encode(dataset.histories)
        ours = _objective(C, P, folded, model.item_vectors(), 2.0)
        theirs = _objective(C, P, X, Y, 2.0)
        assert ours == pytest.approx(theirs, rel=0.01)
        assert theirs < 0.8 * _objective(C, P, 0 * X, 0 * Y, 2.0)


def _objective(C: np.ndarray, P: np.ndarray, X: np.ndarray, Y: np.ndarray, ridge: float) -> float:
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    return float((C * (P - X @ Y.T) ** 2).sum() + ridge * ((X**2).sum() + (Y**2).sum()))


class TestBPR(FactorSuite):
    name = "bpr"

    def test_the_bias_is_the_last_dimension(self, model: Model) -> None:
        assert isinstance(model, BPRModel)
        histories = Histories.from_lists([[1, 2], [7]])
        vectors, items = model.encode(histories), model.item_vectors()
        np.testing.assert_array_equal(vectors[:, -1], 1.0)
        expected = vectors[:, :-1] @ items[:, :-1].T + items[:, -1]
        np.testing.assert_allclose(model.score(histories), expected, rtol=1e-5, atol=1e-6)

    def test_training_learners_are_folded_in_near_their_own_vectors(self) -> None:
        dataset = walks(300)
        matrix = dataset.histories.matrix(dataset.num_items)
        own, items = train_bpr(
            matrix,
            factors=BPRConfig().factors,
            iterations=BPRConfig().passes(matrix.nnz),
            learning_rate=BPRConfig().learning_rate,
            regularization=BPRConfig().regularisation,
            random_state=0,
        )
        model = BPRModel().fit(dataset)
        np.testing.assert_array_equal(model.item_vectors(), items)  # the same training
        folded = model.encode(dataset.histories)[:, :-1]
        left = ((folded - own[:, :-1]) ** 2).sum()
        assert left < 0.2 * ((own[:, :-1] - own[:, :-1].mean(axis=0)) ** 2).sum()

    def test_ranks_what_was_taken_above_what_was_not(self) -> None:
        dataset = random_histories(150, 60, max_len=12)
        scores, taken = BPRModel().fit(dataset).score(dataset.histories), dense(dataset) > 0
        above = [
            (row[had][:, None] > row[~had]).mean() for row, had in zip(scores, taken, strict=True)
        ]
        assert np.mean(above) > 0.9

    def test_an_empty_history_is_the_mean_learner(self, model: Model) -> None:
        assert isinstance(model, BPRModel)
        empty = model.encode(Histories.from_lists([[]]))[0]
        np.testing.assert_array_equal(empty[:-1], model.fold_in[-1])


def test_every_baseline_has_its_suite() -> None:
    assert {suite.name for suite in FactorSuite.__subclasses__()} == set(BASELINES)
    assert set(ROW_NAMES) == {*MODEL_NAMES, *BASELINES}
    assert not set(BASELINES) & set(MODEL_NAMES)


def test_an_evaluation_chooses_among_configs_on_validation_and_passes_its_seed_on() -> None:
    dataset = random_histories(150, 60, max_len=12)
    task = split(dataset, None, "loo-full", 0, NO_SIGNALS)
    found = evaluate(task, "loo-full", fit_neural=_no_neural, names=BASELINES, seed=5)
    asked = task.validation.inputs, task.validation.targets
    for name, tried in (("als", ALSConfig.tried(5)), ("bpr", BPRConfig.tried(1_000, 5))):
        fitted = [model_class(name)().fit(task.train, config) for config in tried]  # type: ignore[call-arg]
        gains = [ranking_metrics(model, *asked)["ndcg@10"] for model in fitted]
        assert len(set(gains)) > 1
        best = fitted[int(np.argmax(gains))]
        np.testing.assert_array_equal(_items(found.fitted.models[name]), _items(best))


def test_large_data_is_passed_over_less_often() -> None:
    passes = [BPRConfig().passes(num) for num in (0, 1_000, 250_000, 10_000_000)]
    assert passes == [300, 300, 200, 50]
    assert BPRConfig(iterations=7).passes(1_000) == 7
    assert len(BPRConfig.tried(1_000_000, 0)) == 1


def test_a_sparse_set_keeps_its_factors() -> None:
    """A ridge of ten would outweigh all that three learners an item can tell."""
    model = ALSModel().fit(bare([[0, 1, 2], [0, 1], [1, 2]], 4))
    assert model.regularisation == pytest.approx(7 / 3)
    assert ALSModel().fit(random_histories(150, 60)).regularisation == 10.0
    assert model.score(Histories.from_lists([[0]]))[0].argmax() in (0, 1)


def test_the_pipeline_beside_a_baseline_is_composed_of_all() -> None:
    asked: list[str] = []

    def refuse(name: str, *_: Any) -> Any:
        asked.append(name)
        raise KeyboardInterrupt

    task = split(walks(60), None, "loo-full", 0, NO_SIGNALS)
    with pytest.raises(KeyboardInterrupt):
        evaluate(task, "loo-full", fit_neural=refuse, names=("als", "pipeline"))
    assert asked == ["graph"]


def test_fitting_does_not_nag_of_threads_and_scoring_imports_no_implicit() -> None:
    """In a process of its own: ``implicit`` warns once a process, of BLAS with two threads."""
    code = (
        "import sys, warnings; warnings.simplefilter('error');"
        "from planted import walks; from graphrec.models.registry import model_class;"
        "data = walks(40); kinds = [model_class(n) for n in ('als', 'bpr')];"
        "assert not {'implicit', 'threadpoolctl'} & set(sys.modules);"
        "models = [k().fit(data) for k in kinds];"
        "assert 'implicit' in sys.modules;"
        "print(len(models))"
    )
    tests = str(Path(__file__).resolve().parents[1])
    environment = {"PYTHONPATH": tests, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2\n"

"""Every simple baseline against an implementation that is not ours, on a random data set.

Popularity and sequence rules against plain loops, ItemKNN against ``implicit``, EASE
against the closed form as its paper writes it, ALS and BPR against ``implicit``'s own
recommendations. What is compared is what a figure is made of: the best ten unseen items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from planted import bare

from graphrec.dataset import Dataset, Histories
from graphrec.models.als import ALSConfig, ALSModel
from graphrec.models.base import Model
from graphrec.models.bpr import BPRConfig, BPRModel
from graphrec.models.ease import EASEConfig, EASEModel
from graphrec.models.itemknn import ItemKNNConfig, ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.sequence_rules import SequenceRulesConfig, SequenceRulesModel

NUM_LEARNERS, NUM_ITEMS, TOP = 300, 90, 10


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Learners of 2 to 25 items; some items are popular, and each learner has a taste."""
    rng = np.random.default_rng(11)
    popular = 1.0 / np.arange(1, NUM_ITEMS + 1) ** 0.8
    rows = []
    for _ in range(NUM_LEARNERS):
        liked = np.where(np.arange(NUM_ITEMS) % 6 == rng.integers(6), 8.0, 1.0)
        shares = popular * liked
        size = int(rng.integers(2, 26))
        rows.append(rng.choice(NUM_ITEMS, size, replace=False, p=shares / shares.sum()))
    return bare(rows, NUM_ITEMS)


@pytest.fixture(scope="module")
def matrix(dataset: Dataset) -> sp.csr_matrix:
    """The same as ``implicit`` takes it, built without our code."""
    owners = [learner for learner, row in enumerate(dataset.histories) for _ in row]
    ones = np.ones(len(owners), np.float32)
    shape = (NUM_LEARNERS, NUM_ITEMS)
    return sp.csr_matrix((ones, (owners, np.concatenate(list(dataset.histories)))), shape=shape)


def same_scores(model: Model, dataset: Dataset, theirs: np.ndarray, rtol: float = 1e-4) -> None:
    """Scores of all unseen items agree, and with them every ranking but for ties."""
    ours = model.score(dataset.histories)
    seen = np.zeros(ours.shape, bool)
    seen[dataset.histories.owners(), dataset.histories.items] = True
    scale = np.abs(theirs[~seen]).max()
    np.testing.assert_allclose(ours[~seen], theirs[~seen], rtol=rtol, atol=rtol * scale / 10)
    same_top(ours, dataset.histories, *_best(theirs, dataset.histories), rtol=rtol)


def same_top(
    ours: np.ndarray, histories: Histories, ids: np.ndarray, scores: np.ndarray, rtol: float = 1e-4
) -> None:
    """Our best ten unseen items are theirs; where items tie within rounding, either may stand."""
    best, best_scores = _best(ours, histories)
    tolerance = rtol * np.abs(scores).max()
    np.testing.assert_allclose(best_scores, scores, rtol=rtol, atol=tolerance / 10)
    assert not any(np.isin(row, ids[at]).any() for at, row in enumerate(histories))
    differ = np.argwhere(best != ids)
    for learner, place in differ:
        rival = ours[learner, ids[learner, place]]
        assert abs(rival - best_scores[learner, place]) <= tolerance, (learner, place)
    assert np.mean(best == ids) > 0.9  # ties are the exception, else nothing was compared


def _best(scores: np.ndarray, histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    """The best ten unseen items of each learner and their scores, both [n, 10]."""
    unseen = np.array(scores, np.float64)
    unseen[histories.owners(), histories.items] = -np.inf
    best = np.argsort(-unseen, axis=1, kind="stable")[:, :TOP]
    return best, np.take_along_axis(unseen, best, axis=1)


def recommended(model: Any, matrix: sp.csr_matrix, **options: Any) -> tuple[Any, Any]:
    """``implicit``'s own ten recommendations and scores of every learner, both [n, 10]."""
    learners = np.arange(matrix.shape[0])
    ids, scores = model.recommend(learners, matrix, N=TOP, **options)
    return ids, scores


def test_popularity_counts_as_a_counter_does(dataset: Dataset) -> None:
    counts = Counter(int(item) for row in dataset.histories for item in set(row.tolist()))
    ranked = [item for item, _ in counts.most_common()]
    scores = PopularityModel().fit(dataset).score(dataset.histories)
    best, _ = _best(scores, dataset.histories)
    for learner, row in enumerate(dataset.histories):
        expected = [item for item in ranked if item not in row][:TOP]
        assert [counts[int(i)] for i in best[learner]] == [counts[i] for i in expected]


@pytest.mark.filterwarnings("ignore:Method expects CSR input")  # it warns of its own COO matrix
class TestItemKNN:
    @pytest.fixture(scope="class")
    def cosine(self) -> Callable[[int], Any]:
        neighbours = pytest.importorskip("implicit.nearest_neighbours")
        return lambda k: neighbours.CosineRecommender(K=k, num_threads=1)

    def test_recommends_what_implicit_does(
        self, dataset: Dataset, matrix: sp.csr_matrix, cosine: Callable[[int], Any]
    ) -> None:
        theirs = cosine(NUM_ITEMS)
        theirs.fit(matrix, show_progress=False)
        ours = ItemKNNModel().fit(dataset).score(dataset.histories)
        same_top(ours, dataset.histories, *recommended(theirs, matrix))

    def test_keeps_the_neighbours_that_implicit_does(
        self, dataset: Dataset, matrix: sp.csr_matrix, cosine: Callable[[int], Any]
    ) -> None:
        theirs = cosine(13)  # itself among them
        theirs.fit(matrix, show_progress=False)
        similar = theirs.similarity.toarray()
        np.fill_diagonal(similar, 0.0)
        ours = ItemKNNModel().fit(dataset, ItemKNNConfig(num_neighbours=12)).matrix.toarray()
        np.testing.assert_allclose(np.sort(ours), np.sort(similar), rtol=1e-5, atol=1e-7)
        assert np.mean((ours > 0) == (similar > 0)) > 0.99  # ties at the cut

    def test_is_scikit_learn_s_cosine(self, dataset: Dataset, matrix: sp.csr_matrix) -> None:
        pairwise = pytest.importorskip("sklearn.metrics.pairwise")
        similar = pairwise.cosine_similarity(matrix.T)
        np.fill_diagonal(similar, 0.0)
        same_scores(ItemKNNModel().fit(dataset), dataset, matrix.toarray() @ similar)


@pytest.mark.parametrize("ridge", [3.0, 50.0])
def test_ease_is_the_paper_s_closed_form(
    dataset: Dataset, matrix: sp.csr_matrix, ridge: float
) -> None:
    X = matrix.toarray().astype(np.float64)
    P = np.linalg.inv(X.T @ X + ridge * np.eye(NUM_ITEMS))
    B = P / -np.diag(P)
    np.fill_diagonal(B, 0.0)
    model = EASEModel().fit(dataset, EASEConfig(regularisation=ridge))
    same_scores(model, dataset, X @ B)


def test_sequence_rules_are_a_loop_s(dataset: Dataset) -> None:
    rules: dict[tuple[int, int], float] = defaultdict(float)
    followed: Counter[int] = Counter()
    rows = [row.tolist() for row in dataset.histories]
    for row in rows:
        followed.update(row[:-1])
        for place, item in enumerate(row):
            for gap, later in enumerate(row[place + 1 : place + 1 + 7], start=1):
                rules[item, later] += 1.0 / gap
    theirs = np.zeros((NUM_LEARNERS, NUM_ITEMS))
    for learner, row in enumerate(rows):
        for age, item in enumerate(reversed(row)):
            for scored in range(NUM_ITEMS):
                if (item, scored) in rules:
                    weight = (1.0 + age) ** -0.5
                    theirs[learner, scored] += weight * rules[item, scored] / followed[item]
    config = SequenceRulesConfig(max_gap=7, recency=0.5)
    same_scores(SequenceRulesModel().fit(dataset, config), dataset, theirs)


class TestALS:
    config = ALSConfig(factors=16, alpha=9.0, regularisation=2.0, iterations=10, seed=3)

    @pytest.fixture(scope="class")
    def theirs(self, matrix: sp.csr_matrix) -> Any:
        return self.trained(matrix)

    def trained(self, matrix: sp.csr_matrix) -> Any:
        """``implicit`` used as its documentation has it: a confidence of ten."""
        als = pytest.importorskip("implicit.cpu.als")
        threads = pytest.importorskip("threadpoolctl")
        with threads.threadpool_limits(1):
            model = als.AlternatingLeastSquares(
                factors=16,
                alpha=10.0,
                regularization=2.0,
                iterations=10,
                random_state=3,
                num_threads=1,
            )
            model.fit(matrix, show_progress=False)
        return model

    def test_recommends_what_implicit_does(
        self, dataset: Dataset, matrix: sp.csr_matrix, theirs: Any
    ) -> None:
        ours = ALSModel().fit(dataset, self.config)
        np.testing.assert_allclose(ours.item_vectors(), theirs.item_factors, atol=1e-6)
        found = recommended(theirs, matrix, recalculate_user=True)
        same_top(ours.score(dataset.histories), dataset.histories, *found, rtol=1e-3)

    def test_folds_learners_in_as_implicit_recalculates_them(
        self, dataset: Dataset, matrix: sp.csr_matrix, theirs: Any
    ) -> None:
        ours = ALSModel().fit(dataset, self.config)
        expected = theirs.recalculate_user(np.arange(NUM_LEARNERS), matrix)
        scale = np.abs(expected).max()
        found = ours.encode(dataset.histories)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * scale)

    def test_folds_in_learners_who_were_not_trained_on(
        self, dataset: Dataset, matrix: sp.csr_matrix
    ) -> None:
        known, new = np.arange(200), np.arange(200, NUM_LEARNERS)
        theirs = self.trained(matrix[:200])
        some = bare(_rows(dataset.histories.take(known)), NUM_ITEMS)
        scores = ALSModel().fit(some, self.config).score(dataset.histories.take(new))
        ids, best = theirs.recommend(
            np.arange(len(new)), matrix[200:], N=TOP, recalculate_user=True
        )
        same_top(scores, dataset.histories.take(new), ids, best, rtol=1e-3)


class TestBPR:
    config = BPRConfig(factors=16, iterations=40, learning_rate=0.05, regularisation=0.01, seed=3)

    @pytest.fixture(scope="class")
    def theirs(self, matrix: sp.csr_matrix) -> Any:
        bpr = pytest.importorskip("implicit.cpu.bpr")
        model = bpr.BayesianPersonalizedRanking(
            factors=16,
            iterations=40,
            learning_rate=0.05,
            regularization=0.01,
            random_state=3,
            num_threads=1,
        )
        model.fit(matrix, show_progress=False)
        return model

    def test_the_factors_and_scores_are_implicit_s(
        self, dataset: Dataset, matrix: sp.csr_matrix, theirs: Any
    ) -> None:
        ours = BPRModel().fit(dataset, self.config)
        np.testing.assert_array_equal(ours.item_vectors(), theirs.item_factors)
        own = theirs.user_factors @ ours.item_vectors().T  # the learners' trained vectors
        same_top(own, dataset.histories, *recommended(theirs, matrix))

    def test_a_learner_folded_in_is_recommended_what_implicit_would(
        self, dataset: Dataset, matrix: sp.csr_matrix, theirs: Any
    ) -> None:
        ours = BPRModel().fit(dataset, self.config)
        trained = theirs.user_factors
        try:
            theirs.user_factors = ours.encode(dataset.histories)
            ids, scores = recommended(theirs, matrix)
        finally:
            theirs.user_factors = trained
        same_top(ours.score(dataset.histories), dataset.histories, ids, scores)

    def test_folding_in_ranks_training_items_as_well_as_trained_vectors(
        self, dataset: Dataset, matrix: sp.csr_matrix, theirs: Any
    ) -> None:
        ours = BPRModel().fit(dataset, self.config).score(dataset.histories)
        trained = theirs.user_factors @ theirs.item_factors.T
        assert _auc(ours, matrix) > _auc(trained, matrix) - 0.03
        assert _auc(trained, matrix) > 0.8


def _rows(histories: Histories) -> Sequence[np.ndarray]:
    return list(histories)


def _auc(scores: np.ndarray, matrix: sp.csr_matrix) -> float:
    """Part of the pairs (had, not had) of a learner that are in the right order, on average."""
    taken = matrix.toarray() > 0
    pairs = zip(scores, taken, strict=True)
    return float(np.mean([(row[had][:, None] > row[~had]).mean() for row, had in pairs]))

"""One suite for every index: what `ItemIndex` promises, whoever keeps it."""

from __future__ import annotations

import logging
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from graphrec.errors import BundleDamagedError, ItemIndexError
from graphrec.index.base import IndexConfig, ItemIndex
from graphrec.index.build import build_index, load_index
from graphrec.index.exact import ExactIndex
from graphrec.index.scann import ScannIndex, why_unavailable

needs_scann = pytest.mark.skipif(
    bool(why_unavailable()), reason=f"ScaNN does not load here: {why_unavailable()}"
)


def clustered(num: int, dim: int = 64, *, seed: int = 0, clusters: int = 300) -> np.ndarray:
    """Vectors around shared centres, of varied length, as item embeddings are."""
    centres = np.random.default_rng(7).standard_normal((clusters, dim), dtype=np.float32)
    rng = np.random.default_rng(seed)
    spread = 0.5 * rng.standard_normal((num, dim), dtype=np.float32)
    length = rng.lognormal(0, 0.3, (num, 1)).astype(np.float32)
    return (centres[rng.integers(clusters, size=num)] + spread) * length


def by_sorting(vectors: np.ndarray, query: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(vectors @ query), kind="stable")[:k]


class ItemIndexContract:
    """Subclassed by every implementation."""

    engine: type[ItemIndex]
    config = IndexConfig()
    num_items = 500

    def make(self, vectors: np.ndarray) -> ItemIndex:
        return self.engine.build(vectors, self.config)

    @pytest.fixture(scope="class")
    def vectors(self) -> np.ndarray:
        return clustered(self.num_items)

    @pytest.fixture(scope="class")
    def index(self, vectors: np.ndarray) -> ItemIndex:
        return self.make(vectors)

    @pytest.fixture(scope="class")
    def queries(self) -> np.ndarray:
        return clustered(16, seed=1)

    def test_knows_its_size(self, index: ItemIndex) -> None:
        assert (index.num_items, index.dim) == (self.num_items, 64)

    def test_finds_the_best_first_with_their_inner_products(self, index, vectors, queries):
        rows, scores = index.search(queries, 10)
        assert rows.shape == scores.shape == (16, 10)
        assert (rows.dtype, scores.dtype) == (np.int64, np.float32)
        for query, found, score in zip(queries, rows, scores, strict=True):
            np.testing.assert_array_equal(found, by_sorting(vectors, query, 10))
            np.testing.assert_allclose(score, vectors[found] @ query, rtol=1e-4, atol=1e-4)

    def test_more_than_there_are_gives_all_of_them_once(self, index, queries):
        rows, scores = index.search(queries[:2], self.num_items + 50)
        assert rows.shape == (2, self.num_items)
        assert np.isfinite(scores).all()
        assert (np.sort(rows, axis=1) == np.arange(self.num_items)).all()
        assert (np.diff(scores, axis=1) <= 0).all()

    def test_no_queries_no_answers(self, index):
        rows, scores = index.search(np.empty((0, 64), np.float32), 3)
        assert rows.shape == scores.shape == (0, 3)

    def test_equal_scores_are_ordered_by_row(self):
        index = self.make(np.ones((300, 8), np.float32))
        rows, scores = index.search(np.ones((2, 8), np.float32), 20)
        assert rows.tolist() == [list(range(20))] * 2
        assert (scores == 8).all()

    def test_one_item_one_dimension_and_zeros(self):
        index = self.make(np.zeros((1, 1), np.float32))
        rows, scores = index.search(np.ones((1, 1), np.float32), 5)
        assert rows.tolist() == [[0]]
        assert scores.tolist() == [[0.0]]
        assert not np.signbit(scores).any()

    def test_within_a_subset_it_is_exact(self, index, vectors, queries):
        subset = np.array([7, 3, 499, 40, 41])
        rows, scores = index.search_within(queries[0], subset, 3)
        order = subset[np.argsort(-(vectors[subset] @ queries[0]))]
        assert rows.tolist() == order[:3].tolist()
        np.testing.assert_allclose(scores, vectors[rows] @ queries[0], rtol=1e-5)
        assert len(index.search_within(queries[0], subset, 99)[0]) == 5
        assert len(index.search_within(queries[0], np.array([], np.int64), 3)[0]) == 0

    @pytest.mark.parametrize("share", [0.0, 0.004, 0.05, 0.19, 0.21, 0.5, 0.95, 1.0])
    def test_filtered_as_if_the_rest_were_not_there(self, index, vectors, queries, share):
        allowed = np.zeros(self.num_items, bool)
        chosen = np.random.default_rng(3).permutation(self.num_items)
        allowed[chosen[: round(share * self.num_items)]] = True
        for query in queries[:4]:
            rows, scores = index.search_filtered(query, allowed, 40)
            expected = [r for r in by_sorting(vectors, query, self.num_items) if allowed[r]][:40]
            assert rows.tolist() == expected
            assert len(scores) == len(expected)

    def test_a_filter_that_removes_all_the_best(self, index, vectors, queries):
        order = by_sorting(vectors, queries[0], self.num_items)
        allowed = np.ones(self.num_items, bool)
        allowed[order[:240]] = False
        rows, _ = index.search_filtered(queries[0], allowed, 10)
        assert rows.tolist() == order[240:250].tolist()

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e20])
    def test_refuses_values_that_end_the_process(self, index, bad):
        spoiled = np.ones((400, 64), np.float32)
        spoiled[7, 3] = bad
        with pytest.raises(ItemIndexError, match="row 7 "):
            self.make(spoiled)
        with pytest.raises(ItemIndexError, match="query 7 "):
            index.search(spoiled, 3)
        with pytest.raises(ItemIndexError, match="NaN"):
            index.search_within(spoiled[7], np.array([1]), 3)
        with pytest.raises(ItemIndexError, match="NaN"):
            index.search_filtered(spoiled[7], np.ones(self.num_items, bool), 3)

    @pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,), (2, 2, 2)])
    def test_refuses_what_is_no_matrix(self, shape):
        with pytest.raises(ItemIndexError, match="shape"):
            self.make(np.ones(shape, np.float32))

    def test_refuses_wrong_calls(self, index, queries):
        for k in (0, -1, 2.5, None):
            with pytest.raises(ItemIndexError, match="k is"):
                index.search(queries, k)
        for wrong in (queries[:, :5], queries[0], queries.astype(str), queries.astype(complex)):
            with pytest.raises(ItemIndexError):
                index.search(wrong, 3)
        for rows in ([-1], [self.num_items]):
            with pytest.raises(ItemIndexError, match="outside"):
                index.search_within(queries[0], np.array(rows), 3)
        for mask in (np.ones(3, bool), np.ones(self.num_items, np.int64)):
            with pytest.raises(ItemIndexError, match="filter"):
                index.search_filtered(queries[0], mask, 3)

    def test_takes_any_layout_and_number_type(self, vectors, index, queries):
        expected, _ = index.search(queries, 5)
        turned = self.make(np.asfortranarray(vectors.astype(np.float64)))
        spaced = np.repeat(queries.astype(">f8"), 2, axis=0)[::2]
        np.testing.assert_array_equal(turned.search(spaced, 5)[0], expected)

    def test_survives_saving_and_moving(self, tmp_path, index, vectors, queries):
        index.save(tmp_path / "here")
        shutil.move(tmp_path / "here", tmp_path / "there")
        loaded = self.engine.load(tmp_path / "there", vectors)
        assert loaded.kind == index.kind
        assert loaded.config == index.config
        for first, second in zip(
            index.search(queries, 20), loaded.search(queries, 20), strict=True
        ):
            np.testing.assert_array_equal(first, second)
        assert not list((tmp_path / "there").glob("*.pkl"))

    def test_refuses_other_vectors_and_a_damaged_folder(self, tmp_path, index, vectors):
        index.save(tmp_path)
        with pytest.raises(ItemIndexError, match="not those"):
            self.engine.load(tmp_path, vectors + 1)
        for path in sorted(tmp_path.iterdir()):
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            with pytest.raises(BundleDamagedError, match=path.name):
                self.engine.load(tmp_path, vectors)
            path.unlink()
            with pytest.raises(BundleDamagedError, match=path.name):
                self.engine.load(tmp_path, vectors)
            path.write_bytes(whole)

    def test_answers_several_threads_at_once(self, index, vectors):
        queries = clustered(200, seed=5)
        expected, _ = index.search(queries, 10)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda q: index.search(q[np.newaxis], 10)[0][0], queries))
        np.testing.assert_array_equal(found, expected)


class TestExactIndex(ItemIndexContract):
    engine = ExactIndex

    def test_splits_large_batches(self, vectors, monkeypatch, queries):
        whole = ExactIndex.build(vectors).search(queries, 7)
        monkeypatch.setattr("graphrec.index.exact._MAX_SCORES", 3 * len(vectors))
        np.testing.assert_array_equal(ExactIndex.build(vectors).search(queries, 7)[0], whole[0])


@needs_scann
class TestScannBruteForce(ItemIndexContract):
    engine = ScannIndex

    def test_is_brute_force(self, index):
        assert index.kind == "scann-brute-force"


@needs_scann
class TestScannTree(ItemIndexContract):
    """A tree whose every leaf is opened must keep the whole contract."""

    engine = ScannIndex
    config = IndexConfig(brute_force_max_items=100, target_recall=0.0001)
    num_items = 500

    def make(self, vectors: np.ndarray) -> ItemIndex:
        index = ScannIndex.build(vectors, self.config)
        index._leaves_to_search = index._num_leaves()
        return index

    def test_is_a_tree(self, index):
        assert index.kind == "scann-tree"

    def test_few_leaves_still_fill_every_answer(self, vectors, queries):
        index = ScannIndex.build(vectors, self.config)
        index._leaves_to_search = 1
        rows, scores = index.search(queries, 400)
        assert np.isfinite(scores).all()
        assert all(len(set(line)) == 400 for line in rows.tolist())

    def test_another_scann_builds_it_again(self, tmp_path, index, vectors, queries):
        index.save(tmp_path)
        path = tmp_path / "index.json"
        from graphrec.index.scann import _version

        path.write_text(path.read_text().replace(f'"{_version()}"', '"1.0.0"'))
        loaded = ScannIndex.load(tmp_path, vectors)
        assert loaded.search(queries, 5)[0].shape == (16, 5)


@needs_scann
def test_a_tree_over_100_000_finds_95_of_100(tmp_path: Path) -> None:
    vectors, queries = clustered(100_000), clustered(200, seed=1)
    index = build_index(vectors)
    assert index.kind == "scann-tree"
    found, _ = index.search(queries, 100)
    truth, _ = ExactIndex.build(vectors).search(queries, 100)
    hits = [len(set(f) & set(t)) for f, t in zip(found.tolist(), truth.tolist(), strict=True)]
    assert np.mean(hits) >= 95
    index.save(tmp_path)
    np.testing.assert_array_equal(load_index(tmp_path, vectors).search(queries, 100)[0], found)


@needs_scann
def test_vectors_without_clusters_are_compared_one_by_one() -> None:
    vectors = np.random.default_rng(0).standard_normal((6000, 64), dtype=np.float32)
    index = build_index(vectors, IndexConfig(brute_force_max_items=100))
    assert index.kind == "scann-brute-force"


@needs_scann
def test_scann_is_used_at_every_size() -> None:
    assert build_index(np.eye(1, dtype=np.float32)).kind == "scann-brute-force"
    assert build_index(np.eye(3, dtype=np.float32), IndexConfig(engine="exact")).kind == "exact"


class TestWithoutScann:
    """Where the wheel is missing, as on macOS and Windows."""

    @pytest.fixture(autouse=True)
    def _no_scann(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "scann"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "scann", None)

    def test_the_exact_index_answers_and_the_reason_is_logged(self, caplog):
        with caplog.at_level(logging.WARNING):
            assert build_index(np.eye(3, dtype=np.float32)).kind == "exact"
        assert "ScaNN does not load here" in caplog.text

    def test_scann_demanded_is_an_error_with_a_remedy(self):
        with pytest.raises(ItemIndexError, match="Use engine 'auto'"):
            build_index(np.eye(3, dtype=np.float32), IndexConfig(engine="scann"))


@needs_scann
def test_a_folder_of_scann_is_read_without_it(tmp_path, monkeypatch) -> None:
    vectors = clustered(200)
    build_index(vectors).save(tmp_path)
    monkeypatch.setattr("graphrec.index.build.why_unavailable", lambda: "no wheel")
    assert load_index(tmp_path, vectors).kind == "exact"
    with pytest.raises(ItemIndexError, match="not those"):
        load_index(tmp_path, vectors * 2)


@needs_scann
def test_a_folder_of_the_exact_index_is_read_with_scann(tmp_path) -> None:
    vectors = clustered(200)
    ExactIndex.build(vectors).save(tmp_path)
    assert load_index(tmp_path, vectors).kind == "scann-brute-force"

"""Truncated SVD of sparse rows: exact where it is small, the same cosines where it is not."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from graphrec.features import text
from graphrec.features.text import TextConfig, reduce, tfidf_matrix

TEXTS = ["a course on graphs", "graphs, again", "cooking for two", "図とグラフ", "", "graphs"]


def low_rank(rows: int, columns: int, rank: int) -> sp.csr_array:
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns))
    padded = np.zeros((rows, 50 * columns))
    padded[:, ::50] = dense  # most columns are empty, as hash buckets are
    return sp.csr_array(padded)


def cosines(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.maximum(norms, 1e-12)
    return np.asarray(unit @ unit.T)


@pytest.mark.parametrize("exact_rows", [text._EXACT_ROWS, 0])
def test_all_of_the_rank_is_kept(monkeypatch: pytest.MonkeyPatch, exact_rows: int) -> None:
    monkeypatch.setattr(text, "_EXACT_ROWS", exact_rows)
    matrix = low_rank(40, 30, 6)
    vectors = reduce(matrix, 12, seed=0)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(cosines(vectors), cosines(matrix.toarray()), atol=1e-4)
    np.testing.assert_array_equal(vectors, reduce(matrix, 12, seed=0))


def test_few_dimensions_are_the_best_ones() -> None:
    matrix = low_rank(40, 30, 20)
    left, values, _ = np.linalg.svd(matrix.toarray(), full_matrices=False)
    np.testing.assert_allclose(
        cosines(reduce(matrix, 5, seed=0)), cosines(left[:, :5] * values[:5]), atol=1e-5
    )


def test_rows_of_zeros_stay_zeros() -> None:
    vectors = reduce(tfidf_matrix(TEXTS, TextConfig()), 4, seed=0)
    lengths = np.linalg.norm(vectors, axis=1)
    assert lengths[4] == 0
    np.testing.assert_allclose(np.delete(lengths, 4), 1, rtol=1e-5)
    assert not reduce(sp.csr_array((3, 5)), 2, seed=0).any()

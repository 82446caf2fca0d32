"""Whatever the vectors: exact search is sorting, and ScaNN's brute force is exact search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphrec.index.base import IndexConfig
from graphrec.index.exact import ExactIndex
from graphrec.index.scann import ScannIndex, why_unavailable
from graphrec.index.topk import top_k

# Small integers add up exactly in float32, so that ties are ties in every order of adding.
_whole = st.integers(-4, 4).map(float)
_matrix = hnp.arrays(np.float32, st.tuples(st.integers(1, 60), st.integers(1, 9)), elements=_whole)


@st.composite
def searches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    vectors = draw(_matrix)
    num, dim = vectors.shape
    queries = draw(hnp.arrays(np.float32, (draw(st.integers(1, 5)), dim), elements=_whole))
    return vectors, queries, draw(st.integers(1, num + 3)), draw(hnp.arrays(np.bool_, num))


@given(scores=hnp.arrays(np.float32, st.integers(1, 80), elements=_whole), data=st.data())
def test_top_k_is_a_stable_sort_cut_off(scores: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(scores)))
    np.testing.assert_array_equal(top_k(scores, k), np.argsort(-scores, kind="stable")[:k])


@given(searches())
def test_exact_search_is_sorting(case: tuple[np.ndarray, np.ndarray, int, np.ndarray]) -> None:
    vectors, queries, k, _ = case
    rows, scores = ExactIndex.build(vectors).search(queries, k)
    expected = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(scores, np.take_along_axis(queries @ vectors.T, expected, axis=1))


@given(searches())
def test_filtered_search_is_sorting_what_passes(
    case: tuple[np.ndarray, np.ndarray, int, np.ndarray],
) -> None:
    vectors, queries, k, allowed = case
    expected = [r for r in np.argsort(-(vectors @ queries[0]), kind="stable") if allowed[r]][:k]
    for share in (0.0, 0.2, 1.0):
        index = ExactIndex.build(vectors, IndexConfig(filter_exact_share=share))
        assert index.search_filtered(queries[0], allowed, k)[0].tolist() == expected
    within, _ = index.search_within(queries[0], np.flatnonzero(allowed)[::-1], k)
    assert within.tolist() == expected


@pytest.mark.skipif(bool(why_unavailable()), reason="ScaNN does not load here")
@settings(max_examples=60)
@given(searches())
def test_brute_force_of_scann_is_exact_search(
    case: tuple[np.ndarray, np.ndarray, int, np.ndarray],
) -> None:
    vectors, queries, k, allowed = case
    scann, exact = ScannIndex.build(vectors), ExactIndex.build(vectors)
    for found, expected in zip(scann.search(queries, k), exact.search(queries, k), strict=True):
        np.testing.assert_array_equal(found, expected)
    rows, _ = scann.search_filtered(queries[0], allowed, k)
    np.testing.assert_array_equal(rows, exact.search_filtered(queries[0], allowed, k)[0])

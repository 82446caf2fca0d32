"""Text vectors that need no model: hashed character n-grams, TF-IDF, truncated SVD.

In come titles and descriptions in any language, out go unit vectors. Used at training
time only; the vectors travel in the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field


class TextConfig(BaseModel):
    """How texts become vectors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dim: int = Field(default=128, ge=2, description="Dimensions kept by the SVD.")
    num_buckets: int = Field(default=2**18, ge=1024, description="Hash buckets of n-grams.")
    max_ngram: int = Field(
        default=4, ge=1, description="Longest n-gram in characters: 2..4 serves words and Chinese."
    )


_EXACT_ROWS = 2_000
"""Up to so many rows the exact decomposition takes a second, and less than a randomised one."""


def tfidf_matrix(texts: Sequence[str], config: TextConfig) -> sp.csr_array:
    """Unit rows of TF-IDF over hashed n-grams, float64 [n, num_buckets]."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    counts = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(2, config.max_ngram),
        n_features=config.num_buckets,
        alternate_sign=False,
        norm=None,
    ).transform([text or "" for text in texts])
    return sp.csr_array(TfidfTransformer(sublinear_tf=True).fit_transform(counts))


def incidence_matrix(edges: np.ndarray, num_rows: int, num_cols: int) -> sp.csr_array:
    """Unit rows of IDF-weighted incidence, float64 [num_rows, num_cols]; edges int [2, E]."""
    values = np.ones(edges.shape[1])
    matrix = sp.csr_array((values, (edges[0], edges[1])), shape=(num_rows, num_cols))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    frequency = np.asarray(matrix.sum(axis=0)).ravel()
    weighted = matrix @ sp.diags_array(np.log((1 + num_rows) / (1 + frequency)) + 1)
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return sp.csr_array(sp.diags_array(1 / np.maximum(norms, 1e-12)) @ weighted)


def reduce(matrix: sp.csr_array, dim: int, seed: int) -> np.ndarray:
    """Unit rows of the truncated SVD, float32 [n, <= dim]; rows of zeros stay zeros."""
    kept = min(dim, min(matrix.shape) - 1)
    if kept < 1 or matrix.nnz == 0:
        return np.zeros((matrix.shape[0], 1), np.float32)
    # Most hash buckets are empty, and random projections of them would cost the most.
    used = matrix[:, np.unique(matrix.indices)]
    if used.shape[0] <= _EXACT_ROWS:
        vectors = _exact(used, kept)
    else:
        from sklearn.decomposition import TruncatedSVD

        svd = TruncatedSVD(min(kept, used.shape[1]), n_iter=4, random_state=seed)
        vectors = svd.fit_transform(sp.csr_matrix(used))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def _exact(matrix: sp.csr_array, dim: int) -> np.ndarray:
    """Left singular vectors times their values, float64 [n, dim], from the Gram matrix."""
    squares, directions = np.linalg.eigh((matrix @ matrix.T).toarray())
    largest = np.argsort(-squares)[:dim]
    scales = np.sqrt(np.maximum(squares[largest], 0.0))
    # Below the rounding of the Gram matrix there is nothing but noise.
    scales[scales < 1e-6 * scales.max(initial=0.0)] = 0.0
    return np.asarray(directions[:, largest] * scales)

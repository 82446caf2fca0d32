"""Matrix factors of learners and items: trained by ``implicit``, folded in by NumPy.

The one file that imports ``implicit`` (extra ``train``), and only to fit; scoring needs
the factors alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sp

from graphrec.dataset import Histories
from graphrec.errors import MissingExtraError

_MAX_PADDED = 4_000_000
"""Numbers in a batch of padded histories, some 32 MB in float64."""


def is_installed() -> bool:
    """Whether ``implicit`` can be imported; asked without importing it."""
    return find_spec("implicit") is not None


def train_als(matrix: sp.csr_array, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Factors by alternating least squares.

    Args:
        matrix: Confidence of each learner-item pair, float32 [n, num_items].
        options: Of ``implicit.cpu.als.AlternatingLeastSquares``.

    Returns:
        Learner factors float32 [n, d], item factors float32 [num_items, d].

    Raises:
        MissingExtraError: ``implicit`` is not installed.
    """
    return _train("als", "AlternatingLeastSquares", matrix, options)


def train_bpr(matrix: sp.csr_array, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Factors by stochastic gradient steps on pairs; the last of the ``d + 1`` is the bias.

    Args:
        matrix: Learner-item pairs, float32 [n, num_items]; values do not count.
        options: Of ``implicit.cpu.bpr.BayesianPersonalizedRanking``.

    Returns:
        Learner factors float32 [n, d + 1] (the last is 1), item factors float32
        [num_items, d + 1].

    Raises:
        MissingExtraError: ``implicit`` is not installed.
    """
    return _train("bpr", "BayesianPersonalizedRanking", matrix, options)


def _train(
    module: str, trainer: str, matrix: sp.csr_array, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    try:
        from importlib import import_module

        from threadpoolctl import threadpool_limits

        found = getattr(import_module(f"implicit.cpu.{module}"), trainer)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "implicit", "train") from error
    # One thread: the same bits each time, and no quarrel with the threads of BLAS.
    with threadpool_limits(1):
        model = found(num_threads=1, **options)
        model.fit(sp.csr_matrix(matrix), show_progress=False)
    return model.user_factors, model.item_factors


def solve_normal_equations(
    histories: Histories,
    factors: np.ndarray,
    gram: np.ndarray,
    weight: float,
) -> np.ndarray:
    """Each history's ridge regression on the item factors, float64 [len(histories), d].

    Solves ``(gram + weight * sum y_i y_i') x = (1 + weight) * sum y_i``, the sums over a
    history's items, each once; an empty history gives zeros.

    Args:
        histories: Of n learners.
        factors: float [num_items, d].
        gram: float [d, d], positive definite.
        weight: Confidence of an item had, beyond that of one not had.
    """
    num_items, dim = factors.shape
    padded_factors = np.concatenate([factors, np.zeros((1, dim))]).astype(np.float64)
    solved = np.zeros((len(histories), dim))
    for rows, items in padded(histories.matrix(num_items), dim):
        Y = padded_factors[items]  # [b, longest, d]; the padding is zeros
        A = gram + weight * (Y.transpose(0, 2, 1) @ Y)  # [b, d, d]
        b = (1.0 + weight) * Y.sum(axis=1)  # [b, d]
        solved[rows] = np.linalg.solve(A, b[:, :, None])[:, :, 0]
    return solved


def padded(matrix: sp.csr_array, dim: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of rows of like length: row numbers [b], their columns [b, longest].

    The padding is the number of columns, one beyond the last.
    """
    lengths = np.diff(matrix.indptr)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and _fits(stop + 1 - start, lengths[order[stop]], dim):
            stop += 1
        rows = order[start:stop]
        longest = int(lengths[rows[-1]])
        places = matrix.indptr[rows][:, None] + np.arange(longest)
        is_own = np.arange(longest) < lengths[rows][:, None]
        items = np.where(is_own, matrix.indices[np.where(is_own, places, 0)], matrix.shape[1])
        yield rows, items
        start = stop


def _fits(size: int, longest: int, dim: int) -> bool:
    return bool(size * max(longest, dim) * dim <= _MAX_PADDED)

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

_MAX_PADDED = 2_000_000
"""Numbers in a batch's padded histories or equations: 16 MB in float64."""


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
    _check_installed()
    from implicit.cpu.als import AlternatingLeastSquares

    return _train(AlternatingLeastSquares, matrix, options)


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
    _check_installed()
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    return _train(BayesianPersonalizedRanking, matrix, options)


def _check_installed() -> None:
    if not is_installed():
        raise MissingExtraError("implicit", "train")


def _train(
    trainer: Any, matrix: sp.csr_array, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    from threadpoolctl import threadpool_limits

    # One thread: the same bits each time, and no quarrel with the threads of BLAS.
    with threadpool_limits(1):
        model = trainer(num_threads=1, **options)
        model.fit(sp.csr_matrix(matrix), show_progress=False)
    return model.user_factors, model.item_factors


def solve_normal_equations(
    histories: Histories, factors: np.ndarray, gram: np.ndarray, weight: float
) -> np.ndarray:
    """Each history's weighted ridge regression on the item factors.

    Solves ``(gram + weight * sum y_i y_i') x = (1 + weight) * sum y_i``, the sums over a
    history's items, each once. A history without items gives zeros.

    Args:
        histories: Of n learners.
        factors: float [num_items, d].
        gram: float64 [d, d], positive definite.
        weight: Confidence of an item had, beyond that of one not had.

    Returns:
        float64 [n, d].
    """
    num_items, dim = factors.shape
    solved = np.zeros((len(histories), dim))
    Y = np.concatenate([factors, np.zeros((1, dim))]).astype(np.float64)  # row -1: the padding
    for rows, items in _padded(histories.matrix(num_items), dim):
        had = Y[items]  # [b, longest, d]
        A = gram + weight * (had.transpose(0, 2, 1) @ had)  # [b, d, d]
        b = (1.0 + weight) * had.sum(axis=1)  # [b, d]
        solved[rows] = np.linalg.solve(A, b[:, :, None])[:, :, 0]
    return solved


def _padded(matrix: sp.csr_array, dim: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of like length together: their numbers [b], their columns [b, longest], padded by -1.

    The longest of a batch has less than twice the columns of the shortest; rows without
    columns are left out.
    """
    lengths = np.diff(matrix.indptr)
    doublings = np.frexp(lengths)[1]  # of a length in [2 ** (e - 1), 2 ** e)
    for doubling in np.unique(doublings[lengths > 0]):
        alike = np.flatnonzero(doublings == doubling)
        longest = int(lengths[alike].max())
        size = max(1, _MAX_PADDED // (dim * max(longest, dim)))
        for rows in (alike[at : at + size] for at in range(0, len(alike), size)):
            place = np.arange(longest)
            is_own = place < lengths[rows][:, None]
            flat = np.where(is_own, matrix.indptr[rows][:, None] + place, 0)
            yield rows, np.where(is_own, matrix.indices[flat], -1)

"""The order of every answer: highest score first, and the lower row where scores are equal."""

from __future__ import annotations

import numpy as np


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k highest scores, best first, ties by position.

    Args:
        scores: float [n], no NaN.
        k: 1 <= k <= n.

    Returns:
        int64 [k].
    """
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    cut = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > cut)
    # A partition keeps any of the equal ones; the order asks for the first of them.
    at_cut = np.flatnonzero(scores == cut)[: k - len(above)]
    return np.concatenate([above[np.argsort(-scores[above], kind="stable")], at_cut])


def best_first(rows: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put equal scores of an already descending answer in the order of their rows.

    Args:
        rows: int64 [b, k].
        scores: float32 [b, k], descending in each line.
    """
    swapped = (scores[:, 1:] == scores[:, :-1]) & (rows[:, 1:] < rows[:, :-1])
    for line in np.flatnonzero(swapped.any(axis=1)):
        order = np.lexsort((rows[line], -scores[line]))
        rows[line], scores[line] = rows[line][order], scores[line][order]
    return rows, scores

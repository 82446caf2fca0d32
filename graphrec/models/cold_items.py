"""Stage 3, TRAIN: a place for items that nobody has taken, read off what they teach and say.

Ridge regression from content to what a model learned of the items that have learners
(Gantner et al. 2010, "attribute-to-feature mappings"): an untaken item gets the mean of
what taken items like it have, drawn towards the mean of all.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from graphrec.models.base import Model
from graphrec.models.graph import GraphModel
from graphrec.models.itemitem import ItemItemModel
from graphrec.models.popularity import PopularityModel

RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""Tried; content rows are of unit length, so that one weighs as much as an item."""

_MIN_WARM = 10
"""With fewer items there is nothing to read off."""

_M = TypeVar("_M", bound=Model)


def place_cold_items(vectors: np.ndarray, content: np.ndarray, is_warm: np.ndarray) -> np.ndarray:
    """Vectors with the cold rows foretold from content.

    ``V = mean + (C - mean) W`` with ``W`` the ridge solution over warm rows; the ridge is
    the one with the smallest leave-one-out error on warm rows, which has a closed form.

    Args:
        vectors: float [num_items, dim], learned; cold rows are not read.
        content: float [num_items, columns]; rows of zeros say nothing.
        is_warm: bool [num_items]; True where ``vectors`` has been learned.

    Returns:
        float32 [num_items, dim]; warm rows as they were, and cold ones that say nothing.
    """
    placed = np.array(vectors, np.float32)
    told = content.any(axis=1)
    warm, cold = np.flatnonzero(is_warm & told), np.flatnonzero(~is_warm & told)
    if len(warm) < _MIN_WARM or not len(cold):
        return placed
    X, Y = content[warm].astype(np.float64), vectors[warm].astype(np.float64)
    means = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - means[0], Y - means[1]
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    projected = U.T @ Y
    best = min(RIDGES, key=lambda ridge: _left_out_error(U, s, projected, Y, ridge))
    coefficients = Vt.T @ ((s / (s**2 + best))[:, None] * projected)
    placed[cold] = means[1] + (content[cold] - means[0]) @ coefficients
    return placed


def _left_out_error(
    U: np.ndarray, s: np.ndarray, projected: np.ndarray, Y: np.ndarray, ridge: float
) -> float:
    """Squared error of each row foretold by all the others, the mean counted as learned."""
    kept = s**2 / (s**2 + ridge)
    leverage = (U**2) @ kept + 1.0 / len(U)
    residuals = (Y - U @ (kept[:, None] * projected)) / np.maximum(1 - leverage, 1e-6)[:, None]
    return float((residuals**2).sum())


def with_cold_items(model: _M, content: np.ndarray, is_warm: np.ndarray) -> _M:
    """The model with cold items placed; itself where it keeps nothing an item.

    A graph model gets both its tables, an item-item model its columns and then its rows
    (what is scored, and what a history adds), and popularity a foretold number of learners.

    Args:
        model: Fitted.
        content: float [num_items, columns].
        is_warm: bool [num_items].
    """
    state = dict(model.state())
    if isinstance(model, GraphModel):
        for name in ("vectors", "context"):
            state[name] = place_cold_items(state[name], content, is_warm)
        return type(model).from_state(state)
    if isinstance(model, PopularityModel):
        # Counts are skewed: the mean of their logarithms is what a course may expect.
        logs = place_cold_items(np.log1p(state["counts"])[:, None], content, is_warm)[:, 0]
        counts = np.where(is_warm, state["counts"], np.maximum(np.expm1(logs), 0))
        return type(model).from_state({"counts": counts.astype(np.float32)})
    if isinstance(model, ItemItemModel):
        columns = place_cold_items(model.matrix.toarray().T, content, is_warm).T
        matrix = sp.csr_array(place_cold_items(columns, content, is_warm))
        return type(model).from_state(
            state | {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        )
    return model

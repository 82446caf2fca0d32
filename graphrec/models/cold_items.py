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


def place_cold_items(
    vectors: np.ndarray, content: np.ndarray, is_warm: np.ndarray, *, left_out: bool = False
) -> np.ndarray:
    """Vectors with the cold rows foretold from content.

    ``V = mean + (C - mean) W`` with ``W`` the ridge solution over warm rows; the ridge is
    the one with the smallest leave-one-out error on warm rows, which has a closed form.

    Args:
        vectors: float [num_items, dim], learned; cold rows are not read.
        content: float [num_items, columns]; rows of zeros say nothing.
        is_warm: bool [num_items]; True where ``vectors`` has been learned.
        left_out: Foretell each warm row too, from all the other warm ones: what it would
            be if nobody had taken it yet.

    Returns:
        float32 [num_items, dim]; rows that were not foretold are as they were: warm ones,
        unless ``left_out``, and those whose content says nothing.
    """
    placed = np.array(vectors, np.float32)
    told = content.any(axis=1)
    warm, cold = np.flatnonzero(is_warm & told), np.flatnonzero(~is_warm & told)
    if len(warm) < _MIN_WARM:
        return placed
    X, Y = content[warm].astype(np.float64), vectors[warm].astype(np.float64)
    means = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - means[0], Y - means[1]
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    projected = U.T @ Y
    ridge = min(RIDGES, key=lambda one: float((_misses(U, s, projected, Y, one) ** 2).sum()))
    coefficients = Vt.T @ ((s / (s**2 + ridge))[:, None] * projected)
    placed[cold] = means[1] + (content[cold] - means[0]) @ coefficients
    if left_out:
        placed[warm] = vectors[warm] - _misses(U, s, projected, Y, ridge)
    return placed


def _misses(
    U: np.ndarray, s: np.ndarray, projected: np.ndarray, Y: np.ndarray, ridge: float
) -> np.ndarray:
    """Each row less what all the others foretell of it, the mean counted as learned."""
    kept = s**2 / (s**2 + ridge)
    leverage = (U**2) @ kept + 1.0 / len(U)
    misses = (Y - U @ (kept[:, None] * projected)) / np.maximum(1 - leverage, 1e-6)[:, None]
    return np.asarray(misses)


def with_cold_items(
    model: _M, content: np.ndarray, is_warm: np.ndarray, *, left_out: bool = False
) -> _M:
    """The model with cold items placed; itself where it keeps nothing an item.

    A graph model gets both its tables, an item-item model its columns and then its rows
    (what is scored, and what a history adds), and popularity a foretold number of learners.

    Args:
        model: Fitted.
        content: float [num_items, columns].
        is_warm: bool [num_items].
        left_out: Score every item as if nobody had taken it yet. What a history adds stays
            as learned, so that a blend over such models can be learned on warm items and
            used on cold ones.
    """
    state = dict(model.state())
    if isinstance(model, GraphModel):
        given = state["vectors"], content, is_warm
        state["vectors"] = place_cold_items(*given, left_out=left_out)
        state["context"] = place_cold_items(state["context"], content, is_warm)
        return type(model).from_state(state)
    if isinstance(model, PopularityModel):
        # Counts are skewed: the mean of their logarithms is what a course may expect.
        logs = np.log1p(state["counts"])[:, None]
        foretold = np.expm1(place_cold_items(logs, content, is_warm, left_out=left_out)[:, 0])
        counts = np.where(is_warm & (not left_out), state["counts"], np.maximum(foretold, 0))
        return type(model).from_state({"counts": counts.astype(np.float32)})
    if isinstance(model, ItemItemModel):
        dense = model.matrix.toarray()
        columns = place_cold_items(dense.T, content, is_warm, left_out=left_out).T
        matrix = sp.csr_array(place_cold_items(columns, content, is_warm))
        arrays = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        return type(model).from_state(state | arrays)
    return model

"""Stage 3, TRAIN: a place for items that nobody has taken, read off what they teach and say.

Ridge regression from content to what a model learned of the items that have learners
(Gantner et al. 2010, "attribute-to-feature mappings"): an untaken item gets the mean of
what taken items like it have, drawn towards the mean of all.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeVar

import numpy as np
import scipy.sparse as sp

from graphrec.models.base import Model
from graphrec.models.itemitem import DENSE_ITEMS, ItemItemModel
from graphrec.models.popularity import PopularityModel

RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""Tried; content rows are of unit length, so that one weighs as much as an item."""

_MIN_WARM = 10
"""With fewer items there is nothing to read off."""

_SCORED: Final = {"graph": "vectors", "sequence": "item_vectors"}
"""Models by name, and the table of their state that is searched: what an item is scored by."""

_READ: Final = {"graph": "context"}
"""Likewise, the table that a history is read by."""

_M = TypeVar("_M", bound=Model)


@dataclass(frozen=True)
class ContentMap:
    """What content foretells of learned vectors: ``mean + (content - content_mean) W``.

    Attributes:
        mean: float64 [dim], of the warm items' vectors.
        content_mean: float64 [columns], of the same items.
        coefficients: float64 [columns, dim], ``W``.
        left_out: float64 [warm, dim]: each warm item as all the others foretell it.
        warm: int64 [warm], rows learned from.
    """

    mean: np.ndarray
    content_mean: np.ndarray
    coefficients: np.ndarray
    left_out: np.ndarray
    warm: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray, content: np.ndarray, is_warm: np.ndarray) -> Self | None:
        """Ridge regression, its ridge that of the smallest leave-one-out error (closed form).

        Args:
            vectors: float [num_items, dim]; rows of cold items are not read.
            content: float [num_items, columns]; rows of zeros say nothing.
            is_warm: bool [num_items].

        Returns:
            None where too few warm items say anything.
        """
        warm = np.flatnonzero(is_warm & content.any(axis=1))
        if len(warm) < _MIN_WARM:
            return None
        X, Y = content[warm].astype(np.float64), vectors[warm].astype(np.float64)
        means = X.mean(axis=0), Y.mean(axis=0)
        X, Y = X - means[0], Y - means[1]
        U, s, Vt = np.linalg.svd(X, full_matrices=False)
        projected = U.T @ Y
        ridge = _best_ridge(U, s, projected, Y)
        coefficients = Vt.T @ ((s / (s**2 + ridge))[:, None] * projected)
        left_out = vectors[warm] - _misses(U, s, projected, Y, ridge)
        return cls(means[1], means[0], coefficients, left_out, warm)

    def foretell(self, content: np.ndarray) -> np.ndarray:
        """Vectors of items by their content (float [n, columns]); float64 [n, dim]."""
        return np.asarray(self.mean + (content - self.content_mean) @ self.coefficients)


def place_cold_items(
    vectors: np.ndarray, content: np.ndarray, is_warm: np.ndarray, *, left_out: bool = False
) -> np.ndarray:
    """Vectors with the cold rows foretold from content.

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
    found = ContentMap.fit(vectors, content, is_warm)
    if found is None:
        return placed
    cold = np.flatnonzero(~is_warm & content.any(axis=1))
    placed[cold] = found.foretell(content[cold])
    if left_out:
        placed[found.warm] = found.left_out
    return placed


def _best_ridge(U: np.ndarray, s: np.ndarray, projected: np.ndarray, Y: np.ndarray) -> float:
    """The ridge whose squared ``_misses`` are the fewest, without making each of them."""
    squares, crossed = (Y**2).sum(axis=1), Y @ projected.T
    gram = projected @ projected.T

    def error(ridge: float) -> float:
        kept = s**2 / (s**2 + ridge)
        fitted = U * kept
        missed = squares - 2 * (fitted * crossed).sum(axis=1) + ((fitted @ gram) * fitted).sum(1)
        return float((missed / _unexplained(U, kept) ** 2).sum())

    return min(RIDGES, key=error)


def _misses(
    U: np.ndarray, s: np.ndarray, projected: np.ndarray, Y: np.ndarray, ridge: float
) -> np.ndarray:
    """Each row less what all the others foretell of it, the mean counted as learned."""
    kept = s**2 / (s**2 + ridge)
    return np.asarray((Y - U @ (kept[:, None] * projected)) / _unexplained(U, kept)[:, None])


def _unexplained(U: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """1 less the leverage of each row, float64 [n]."""
    return np.asarray(np.maximum(1 - (U**2) @ kept - 1.0 / len(U), 1e-6))


def place_untaken(
    models: Mapping[str, Model], content: np.ndarray, num_learners: np.ndarray
) -> dict[str, Model]:
    """The models with untaken items placed, all but popularity: it stays a count of learners.

    Args:
        models: By name, fitted.
        content: float [num_items, columns].
        num_learners: int [num_items], of each item where the models learned.
    """
    return {
        name: model
        if isinstance(model, PopularityModel)
        else with_cold_items(model, content, num_learners > 0)
        for name, model in models.items()
    }


def with_cold_items(
    model: _M, content: np.ndarray, is_warm: np.ndarray, *, left_out: bool = False
) -> _M:
    """The model with cold items placed; itself where it keeps nothing an item.

    A graph model gets both its tables, a sequence model the one that is searched, an
    item-item model its columns and then its rows (what is scored, and what a history
    adds), and popularity a foretold number of learners.

    Args:
        model: Fitted. An item-item model of more than ``DENSE_ITEMS`` items stays itself.
        content: float [num_items, columns].
        is_warm: bool [num_items].
        left_out: Score every item as if nobody had taken it yet. What a history adds stays
            as learned, so that a blend over such models can be learned on warm items and
            used on cold ones.
    """
    if model.name in _SCORED:
        return _with_tables(model, content, is_warm, left_out=left_out)
    if isinstance(model, PopularityModel):
        # Counts are skewed: the mean of their logarithms is what a course may expect.
        logs = np.log1p(model.counts)[:, None]
        foretold = np.expm1(place_cold_items(logs, content, is_warm, left_out=left_out)[:, 0])
        counts = np.where(is_warm & (not left_out), model.counts, np.maximum(foretold, 0))
        return type(model)(counts.astype(np.float32))
    if isinstance(model, ItemItemModel) and len(content) <= DENSE_ITEMS:
        dense = model.matrix.toarray()
        columns = place_cold_items(dense.T, content, is_warm, left_out=left_out).T
        placed = copy.copy(model)  # with what else it has, such as a ridge
        placed._set_matrix(sp.csr_array(place_cold_items(columns, content, is_warm)))
        return placed
    return model


def _with_tables(model: _M, content: np.ndarray, is_warm: np.ndarray, *, left_out: bool) -> _M:
    state = dict(model.state())
    scored, read = _SCORED[model.name], _READ.get(model.name)
    state[scored] = place_cold_items(state[scored], content, is_warm, left_out=left_out)
    if read in state:
        state[read] = place_cold_items(state[read], content, is_warm)
    return type(model).from_state(state)

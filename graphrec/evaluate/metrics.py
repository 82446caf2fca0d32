"""Ranking metrics from the rank of the one right item, or from a set of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.dataset import Histories

NOWHERE = 2**31
"""Rank of what is not ranked: beyond every cut-off, however small the catalogue."""


@dataclass(frozen=True)
class Gains:
    """What each of ``n`` learners gains from a list cut at one place.

    Attributes:
        recall: float64 [n], share of the right items found (hit or miss, with one).
        ndcg: float64 [n].
    """

    recall: np.ndarray
    ndcg: np.ndarray

    def mean(self, k: int) -> dict[str, float]:
        """``recall@k`` and ``ndcg@k`` over all learners, zeros where there are none."""
        if not len(self.recall):
            return {f"recall@{k}": 0.0, f"ndcg@{k}": 0.0}
        return {f"recall@{k}": float(self.recall.mean()), f"ndcg@{k}": float(self.ndcg.mean())}


def target_ranks(scores: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Rank of each row's target, 0 the best; ties count against the target.

    Args:
        scores: float [n, num_items]; excluded items are -inf.
        targets: int [n].

    Returns:
        int64 [n]; ``NOWHERE`` where the target itself is excluded or not finite.
    """
    own = scores[np.arange(len(targets)), targets]
    # Ties against the target: a model that scores all alike must not look perfect.
    ranks = (scores >= own[:, None]).sum(axis=1) - 1
    return np.asarray(np.where(np.isfinite(own), ranks, NOWHERE), np.int64)


def top_items(scores: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` best items of each row, best first, the lower item where scores are equal.

    Args:
        scores: float [n, num_items], no NaN; excluded items are -inf.
        k: Places.

    Returns:
        int64 [n, k]; -1 where a row has no item left to give.
    """
    num_rows, num_items = scores.shape
    kept = min(k, num_items)
    # Negated: a partition from above takes sixteen times as long where most scores are equal.
    costs = -scores
    cut = np.partition(costs, kept - 1, axis=1)[:, kept - 1, None]
    is_kept = costs <= cut
    num_surplus = np.count_nonzero(is_kept, axis=1) - kept
    for row in np.flatnonzero(num_surplus):
        # The last of the equal ones go; whole lists may be equal.
        at_cut = np.flatnonzero(costs[row] == cut[row])
        is_kept[row, at_cut[-num_surplus[row] :]] = False
    items = (np.flatnonzero(is_kept) % num_items).reshape(num_rows, kept)
    values = np.take_along_axis(costs, items, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    top = np.full((num_rows, k), -1, np.int64)
    is_given = np.isfinite(np.take_along_axis(values, order, axis=1))
    top[:, :kept] = np.where(is_given, np.take_along_axis(items, order, axis=1), -1)
    return top


def gains_of_ranks(ranks: np.ndarray, k: int) -> Gains:
    """Gains of learners whose one right item has these ranks (int [n], 0 the best)."""
    hit = ranks < k
    return Gains(hit.astype(np.float64), hit / np.log2(ranks + 2.0))


def gains_of_top(top: np.ndarray, relevant: Histories, num_items: int, k: int) -> Gains:
    """Gains with several right items a learner (LightGCN's definitions).

    Args:
        top: int [n, K], best first, K >= k; -1 where nothing is given.
        relevant: Test items of the same n learners; each has one.
        num_items: Size of the catalogue.
        k: Where to cut.
    """
    rows, cut = np.arange(len(top), dtype=np.int64)[:, None], top[:, :k]
    keys = relevant.owners() * num_items + relevant.items
    found = np.isin(rows * num_items + cut, keys) & (cut >= 0)
    discounts = 1.0 / np.log2(np.arange(k) + 2.0)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    best = ideal[np.minimum(relevant.lengths, k)]
    return Gains(found.sum(axis=1) / relevant.lengths, (found * discounts).sum(axis=1) / best)


def from_ranks(ranks: np.ndarray, cutoffs: tuple[int, ...] = (10, 20)) -> dict[str, float]:
    """Recall (= hit rate, with one target) and NDCG at the cutoffs, means over ``ranks``."""
    result: dict[str, float] = {}
    for k in cutoffs:
        result |= gains_of_ranks(ranks, k).mean(k)
    return result


def from_top(
    top: np.ndarray, relevant: Histories, num_items: int, cutoffs: tuple[int, ...] = (10, 20)
) -> dict[str, float]:
    """Recall and NDCG with several right items a learner at the cutoffs (as ``gains_of_top``)."""
    result: dict[str, float] = {}
    for k in cutoffs:
        result |= gains_of_top(top, relevant, num_items, k).mean(k)
    return result

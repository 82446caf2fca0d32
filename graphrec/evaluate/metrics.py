"""Ranking metrics from the rank of the one right item, or from a set of them."""

from __future__ import annotations

import numpy as np

from graphrec.dataset import Histories

NOWHERE = 2**31
"""Rank of what is not ranked: beyond every cut-off, however small the catalogue."""


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


def from_ranks(ranks: np.ndarray, cutoffs: tuple[int, ...] = (10, 20)) -> dict[str, float]:
    """Recall (= hit rate, with one target) and NDCG at the cutoffs, means over ``ranks``."""
    gains = 1.0 / np.log2(ranks + 2.0)
    result: dict[str, float] = {}
    for k in cutoffs:
        hit = ranks < k
        result[f"recall@{k}"] = float(hit.mean()) if len(ranks) else 0.0
        result[f"ndcg@{k}"] = float((gains * hit).mean()) if len(ranks) else 0.0
    return result


def from_top(
    top: np.ndarray, relevant: Histories, num_items: int, cutoffs: tuple[int, ...] = (10, 20)
) -> dict[str, float]:
    """Recall and NDCG with several right items a learner (LightGCN's definitions).

    Args:
        top: int [n, K], best first, K >= the largest cutoff; -1 where nothing is given.
        relevant: Test items of the same n learners; each has one.
        num_items: Size of the catalogue.
        cutoffs: Where to cut.
    """
    rows = np.arange(len(top), dtype=np.int64)[:, None]
    keys = relevant.owners() * num_items + relevant.items
    hits = np.isin(rows * num_items + top, keys) & (top >= 0)
    discounts = 1.0 / np.log2(np.arange(top.shape[1]) + 2.0)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    result: dict[str, float] = {}
    for k in cutoffs:
        found = hits[:, :k]
        dcg = (found * discounts[:k]).sum(axis=1)
        best = ideal[np.minimum(relevant.lengths, k)]
        result[f"recall@{k}"] = float((found.sum(axis=1) / relevant.lengths).mean())
        result[f"ndcg@{k}"] = float((dcg / best).mean())
    return result

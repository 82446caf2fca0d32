"""Stage 3, TRAIN: hit rate and NDCG of one held-out item, by which epochs are chosen."""

from __future__ import annotations

import numpy as np

from graphrec.dataset import Histories
from graphrec.models.base import Model

_MAX_CELLS = 20_000_000


def target_ranks(model: Model, histories: Histories, targets: np.ndarray) -> np.ndarray:
    """Rank (from 0) of each target among the items its learner has not seen, int64 [n].

    Ties count against the target: a model that scores all alike must not look perfect.
    """
    ranks = []
    start, chunk = 0, 256
    while start < len(histories):
        rows = np.arange(start, min(start + chunk, len(histories)))
        part = histories.take(rows)
        scores = model.score(part)
        mine = scores[np.arange(len(rows)), targets[rows]].copy()
        scores[part.owners(), part.items] = -np.inf
        scores[np.arange(len(rows)), targets[rows]] = -np.inf
        ranks.append((scores >= mine[:, None]).sum(1))
        start += len(rows)
        chunk = max(256, _MAX_CELLS // scores.shape[1])
    return np.concatenate(ranks) if ranks else np.zeros(0, np.int64)


def ranking_metrics(
    model: Model, histories: Histories, targets: np.ndarray, k: int = 10
) -> dict[str, float]:
    """``recall@k`` and ``ndcg@k``, every unseen item ranked; zeros without learners."""
    ranks = target_ranks(model, histories, targets)
    if not len(ranks):
        return {f"recall@{k}": 0.0, f"ndcg@{k}": 0.0}
    is_hit = ranks < k
    gains = np.where(is_hit, 1 / np.log2(ranks + 2.0), 0.0)
    return {f"recall@{k}": float(is_hit.mean()), f"ndcg@{k}": float(gains.mean())}


def sample_learners(
    histories: Histories, targets: np.ndarray, num: int, seed: int
) -> tuple[Histories, np.ndarray]:
    """At most ``num`` learners with their targets, chosen at random, in their order."""
    if len(histories) <= num:
        return histories, targets
    rows = np.sort(np.random.default_rng(seed).choice(len(histories), num, replace=False))
    return histories.take(rows), targets[rows]

"""The one evaluator of all contestants of ``rivals.py``, and who reached what when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphrec.dataset import Histories
from graphrec.evaluate.metrics import from_ranks, target_ranks

TOLERANCE = 0.005
"""A rival has reached its best quality where it is within this share of it."""

_MAX_CELLS = 20_000_000


def quality(
    learners: np.ndarray,
    items: np.ndarray,
    seen: Histories,
    targets: np.ndarray,
    is_trained: np.ndarray,
    k: int,
) -> dict[str, float]:
    """Recall and NDCG at k of inner products, all unseen items of the training ranked.

    Args:
        learners: float32 [n, dim].
        items: float32 [num_items, dim].
        seen: Histories of the n learners, which are excluded.
        targets: int64 [n], the one right item of each.
        is_trained: bool [num_items]; the others are ranked by nobody.
        k: Where lists are cut.
    """
    ranks, step = [], max(1, _MAX_CELLS // len(items))
    for start in range(0, len(targets), step):
        rows = np.arange(start, min(start + step, len(targets)))
        scores = learners[rows] @ items.T
        part = seen.take(rows)
        scores[part.owners(), part.items] = -np.inf
        scores[:, ~is_trained] = -np.inf
        ranks.append(target_ranks(scores, targets[rows]))
    return from_ranks(np.concatenate(ranks), (k,))


def curve_of(folder: Path, task: Path, k: int) -> list[dict[str, Any]]:
    """A contestant's laps with their quality; the vectors are deleted once measured."""
    told = np.load(task)
    seen = Histories(told["input_indptr"], told["input_items"].astype(np.int32))
    counts = np.bincount(told["items"], minlength=int(told["num_items"]))
    laps = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    curve = []
    for lap in laps:
        file = folder / f"{lap['lap']:04d}.npz"
        vectors = np.load(file)
        pair = vectors["learners"], vectors["items"]
        curve.append(lap | quality(*pair, seen, told["targets"], counts > 0, k))
        file.unlink()
    return curve


def first_reaching(
    curve: Sequence[dict[str, Any]], metric: str, level: float
) -> dict[str, Any] | None:
    """The first lap whose metric is at least ``level``, or None."""
    return next((lap for lap in curve if lap[metric] >= level), None)


def verdict(
    rival: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]], metric: str
) -> dict[str, Any]:
    """How much sooner ours was as good as the rival ever was.

    Args:
        rival: Laps with ``seconds`` and the metric, in order of time.
        ours: The same of ours.
        metric: By which they are compared.

    Returns:
        ``quality``, the rival's best; ``rival_s``, when it first was within ``TOLERANCE``
        of it; ``ours_s``, when ours first was as good as the best, no tolerance, and
        ``ratio``, of the two: None where ours never was; ``ours_best``.
    """
    best = max(lap[metric] for lap in rival)
    theirs = first_reaching(rival, metric, best * (1 - TOLERANCE))
    own = first_reaching(ours, metric, best)
    assert theirs is not None  # noqa: S101 - the best lap itself is one
    return {
        "metric": metric,
        "quality": round(best, 5),
        "rival_s": theirs["seconds"],
        "ours_s": own and own["seconds"],
        "ratio": round(theirs["seconds"] / max(own["seconds"], 1e-9), 2) if own else None,
        "ours_best": round(max(lap[metric] for lap in ours), 5),
    }

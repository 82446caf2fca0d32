"""Whether the pipeline's scores are the probabilities that they claim to be.

The blend is a conditional logit: the softmax of a learner's blended scores over their
candidates is ``P(the next course is i | it is a candidate)``.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from graphrec.evaluate.asked import Lists

NUM_BINS: Final = 10


class Calibration:
    """Compares stated probabilities of the listed items with how often they were right.

    Args:
        targets: int [n], the one right item of each test learner.
    """

    def __init__(self, targets: np.ndarray) -> None:
        self._targets = targets
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._num_learners = self._num_candidates = 0

    def __call__(self, lists: Lists) -> None:
        """Note a batch as it is measured; ``lists.scores`` are -inf but for candidates."""
        top, scores, targets = lists.top, lists.scores, self._targets[lists.rows]
        is_given = top >= 0
        rows, _ = np.nonzero(is_given)
        items = top[is_given]
        peak = np.max(scores, axis=1, initial=-np.inf)
        peak = np.where(np.isfinite(peak), peak, 0.0)[:, None]
        total = np.exp(scores - peak).sum(axis=1, dtype=np.float64)
        stated = np.exp(scores[rows, items] - peak[rows, 0]) / total[rows]
        is_possible = np.isfinite(scores[np.arange(len(targets)), targets])
        self._parts.append((stated, items == targets[rows], is_possible[rows]))
        self._num_learners += len(targets)
        self._num_candidates += int(is_possible.sum())

    def figures(self) -> dict[str, Any]:
        """Errors, and the reliability table of the learners whose target was a candidate."""
        columns = zip(*self._parts, strict=True)
        stated, is_hit, is_possible = (np.concatenate(column) for column in columns)
        bins = reliability(stated[is_possible], is_hit[is_possible])
        return {
            "learners": self._num_learners,
            "target_is_candidate": round(self._num_candidates / max(self._num_learners, 1), 5),
            "ece": expected_error(bins),
            "ece_all": expected_error(reliability(stated, is_hit)),
            "bins": bins,
        }


def reliability(stated: np.ndarray, is_hit: np.ndarray) -> list[dict[str, Any]]:
    """Ten bins with equally many items, from the least probable to the most.

    Args:
        stated: float [m], probabilities.
        is_hit: bool [m].
    """
    order = np.argsort(stated, kind="stable")
    # Equal widths would put nearly all items into the first bin: most are improbable.
    return [
        {
            "from": round(float(stated[part[0]]), 5),
            "to": round(float(stated[part[-1]]), 5),
            "items": len(part),
            "probability": round(float(stated[part].mean()), 5),
            "hit_rate": round(float(is_hit[part].mean()), 5),
        }
        for part in np.array_split(order, NUM_BINS)
        if len(part)
    ]


def expected_error(bins: list[dict[str, Any]]) -> float | None:
    """Mean of ``|probability - hit rate|`` over items; None without any."""
    total = sum(row["items"] for row in bins)
    if not total:
        return None
    errors = sum(row["items"] * abs(row["probability"] - row["hit_rate"]) for row in bins)
    return float(round(errors / total, 5))

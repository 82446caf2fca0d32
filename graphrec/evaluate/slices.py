"""Accuracy by how much is known of a learner, and by how old the course is that they took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from graphrec.dataset import Dataset
from graphrec.evaluate.asked import CUT
from graphrec.evaluate.metrics import Gains

HISTORY_EDGES: Final = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 20), (21, None))
"""Courses taken before the question, from and to; the same for all data, to be compared."""

_NUM_QUARTERS = 4


@dataclass(frozen=True)
class Slicing:
    """The n learners in groups, each learner in one.

    Attributes:
        labels: What each group is.
        codes: int [n], each learner's group.
    """

    labels: list[dict[str, Any]]
    codes: np.ndarray

    def rows(self, gains: Gains) -> list[dict[str, Any]]:
        """The groups that have learners, with their number and means."""
        found = []
        for code, label in enumerate(self.labels):
            mine = self.codes == code
            if mine.any():
                means = Gains(gains.recall[mine], gains.ndcg[mine]).mean(CUT)
                rounded = {name: round(value, 5) for name, value in means.items()}
                found.append({**label, "learners": int(mine.sum()), **rounded})
        return found


def by_history(lengths: np.ndarray) -> Slicing:
    """Learners by the number of courses they took (int [n])."""
    labels = [{"from": low, "to": high} for low, high in HISTORY_EDGES]
    return Slicing(labels, np.searchsorted([low for low, _ in HISTORY_EDGES], lengths, "right") - 1)


def by_course_age(train: Dataset, targets: np.ndarray) -> Slicing:
    """Learners by the age of the course that they took next.

    Courses are put in quarters, the oldest first, by when a training learner first took
    them; where nothing has a time, by how many did, the most taken first. Courses that no
    training learner took (at a known time) are a group of their own, at the end.

    Args:
        train: Whose interactions tell the age.
        targets: int [n], the course of each learner.
    """
    first, counts = _first_taken(train), np.bincount(train.histories.items, minlength=_num(train))
    by = "popularity" if first is None else "first_taken"
    values = counts if first is None else first
    known = values > 0 if first is None else values >= 0
    keys = -values[known] if first is None else values[known]
    quarters = np.full(_num(train), _NUM_QUARTERS)
    # Courses with equal values share a quarter.
    share = np.searchsorted(np.sort(keys), keys, "left") / max(len(keys), 1)
    quarters[known] = (_NUM_QUARTERS * share).astype(np.int64)
    labels = [_label(by, quarter, values[quarters == quarter]) for quarter in range(_NUM_QUARTERS)]
    labels.append({"by": by, "quarter": None, "from": None, "to": None})
    return Slicing(labels, quarters[targets])


def _label(by: str, quarter: int, values: np.ndarray) -> dict[str, Any]:
    low, high = (int(values.min()), int(values.max())) if len(values) else (None, None)
    return {"by": by, "quarter": quarter + 1, "from": low, "to": high}


def _num(train: Dataset) -> int:
    return train.num_items


def _first_taken(train: Dataset) -> np.ndarray | None:
    """Epoch ms at which each item was first taken, -1 unknown; None where no time is known."""
    histories = train.histories
    if histories.times is None or not (histories.times >= 0).any():
        return None
    known = histories.times >= 0
    never = np.iinfo(np.int64).max
    first = np.full(train.num_items, never, np.int64)
    np.minimum.at(first, histories.items[known], histories.times[known])
    return np.where(first == never, -1, first)

"""What lists are like beside being right: coverage, evenness, novelty, diversity, popularity.

In come the lists of the test learners, batch by batch; out go five figures. Formulas and
sources: docs/evaluation.md. Nothing larger than a number an item is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from graphrec.dataset import Dataset, Histories
from graphrec.evaluate.asked import CUT, Lists

FIGURES: Final = tuple(
    f"{name}@{CUT}" for name in ("coverage", "gini", "novelty", "popularity_lift", "diversity")
)


@dataclass(frozen=True)
class Catalogue:
    """What the figures need to know of the items; learned from training only.

    Attributes:
        counts: int64 [num_items], training learners who took each.
        information: float64 [num_items], bits: -log2 of the share of training learners who
            took it. What nobody took counts as taken by one, since its share has no logarithm.
        skills: Sparse float64 [num_items, num_skills], rows of length 1 (of 0 where an item
            teaches nothing); None where the data has no skills.
    """

    counts: np.ndarray
    information: np.ndarray
    skills: sp.csr_array | None

    @property
    def num_items(self) -> int:
        """Number of items, those that nobody took too."""
        return len(self.counts)

    @classmethod
    def of(cls, train: Dataset) -> Catalogue:
        """The catalogue as training shows it."""
        counts = np.bincount(train.histories.items, minlength=train.num_items)
        num_learners = max(int(np.count_nonzero(train.histories.lengths)), 1)
        information = np.log2(num_learners / np.maximum(counts, 1))
        return cls(counts, information, _skill_rows(train))


def _skill_rows(train: Dataset) -> sp.csr_array | None:
    if not train.item_skill.size:
        return None
    pairs = np.unique(train.item_skill, axis=1)
    degrees = np.bincount(pairs[0], minlength=train.num_items)
    values = 1.0 / np.sqrt(degrees[pairs[0]])
    return sp.csr_array((values, pairs), shape=(train.num_items, len(train.skills)))


class _Mean:
    """A mean over learners who come in batches."""

    def __init__(self) -> None:
        self._sum, self._num = 0.0, 0

    def add(self, values: np.ndarray) -> None:
        self._sum, self._num = self._sum + float(values.sum()), self._num + len(values)

    @property
    def value(self) -> float | None:
        return self._sum / self._num if self._num else None


class BeyondAccuracy:
    """Counts what is given while the test is scored.

    Args:
        catalogue: As training shows it.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._exposure = np.zeros(catalogue.num_items, np.int64)
        self._novelty, self._diversity = _Mean(), _Mean()
        self._given, self._own = _Mean(), _Mean()

    def __call__(self, lists: Lists) -> None:
        """Count a batch as it is measured."""
        self.add(lists.top, lists.histories)

    def add(self, top: np.ndarray, histories: Histories) -> None:
        """Count lists.

        Args:
            top: int64 [n, k], each learner's items, -1 where a place is empty.
            histories: What the same n learners took.
        """
        filled = np.flatnonzero((top >= 0).any(axis=1))
        top, histories = top[filled], histories.take(filled)
        owners, places = np.nonzero(top >= 0)
        given = top[owners, places]
        lengths = np.bincount(owners, minlength=len(top))
        self._exposure += np.bincount(given, minlength=len(self._exposure))
        known = self._catalogue
        self._novelty.add(_per_row(known.information[given], owners, lengths))
        has_taken = histories.lengths > 0
        taken = _per_row(known.counts[histories.items], histories.owners(), histories.lengths)
        self._given.add(_per_row(known.counts[given], owners, lengths)[has_taken])
        self._own.add(taken[has_taken])
        if known.skills is not None:
            self._diversity.add(_distances(known.skills, owners, given, len(top)))

    def figures(self) -> dict[str, float | None]:
        """The five figures, in the order of ``FIGURES``; None where there is nothing to say."""
        given, own = self._given.value, self._own.value
        values = (
            float(np.count_nonzero(self._exposure)) / max(len(self._exposure), 1),
            gini(self._exposure),
            self._novelty.value,
            given / own if given is not None and own else None,
            self._diversity.value,
        )
        return {
            name: None if value is None else round(value, 5)
            for name, value in zip(FIGURES, values, strict=True)
        }


def gini(exposure: np.ndarray) -> float:
    """Inequality of how often items are given: 0 all alike, 1 one item alone.

    ``sum_i (2i - n - 1) x_(i) / ((n - 1) sum x)`` over the counts ``x`` in ascending order
    (Castells, Hurley and Vargas 2022).

    Args:
        exposure: int [n], items that were never given included.
    """
    num, total = len(exposure), int(exposure.sum())
    if num < 2 or not total:
        return 0.0
    weights = 2 * np.arange(1, num + 1) - num - 1
    return float((weights * np.sort(exposure)).sum() / ((num - 1) * total))


def _per_row(values: np.ndarray, owners: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Mean of each row's values, 0 for an empty row; float64 [n]."""
    sums = np.bincount(owners, weights=values, minlength=len(lengths))
    return np.asarray(sums / np.maximum(lengths, 1))


def _distances(
    skills: sp.csr_array, owners: np.ndarray, items: np.ndarray, num_rows: int
) -> np.ndarray:
    """Mean of 1 - cosine over the pairs of each list that has one, float64 [<= num_rows].

    Items without skills have no place in skill space and are left out of the pairs.
    """
    has_skills = np.diff(skills.indptr)[items] > 0
    owners, items = owners[has_skills], items[has_skills]
    sizes = np.bincount(owners, minlength=num_rows)
    shape = (num_rows, skills.shape[0])
    sums = sp.csr_array((np.ones(len(items)), (owners, items)), shape=shape) @ skills
    # The square of a sum of unit vectors is their number and twice the cosines of all pairs.
    squares = np.asarray(sums.multiply(sums).sum(axis=1)).ravel()
    paired = sizes >= 2
    cosines = (squares[paired] - sizes[paired]) / (sizes[paired] * (sizes[paired] - 1.0))
    return np.asarray(1.0 - cosines)

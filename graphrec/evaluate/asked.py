"""The questions of a protocol: who is asked, what is right, and how a ranking is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graphrec.dataset import Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.metrics import (
    Gains,
    from_ranks,
    from_top,
    gains_of_ranks,
    gains_of_top,
    target_ranks,
    top_items,
)
from graphrec.models.blend import Candidates
from graphrec.recommend.compose import batches

CUT = 10
"""Where the lists end whose other qualities are reported beside accuracy."""

_TOP = 20

Score = Callable[[Histories, np.ndarray], np.ndarray]
"""Histories of n learners and their row numbers -> float32 [n, num_items]."""


@dataclass(frozen=True)
class Lists:
    """What a batch of ``b`` test learners is given.

    Attributes:
        rows: int [b], their row numbers.
        histories: What each took.
        scores: float32 [b, num_items]; -inf where an item is not asked for, or no candidate.
        top: int64 [b, CUT], best first, -1 where nothing is left to give.
    """

    rows: np.ndarray
    histories: Histories
    scores: np.ndarray
    top: np.ndarray


Watch = Callable[[Lists], None]
"""Sees each batch while it is measured, so that nothing is scored twice or kept whole."""


@dataclass(frozen=True)
class Measured:
    """Accuracy on the test.

    Attributes:
        metrics: Means over all learners.
        gains: Of each learner, at ``CUT``.
    """

    metrics: dict[str, float]
    gains: Gains


class Asked:
    """The questions of a protocol, and how a ranking is measured.

    Args:
        inputs: Histories of the n learners who are asked.
        targets: int [n], or several right items of each.
        num_sampled: Rank the target among so many unseen items; 0: among all.
        num_items: Size of the catalogue.
        seed: Of the samples.

    Raises:
        ParameterError: A learner has fewer unseen items than are sampled.
    """

    def __init__(
        self,
        inputs: Histories,
        targets: np.ndarray | Histories,
        num_sampled: int,
        num_items: int,
        seed: int,
    ) -> None:
        self.inputs = inputs
        self.targets = targets
        self.num_items = num_items
        self._sampled = None
        if num_sampled and isinstance(targets, np.ndarray):
            self._sampled = sample_unseen(inputs, targets, num_sampled, num_items, seed)

    @property
    def is_sampled(self) -> bool:
        """Whether a target is ranked among sampled items only."""
        return self._sampled is not None

    def sampled_items(self, rows: np.ndarray) -> np.ndarray:
        """The target and the sampled items of learners ``rows``, int [len(rows), 101]."""
        assert self._sampled is not None  # noqa: S101 - asked only where is_sampled
        assert isinstance(self.targets, np.ndarray)  # noqa: S101 - likewise
        return np.concatenate([self.targets[rows][:, None], self._sampled[rows]], axis=1)

    def measure(self, score: Score, *watches: Watch) -> Measured:
        """Score all learners, once.

        Args:
            score: The model.
            watches: Each is shown every batch.
        """
        found = []
        for rows in batches(len(self.inputs), self.num_items):
            histories = self.inputs.take(rows)
            scores = self._open(score, histories, rows)
            top = top_items(scores, _TOP)
            for watch in watches:
                watch(Lists(rows, histories, scores, top[:, :CUT]))
            if isinstance(self.targets, Histories):
                found.append(top)
            else:
                found.append(target_ranks(scores, self.targets[rows]))
        return self._measured(np.concatenate(found) if found else np.zeros(0, np.int64))

    def _measured(self, found: np.ndarray) -> Measured:
        if isinstance(self.targets, Histories):
            gains = gains_of_top(found, self.targets, self.num_items, CUT)
            return Measured(from_top(found, self.targets, self.num_items), gains)
        return Measured(from_ranks(found), gains_of_ranks(found, CUT))

    def _open(self, score: Score, histories: Histories, rows: np.ndarray) -> np.ndarray:
        """Scores of what is asked, -inf elsewhere; float32 [len(rows), num_items]."""
        scores = np.array(score(histories, rows), np.float32)
        scores[histories.owners(), histories.items] = -np.inf
        scores[np.isnan(scores)] = -np.inf
        if self._sampled is None:
            return scores
        items = self.sampled_items(rows)
        asked = np.full_like(scores, -np.inf)
        np.put_along_axis(asked, items, np.take_along_axis(scores, items, axis=1), axis=1)
        return asked


def as_dense(candidates: Candidates, values: np.ndarray, num_items: int) -> np.ndarray:
    """Scores of candidates (float [nnz]) as rows, -inf elsewhere; float32 [n, num_items]."""
    dense = np.full((len(candidates.indptr) - 1, num_items), -np.inf, np.float32)
    dense[candidates.owners, candidates.items] = values
    return dense


def sample_unseen(
    inputs: Histories, targets: np.ndarray, num: int, num_items: int, seed: int
) -> np.ndarray:
    """Items that a learner has neither seen nor as target, int64 [n, num], each once.

    Raises:
        ParameterError: A learner has fewer unseen items.
    """
    generator = np.random.default_rng(seed)
    sampled = np.zeros((len(inputs), num), np.int64)
    for row in range(len(inputs)):
        is_open = np.ones(num_items, bool)
        is_open[inputs[row]] = False
        is_open[targets[row]] = False
        unseen = np.flatnonzero(is_open)
        if len(unseen) < num:
            raise ParameterError(
                f"loo-100 needs {num} unseen items, and a learner has {len(unseen)}.",
                where="protocol",
                remedy="Use loo-full on so small a catalogue.",
            )
        sampled[row] = generator.choice(unseen, num, replace=False)
    return sampled

"""Stage 3, TRAIN: what a model of mastery has to beat; each looks only at what came before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from graphrec.mastery.evidence import Evidence, Floats, Ints

PRIOR_WEIGHT = 2.0
"""Outcomes of the mean of all that a mean starts with, so that one outcome does not decide."""

Keys = Callable[[Evidence, int], list[int]]
"""Of an observation: what its mean is kept by."""


class RunningMean:
    """Mean success so far of everything with the same key, drawn to the mean of all.

    Args:
        name: Name in tables.
        keys: Keys of an observation; means of several are averaged.
    """

    def __init__(self, name: str, keys: Keys) -> None:
        self.name = name
        self._keys = keys
        self._base = 0.5

    def fit(self, evidence: Evidence) -> None:
        """Learn the mean of all."""
        self._base = base_rate(evidence)

    def predict(self, evidence: Evidence) -> Floats:
        """Float [N]: the mean of what came strictly before."""
        total: defaultdict[int, float] = defaultdict(float)
        count: defaultdict[int, float] = defaultdict(float)
        expected = np.empty(len(evidence))
        scored = evidence.is_scored
        for moment in moments(evidence.at):
            keys = [self._keys(evidence, row) for row in moment]
            for row, of_row in zip(moment, keys, strict=True):
                means = [
                    (total[k] + PRIOR_WEIGHT * self._base) / (count[k] + PRIOR_WEIGHT)
                    for k in of_row
                ]
                expected[row] = sum(means) / len(means) if means else self._base
            for row, of_row in zip(moment, keys, strict=True):
                for key in of_row if scored[row] else ():
                    total[key] += evidence.success[row]
                    count[key] += 1.0
        return expected


class LastOutcome:
    """How the learner's last scored observation ended, softened by how often that recurs."""

    name = "last outcome"

    def __init__(self) -> None:
        self._after: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def fit(self, evidence: Evidence) -> None:
        """Learn how often success follows failure, success, and nothing."""
        last, scored = _last(evidence), evidence.is_scored
        rates = []
        for state in (0.0, 1.0, -1.0):
            chosen = evidence.success[scored & (last == state)]
            rates.append((chosen.sum() + base_rate(evidence)) / (len(chosen) + 1.0))
        self._after = (rates[0], rates[1], rates[2])

    def predict(self, evidence: Evidence) -> Floats:
        """Float [N]: the rate of success after what came last."""
        return np.array(self._after)[_last(evidence).astype(np.int64)]


def baselines() -> list[RunningMean | LastOutcome]:
    """The models that any other has to beat."""
    return [
        RunningMean("global mean", lambda evidence, row: []),
        RunningMean(
            "skill mean", lambda evidence, row: evidence.skills[evidence.course[row]].tolist()
        ),
        RunningMean("course mean", lambda evidence, row: [int(evidence.course[row])]),
        RunningMean("learner mean", lambda evidence, row: [int(evidence.learner[row])]),
        LastOutcome(),
    ]


def base_rate(evidence: Evidence) -> float:
    """Share of scored observations that succeeded; a half where there is none."""
    known = evidence.success[evidence.is_scored]
    return float(known.mean()) if len(known) else 0.5


def moments(at: Ints) -> Iterator[list[int]]:
    """Rows of equal time (epoch ms, int [N]) together, oldest first."""
    order = np.argsort(at, kind="stable")
    cuts = np.flatnonzero(np.diff(at[order])) + 1
    return (part.tolist() for part in np.split(order, cuts) if len(part))


def _last(evidence: Evidence) -> Floats:
    """Float [N]: 1 or 0 as the learner's last scored observation ended; -1 before the first."""
    found = np.full(len(evidence), -1.0)
    kept: dict[int, float] = {}
    scored = evidence.is_scored
    for moment in moments(evidence.at):
        for row in moment:
            found[row] = kept.get(int(evidence.learner[row]), -1.0)
        for row in moment:
            if scored[row]:
                kept[int(evidence.learner[row])] = float(evidence.success[row])
    return found

"""Stage 3, TRAIN: what every model of mastery can do, and observations taken skill by skill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graphrec.mastery.evidence import Evidence, Floats, Ints


class MasteryModel(Protocol):
    """Foretells how an observation ends from what the learner did strictly before it."""

    name: str

    def fit(self, evidence: Evidence) -> None:
        """Learn the parameters from observations; whatever was learned before is forgotten."""

    def predict(self, evidence: Evidence) -> Floats:
        """Float [N], 0..1: probability of success of each observation.

        Parameters stay as fitted; each learner's state follows the observations strictly
        before the one foretold.
        """


@dataclass(frozen=True)
class SkillRows:
    """M rows, one an observation and a skill its course teaches, by learner, skill and time.

    Attributes:
        row: int [M], the observation. skill: int [M]. pair: int [M], which learner and skill.
        step: int [M], place within the pair, from 0. gap_days: float [M], since the row before.
        success: float [M], as of the observation. pairs: int [P, 2], learner and skill.
    """

    row: Ints
    skill: Ints
    pair: Ints
    step: Ints
    gap_days: Floats
    success: Floats
    pairs: Ints


def by_skill(evidence: Evidence) -> SkillRows:
    """Take the observations of ``evidence`` apart, skill by skill."""
    counts = np.array([len(skills) for skills in evidence.skills], np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    flat = np.concatenate([*evidence.skills, np.empty(0, np.int64)]).astype(np.int64)
    times = counts[evidence.course]
    row = np.repeat(np.arange(len(evidence)), times)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    skill = flat[starts[evidence.course[row]] + offset]
    order = np.lexsort((evidence.at[row], skill, evidence.learner[row]))
    row, skill = row[order], skill[order]
    key = np.stack([evidence.learner[row], skill], axis=1)
    is_first = np.ones(len(row), np.bool_)
    is_first[1:] = (key[1:] != key[:-1]).any(axis=1)
    pair = np.cumsum(is_first) - 1
    first = np.flatnonzero(is_first)
    at = evidence.at[row]
    gap = np.diff(at, prepend=at[:1]) / 86_400_000
    return SkillRows(
        row=row,
        skill=skill,
        pair=pair,
        step=np.arange(len(row)) - first[pair] if len(row) else pair,
        gap_days=np.where(is_first, 0.0, gap),
        success=evidence.success[row],
        pairs=key[first],
    )


def mean_by_row(rows: SkillRows, values: Floats, num_rows: int) -> Floats:
    """Float [num_rows]: mean over the skills of each observation of ``values`` (float [M])."""
    total = np.bincount(rows.row, values, minlength=num_rows)
    count = np.bincount(rows.row, minlength=num_rows)
    mean: Floats = total / np.maximum(count, 1)
    return mean

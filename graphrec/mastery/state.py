"""Stage 3, TRAIN: what each learner holds at a time: level reached, and how sure that is.

``level`` is the best that was shown: the level a course teaches times how well it went.
``confidence`` is ``P(L)`` of the knowledge tracing at ``now``; it halves every half-life
without practice, so that a skill long unused is one to look at again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.mastery.base import by_skill
from graphrec.mastery.bkt import BayesianKnowledgeTracing
from graphrec.mastery.evidence import Evidence, Floats, Ints


@dataclass(frozen=True)
class Mastery:
    """P learners' skills as of one moment, by learner, then skill.

    Attributes:
        learner, skill: int [P], positions in the evidence's ids.
        level: float [P], level reached, on the scale of ``teaches``; 0 where none was shown.
        confidence: float [P], 0..1. at: int [P], epoch ms of the last practice.
    """

    learner: Ints
    skill: Ints
    level: Floats
    confidence: Floats
    at: Ints


def mastery_at(evidence: Evidence, model: BayesianKnowledgeTracing, now: int) -> Mastery:
    """What learners hold at ``now`` (epoch ms), of what they did before it."""
    past = evidence.where(evidence.at <= now)
    pairs, confidence = model.known(past, now)
    rows = by_skill(past)
    taught = [dict(zip(s.tolist(), v.tolist(), strict=True)) for s, v in _taught(past)]
    reached = np.array(
        [taught[c][s] for c, s in zip(past.course[rows.row], rows.skill, strict=True)]
    )
    level, last = np.zeros(len(pairs)), np.zeros(len(pairs), np.int64)
    if len(reached):
        np.maximum.at(level, rows.pair, reached * np.nan_to_num(past.outcome[rows.row]))
        np.maximum.at(last, rows.pair, past.at[rows.row])
    real = pairs[:, 1] < len(evidence.skill_ids)
    return Mastery(
        learner=pairs[real, 0],
        skill=pairs[real, 1],
        level=level[real],
        confidence=confidence[real],
        at=last[real],
    )


def _taught(evidence: Evidence) -> list[tuple[Ints, Floats]]:
    return list(zip(evidence.skills, evidence.levels, strict=True))

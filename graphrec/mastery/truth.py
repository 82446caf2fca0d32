"""Stage 3, TRAIN: mastery as estimated beside what simulated learners truly hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphrec.mastery.base import by_skill
from graphrec.mastery.baselines import PRIOR_WEIGHT
from graphrec.mastery.bkt import BayesianKnowledgeTracing
from graphrec.mastery.evidence import Evidence, Floats, Ints
from graphrec.mastery.state import Mastery, mastery_at
from graphrec.mastery.validate import auc

HELD_LEVEL = 1.0
"""True level from which a skill counts as held: enough for what builds upon it."""
COMPLETED = 0.9
"""What the rule without a model says of a skill that a passed course teaches."""


@dataclass(frozen=True)
class TruthScore:
    """How near an estimate comes to the truth.

    Attributes:
        model: Its name.
        auc: Chance that a skill truly held was thought surer than one that is not.
        level_error: Mean distance of level times confidence to the true level.
        num: Pairs of learner and skill, all of which have evidence.
        num_held: Those truly held.
    """

    model: str
    auc: float
    level_error: float
    num: int
    num_held: int


def validate_truth(evidence: Evidence, truth: pa.Table, now: int) -> list[TruthScore]:
    """Estimate what learners hold from evidence alone, and compare.

    Args:
        evidence: All that simulated learners did before ``now``.
        truth: Native ``holds``: the level truly left at ``now``; forgotten skills are missing.
        now: Epoch ms.
    """
    model = BayesianKnowledgeTracing()
    model.fit(evidence)
    found = mastery_at(evidence, model, now)
    held = _true_level(evidence, truth, found)
    scores = []
    for name, sure in [*_simple(evidence, found), (model.name, found.confidence)]:
        error = float(np.abs(found.level * sure - held).mean())
        is_held = (held >= HELD_LEVEL).astype(np.float64)
        scores.append(TruthScore(name, auc(sure, is_held), error, len(held), int(is_held.sum())))
    return scores


def _true_level(evidence: Evidence, truth: pa.Table, found: Mastery) -> Floats:
    columns = (truth[name].to_pylist() for name in ("learner_id", "skill_id", "level"))
    level = {(learner, skill): value for learner, skill, value in zip(*columns, strict=True)}
    names = _names(evidence.learner_ids, found.learner), _names(evidence.skill_ids, found.skill)
    return np.array([level.get(pair, 0.0) for pair in zip(*names, strict=True)], np.float64)


def _names(ids: Sequence[str], rows: Ints) -> list[str]:
    return [ids[row] for row in rows.tolist()]


def _simple(evidence: Evidence, found: Mastery) -> list[tuple[str, Floats]]:
    """What can be said of each pair without a model."""
    rows = by_skill(evidence)
    scored = ~np.isnan(rows.success)
    # Rows lie in order of time: of several to one place, the last assigned stays.
    last = np.zeros(len(rows.pairs))
    last[rows.pair[scored]] = rows.success[scored]
    passed = np.zeros(len(rows.pairs))
    np.maximum.at(passed, rows.pair[scored], COMPLETED * rows.success[scored])
    size = len(evidence.skill_ids) + 1
    good = np.bincount(rows.skill[scored], rows.success[scored], minlength=size)
    count = np.bincount(rows.skill[scored], minlength=size)
    base = float(rows.success[scored].mean())
    mean = (good + PRIOR_WEIGHT * base) / (count + PRIOR_WEIGHT)
    real = rows.pairs[:, 1] < len(evidence.skill_ids)
    return [
        ("global mean", np.full(len(found.skill), base)),
        ("skill mean", mean[found.skill]),
        ("last outcome", last[real]),
        ("passed once: .9", passed[real]),
    ]

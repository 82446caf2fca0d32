"""Stage 3, TRAIN: whether a model of mastery foretells better than what it has to beat.

Parameters are learned from the oldest observations; each later one is foretold from all
that came strictly before it, as a service would have to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from graphrec.errors import InputError
from graphrec.mastery.base import MasteryModel
from graphrec.mastery.baselines import baselines
from graphrec.mastery.bkt import BayesianKnowledgeTracing
from graphrec.mastery.evidence import Evidence, Floats
from graphrec.mastery.logistic import PracticeLogistic

TRAIN_SHARE = 0.7
"""Share of the scored observations, oldest first, that parameters are learned from."""
MIN_TEST = 20
"""Fewer test observations say nothing."""
NUM_BINS = 10
"""Bins of equal width of the calibration error."""


@dataclass(frozen=True)
class Score:
    """How well one model foretells.

    Attributes:
        model: Its name.
        auc: Chance that a success was held likelier than a failure; ties count a half.
        auc_error: Standard error of ``auc`` (Hanley and McNeil 1982).
        log_loss: Mean negative log-likelihood, nats.
        calibration_error: Mean gap between stated and seen share, weighted by bin.
        num: Observations foretold.
    """

    model: str
    auc: float
    auc_error: float
    log_loss: float
    calibration_error: float
    num: int


def models() -> list[MasteryModel]:
    """Every model with its baselines, in the order of the table."""
    return [*baselines(), BayesianKnowledgeTracing(), PracticeLogistic()]


def validate(evidence: Evidence, chosen: Sequence[MasteryModel] | None = None) -> list[Score]:
    """Fit on the oldest observations and score the rest.

    Args:
        evidence: All observations.
        chosen: Models; ``models()`` unless given.

    Raises:
        InputError: There are too few scored observations, or all end alike.
    """
    scored = evidence.is_scored
    times = np.sort(evidence.at[scored])
    cut = times[int(TRAIN_SHARE * len(times))] if len(times) else 0
    tested = scored & (evidence.at >= cut)
    success = evidence.success[tested]
    if tested.sum() < MIN_TEST or len(set(success.tolist())) < 2:
        raise InputError(
            f"{int(tested.sum())} scored observations to test on, of which "
            f"{int(success.sum())} succeeded: that says nothing.",
            where="interactions",
            remedy="Mastery is measured on completions, drops and shares watched: import more.",
        )
    past = evidence.where(evidence.at < cut)
    scores = []
    for model in models() if chosen is None else chosen:
        model.fit(past)
        scores.append(score(model.name, model.predict(evidence)[tested], success))
    return scores


def score(name: str, expected: Floats, success: Floats) -> Score:
    """Compare what was foretold (float [n], 0..1) with what came (float [n], 0 or 1)."""
    sure = np.clip(expected, 1e-6, 1 - 1e-6)
    loss = -np.mean(np.where(success == 1.0, np.log(sure), np.log1p(-sure)))
    value = auc(expected, success)
    return Score(
        model=name,
        auc=value,
        auc_error=_auc_error(value, success),
        log_loss=float(loss),
        calibration_error=_calibration_error(expected, success),
        num=len(success),
    )


def auc(expected: Floats, success: Floats) -> float:
    """Area under the ROC curve of ``expected`` for ``success`` (0 or 1), both float [n]."""
    good = success == 1.0
    num_good, num_bad = int(good.sum()), int((~good).sum())
    if not num_good or not num_bad:
        return float("nan")
    # Sums taken in another order differ in the last bits: equal means must stay ties.
    ranks = rankdata(np.round(expected, 12))
    above = ranks[good].sum() - num_good * (num_good + 1) / 2
    return float(above / (num_good * num_bad))


def _auc_error(value: float, success: Floats) -> float:
    num_good = float(success.sum())
    num_bad = float(len(success) - num_good)
    if not num_good or not num_bad:
        return float("nan")
    q1, q2 = value / (2 - value), 2 * value**2 / (1 + value)
    spread = (
        value * (1 - value) + (num_good - 1) * (q1 - value**2) + (num_bad - 1) * (q2 - value**2)
    )
    return float(np.sqrt(max(spread, 0.0) / (num_good * num_bad)))


def _calibration_error(expected: Floats, success: Floats) -> float:
    bins = np.minimum((expected * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    gap = np.bincount(bins, expected - success, minlength=NUM_BINS)
    return float(np.abs(gap).sum() / len(success))

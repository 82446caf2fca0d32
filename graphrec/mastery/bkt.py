"""Stage 3, TRAIN: Bayesian Knowledge Tracing with forgetting, a skill at a time.

Corbett and Anderson 1994: a learner knows a skill or does not. ``P(L)`` starts at ``init``;
a success is seen with ``1 - slip`` where it is known and ``guess`` where not; after each
observation an unknown skill is learned with ``learn``. Deviations: between observations
``P(L)`` halves every ``half_life_days`` (the original forgets nothing); practice without an
outcome shows nothing and teaches with a rate of its own, ``learn_by_view``; a
skill's parameters are drawn to those of all skills (maximum a posteriori under a normal
prior on the transformed scale), so that a rare skill has sound ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import minimize
from scipy.special import expit, logit

from graphrec.mastery.base import SkillRows, by_skill, mean_by_row
from graphrec.mastery.evidence import DAY_MS, Evidence, Floats, Ints

NAMES: Final = ("init", "learn", "learn_by_view", "guess", "slip", "half_life_days")
_START: Final = np.array([0.0, -1.4, -3.0, 0.0, -1.4, np.log(180.0)])
"""Where the search begins, and its prior lies: .5, .2, .05, .25, .1, and half a year."""
_BOUNDS: Final = [(-6.0, 4.0)] * 5 + [(np.log(14.0), np.log(3650.0))]
_TOP: Final = np.array([1.0, 1.0, 1.0, 0.5, 0.5])
"""Most that each odds may be: a guess is worse than a coin, or the states could change places."""
_STEP: Final = 1e-4


class BktConfig(BaseModel):
    """How firmly parameters are held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shrinkage: float = Field(
        default=4.0,
        ge=0,
        description="Weight of the prior that draws a skill to all skills; 0: none.",
    )
    anchor: float = Field(
        default=2.0,
        ge=0,
        description="Weight of the prior on the parameters of all skills, around usual values.",
    )
    max_iterations: int = Field(
        default=40, ge=1, le=1000, description="Steps of the search; it settles within 30."
    )


@dataclass(frozen=True)
class Trace:
    """What the filter found in M rows and P pairs.

    Attributes:
        expected: float [M], probability of success before the row.
        known: float [P], ``P(L)`` after the last row of each pair.
        log_likelihood: float [P], of the outcomes of each pair.
    """

    expected: Floats
    known: Floats
    log_likelihood: Floats


class BayesianKnowledgeTracing:
    """Fitted by direct likelihood; ``theta`` is float [S + 1, 6], the last row "no skill"."""

    name = "bkt"

    def __init__(self, config: BktConfig | None = None) -> None:
        self.config = config or BktConfig()
        self.theta: Floats = _START[None, :].copy()

    def fit(self, evidence: Evidence) -> None:
        """Fit all skills together, then each with its own parameters, drawn to those."""
        rows, num_skills = by_skill(evidence), len(evidence.skill_ids) + 1
        steps = _steps(rows)

        def likelihood(theta: Floats) -> Floats:
            """Float [S + 1], of the outcomes of each skill."""
            found = trace(rows, theta, steps).log_likelihood
            return np.bincount(rows.pairs[:, 1], found, minlength=num_skills).astype(np.float64)

        def for_all(theta: Floats) -> Floats:
            each = likelihood(np.repeat(theta, num_skills, axis=0))
            return np.array([each.sum()])

        shared = self._search(for_all, _START[None, :], self.config.anchor)
        start = np.repeat(shared, num_skills, axis=0)
        self.theta = self._search(likelihood, start, self.config.shrinkage)

    def predict(self, evidence: Evidence) -> Floats:
        """Float [N]: mean over the course's skills of the probability of success."""
        rows = by_skill(evidence)
        return mean_by_row(rows, trace(rows, self.theta).expected, len(evidence))

    def known(self, evidence: Evidence, now: int) -> tuple[Ints, Floats]:
        """Learners and skills, int [P, 2]; ``P(L)`` of each at ``now`` (epoch ms), float [P]."""
        rows = by_skill(evidence)
        last = np.zeros(len(rows.pairs), np.int64)
        np.maximum.at(last, rows.pair, evidence.at[rows.row])
        days = np.maximum(now - last, 0) / DAY_MS
        half_life = parameters(self.theta)[rows.pairs[:, 1], 5]
        return rows.pairs, trace(rows, self.theta).known * np.exp2(-days / half_life)

    def _search(self, likelihood: _Likelihood, start: Floats, weight: float) -> Floats:
        """Float like ``start``: the likeliest parameters under a normal prior around ``start``."""
        shape = start.shape

        def loss(flat: Floats) -> tuple[float, Floats]:
            theta = flat.reshape(shape)
            off = theta - start
            value = likelihood(theta)
            # Rows do not touch each other: one step along a column gives all their slopes.
            slopes = np.empty(shape)
            for column in range(shape[1]):
                moved = theta.copy()
                moved[:, column] += _STEP
                slopes[:, column] = (likelihood(moved) - value) / _STEP
            penalty = 0.5 * weight * float((off**2).sum())
            return penalty - float(value.sum()), (weight * off - slopes).ravel()

        found = minimize(
            loss,
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=_BOUNDS * shape[0],
            options={"maxiter": self.config.max_iterations},
        )
        best: Floats = np.asarray(found.x, np.float64).reshape(shape)
        return best


class _Likelihood(Protocol):
    """A function of parameters, float [R, 6], to log likelihoods, float [R]."""

    def __call__(self, theta: Floats) -> Floats: ...


def parameters(theta: Floats) -> Floats:
    """Float [S, 6]: what ``theta`` stands for, in the order of ``NAMES``."""
    odds = expit(theta[:, :5]) * _TOP
    return np.concatenate([odds, np.exp(theta[:, 5:])], axis=1)


def theta_of(values: Floats) -> Floats:
    """Inverse of ``parameters``: float [S, 6] of values in the order of ``NAMES``."""
    odds = logit(values[:, :5] / _TOP)
    return np.concatenate([odds, np.log(values[:, 5:])], axis=1)


def _steps(rows: SkillRows) -> list[Ints]:
    """The rows of each step: first those of all pairs, then the second ones, and so on."""
    order = np.argsort(rows.step, kind="stable")
    ends = np.cumsum(np.bincount(rows.step)) if len(rows.step) else np.empty(0, np.int64)
    return [np.asarray(part, np.int64) for part in np.split(order, ends[:-1])] if len(ends) else []


def trace(rows: SkillRows, theta: Floats, steps: list[Ints] | None = None) -> Trace:
    """Follow ``P(L)`` of every pair through its rows.

    Args:
        rows: Observations, skill by skill.
        theta: float [S + 1, 6], as fitted.
        steps: ``_steps(rows)``, where it is known already.
    """
    init, learn, by_view, guess, slip, half_life = parameters(theta).T
    known = init[rows.pairs[:, 1]]
    shown = known.copy()
    expected, total = np.empty(len(rows.row)), np.zeros(len(known))
    for at in _steps(rows) if steps is None else steps:
        pair, skill, gap = rows.pair[at], rows.skill[at], rows.gap_days[at]
        held = known[pair] * np.exp2(-gap / half_life[skill])
        # Of things done at one moment none is known before the others.
        before = np.where((gap == 0) & (rows.step[at] > 0), shown[pair], held)
        shown[pair] = before
        hit, miss = 1.0 - slip[skill], guess[skill]
        expected[at] = before * hit + (1.0 - before) * miss
        success = rows.success[at]
        right = held * hit + (1.0 - held) * miss
        after = np.where(success == 1.0, held * hit / right, held * (1.0 - hit) / (1.0 - right))
        after = np.where(np.isnan(success), held, after)
        seen = np.where(np.isnan(success), 1.0, np.where(success == 1.0, right, 1.0 - right))
        total[pair] += np.log(seen)
        known[pair] = after + (1.0 - after) * np.where(
            np.isnan(success), by_view[skill], learn[skill]
        )
    return Trace(expected, known, total)

"""Stage 3, TRAIN: a logistic model of practice, after Performance Factors and DAS3H.

``P(success) = sigmoid(w . x)``. As in Pavlik, Cen and Koedinger 2009, ``x`` counts earlier
successes and failures on the skills; as in Choffin et al. 2019 (DAS3H), it counts them in
windows of time, ``log(1 + n)``, so that what is long ago may weigh less. Deviations: for a
parameter a learner, course and skill (DAS3H) it has the log-odds of their success so far,
drawn to the mean of all, since most learners of a test are new; counts are averaged over a
course's skills; and it has how far the prerequisites are held, with a half-life that is
chosen by likelihood.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import minimize
from scipy.special import expit, logit

from graphrec.mastery.baselines import PRIOR_WEIGHT, base_rate, moments
from graphrec.mastery.evidence import DAY_MS, Evidence, Floats

FEATURES: Final = (
    "bias",
    "learner so far",
    "course so far",
    "skills so far",
    "last outcome",
    "learner observed",
    "course practised",
    "prerequisites held",
    "prerequisites missing",
)
_HELD: Final = FEATURES.index("prerequisites held")


class LogisticConfig(BaseModel):
    """Windows, half-lives tried, and how firmly weights are held."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows_days: tuple[float, ...] = Field(
        default=(1.0, 7.0, 30.0, 36_500.0),
        description="Days back that practice is counted over; the windows of DAS3H less the hour.",
    )
    half_lives_days: tuple[float, ...] = Field(
        default=(60.0, 240.0, 960.0),
        description="Half-lives of a prerequisite that are tried; the likeliest is kept.",
    )
    l2: float = Field(default=2.0, ge=0, description="Weight of the prior that draws weights to 0.")


class PracticeLogistic:
    """Fitted by penalised likelihood on standardised features; ``weights`` is float [F]."""

    name = "logistic"

    def __init__(self, config: LogisticConfig | None = None) -> None:
        self.config = config or LogisticConfig()
        self.weights: Floats = np.zeros(0)
        self.half_life_days = self.config.half_lives_days[0]
        self._base = 0.5
        self._centre: Floats = np.zeros(0)
        self._scale: Floats = np.ones(0)

    def fit(self, evidence: Evidence) -> None:
        """Learn weights for each half-life, and keep the likeliest."""
        self._base = base_rate(evidence)
        scored = evidence.is_scored
        best = np.inf
        has_needs = any(len(needs) for needs in evidence.needs)
        tried = self.config.half_lives_days if has_needs else self.config.half_lives_days[:1]
        for half_life, found in zip(tried, self._features(evidence, tried), strict=True):
            values = found[scored]
            centre, scale = values.mean(axis=0), values.std(axis=0)
            centre[0], scale[scale < 1e-9] = 0.0, 1.0
            weights, loss = _regress(
                (values - centre) / scale, evidence.success[scored], self.config.l2
            )
            if loss < best:
                best, self.weights, self.half_life_days = loss, weights, half_life
                self._centre, self._scale = centre, scale

    def predict(self, evidence: Evidence) -> Floats:
        """Float [N]: probability of success from what came strictly before."""
        found = self._features(evidence, (self.half_life_days,))[0]
        values = (found - self._centre) / self._scale
        odds: Floats = expit(values @ self.weights)
        return odds

    def _features(self, evidence: Evidence, half_lives_days: tuple[float, ...]) -> Floats:
        """Float [H, N, F]: ``FEATURES``, then successes, failures and views by window.

        A slice a half-life; rows without an outcome stay 0, as nobody asks for them.
        """
        history = _History(self._base, np.array(half_lives_days), self.config.windows_days)
        width = len(FEATURES) + 3 * len(self.config.windows_days)
        values = np.zeros((len(half_lives_days), len(evidence), width))
        scored = evidence.is_scored
        for moment in moments(evidence.at):
            for row in moment:
                if scored[row]:
                    values[:, row] = history.features(evidence, row)
                    held = history.held(evidence, row)  # [H, needs]
                    if held.size:
                        values[:, row, _HELD] = held.mean(axis=1)
                        values[:, row, _HELD + 1] = 1.0 - held.mean(axis=1)
            for row in moment:
                history.add(evidence, row)
        return values


class _History:
    """All that happened so far, by learner, course, skill and pair."""

    def __init__(self, base: float, half_lives_days: Floats, windows_days: Sequence[float]) -> None:
        self._base, self._half_lives_ms = base, half_lives_days * DAY_MS
        self._windows_ms = [days * DAY_MS for days in windows_days]
        self._sums: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._last: dict[int, float] = {}
        self._views: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._practice: defaultdict[tuple[int, int, int], list[int]] = defaultdict(list)

    def features(self, evidence: Evidence, row: int) -> Floats:
        """Float [F] of a row; what depends on a half-life is 0."""
        learner, course = int(evidence.learner[row]), int(evidence.course[row])
        skills, now = evidence.skills[course].tolist(), int(evidence.at[row])
        named = [
            1.0,
            self._odds("learner", learner),
            self._odds("course", course),
            sum(self._odds("skill", skill) for skill in skills) / len(skills),
            self._last.get(learner, 0.0),
            math.log1p(self._sums["learner", learner][1]),
            math.log1p(self._views[learner, course]),
            0.0,
            0.0,
        ]
        counts = np.array([self._counts(learner, skill, now) for skill in skills]).mean(axis=0)
        return np.concatenate([named, np.log1p(counts)])

    def held(self, evidence: Evidence, row: int) -> Floats:
        """Float [H, needs], 0..1: prerequisites shown, halved each half-life since."""
        learner, now = int(evidence.learner[row]), int(evidence.at[row])
        needs = evidence.needs[evidence.course[row]].tolist()
        shown = [self._practice.get((learner, need, 0)) for need in needs]
        ages = np.array([now - times[-1] if times else np.inf for times in shown])
        left: Floats = np.exp2(-ages[None, :] / self._half_lives_ms[:, None])
        return left

    def add(self, evidence: Evidence, row: int) -> None:
        learner, course = int(evidence.learner[row]), int(evidence.course[row])
        success, at = evidence.success[row], int(evidence.at[row])
        kind = 2 if np.isnan(success) else 1 - int(success)
        self._views[learner, course] += 1
        for skill in evidence.skills[course].tolist():
            self._practice[learner, skill, kind].append(at)
        if kind == 2:
            return
        self._last[learner] = 2.0 * success - 1.0
        keys = [("learner", learner), ("course", course)]
        for key in [*keys, *(("skill", s) for s in evidence.skills[course].tolist())]:
            self._sums[key][0] += float(success)
            self._sums[key][1] += 1.0

    def _odds(self, kind: str, key: int) -> float:
        """Log-odds of success so far, less those of all."""
        total, count = self._sums[kind, key]
        mean = (total + PRIOR_WEIGHT * self._base) / (count + PRIOR_WEIGHT)
        mean = min(max(mean, 0.01), 0.99)
        return float(logit(mean) - logit(min(max(self._base, 0.01), 0.99)))

    def _counts(self, learner: int, skill: int, now: int) -> list[int]:
        """Int [3 W]: successes, failures and views within each window."""
        counts = []
        for kind in range(3):
            times = self._practice.get((learner, skill, kind), [])
            counts += [len(times) - bisect_left(times, now - window) for window in self._windows_ms]
        return counts


def _regress(values: Floats, success: Floats, l2: float) -> tuple[Floats, float]:
    """Weights, float [F], and the penalised loss; the bias (column 0) is free."""
    firm = np.full(values.shape[1], l2)
    firm[0] = 0.0

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = values @ weights
        value = float(np.logaddexp(0.0, odds).sum() - success @ odds)
        slope = values.T @ (expit(odds) - success) + firm * weights
        return value + 0.5 * float(firm @ weights**2), slope

    found = minimize(loss, np.zeros(values.shape[1]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x, np.float64), float(found.fun)

"""Who is asked about which candidates, and when: what every ranking feature is computed from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from graphrec.dataset import Histories
from graphrec.features.ranking_facts import DAY_MS, CourseFacts


@dataclass(frozen=True)
class Asked:
    """Candidates of ``n`` learners, whose features are wanted.

    Attributes:
        histories: What each has taken before.
        owners: int64 [m], learner of each candidate, ascending.
        items: int [m], the candidates.
        standard: float32 [m, p], each part's score, standardised over the learner's candidates.
        blended: float32 [m], the learned blend.
        parts: Names of the p parts.
        moments: int64 [n], epoch ms at which each asks, -1 unknown; None: their last event's.
        roles: int64 [n], row of the facts' role that each aims at, -1 none; None: nobody aims.
    """

    histories: Histories
    owners: np.ndarray
    items: np.ndarray
    standard: np.ndarray
    blended: np.ndarray
    parts: tuple[str, ...]
    moments: np.ndarray | None = None
    roles: np.ndarray | None = None
    _held: list[sp.csr_array] = field(default_factory=list, repr=False)

    def held(self, facts: CourseFacts) -> sp.csr_array:
        """Learner by skill, 1 where a course taken teaches it; of one ``facts``, made once."""
        if not self._held:
            self._held.append(facts.held(self.histories))
        return self._held[0]

    @property
    def role_rows(self) -> np.ndarray:
        """``roles``, with -1 for all where nobody aims; int64 [n]."""
        return np.full(len(self.histories), -1) if self.roles is None else self.roles

    @cached_property
    def last_times(self) -> np.ndarray:
        """Epoch ms of each learner's newest event, -1 unknown; int64 [n]."""
        return self._newest(1)

    @cached_property
    def asked_at(self) -> np.ndarray:
        """Epoch ms that each learner is asked at, -1 unknown; int64 [n]."""
        return self.last_times if self.moments is None else self.moments

    def _newest(self, back: int) -> np.ndarray:
        """Times of the ``back``-th newest events, -1 where there are fewer; int64 [n]."""
        found = np.full(len(self.histories), -1, np.int64)
        if self.histories.times is not None:
            has = self.histories.lengths >= back
            found[has] = self.histories.times[self.histories.indptr[1:][has] - back]
        return found

    def ranks(self, values: np.ndarray) -> np.ndarray:
        """Place of each value (float [m]) in its learner's list, 0 the best, as a log; [m]."""
        order = np.lexsort((self.items, -values, self.owners))
        sizes = np.bincount(self.owners, minlength=len(self.histories))
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        places = np.empty(len(order), np.float32)
        places[order] = np.arange(len(order)) - starts[self.owners[order]]
        return np.asarray(np.log1p(places), np.float32)

    def days_between(self, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
        """Log-days between epoch ms (int [k]), 0 where either is unknown; float32 [k]."""
        is_known = (earlier >= 0) & (later >= 0)
        days = np.where(is_known, np.maximum(later - earlier, 0), 0) / DAY_MS
        return np.asarray(np.log1p(days), np.float32)

    @property
    def pace(self) -> np.ndarray:
        """Log-days between each learner's two newest events, float32 [n]."""
        return self.days_between(self._newest(2), self.last_times)

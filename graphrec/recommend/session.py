"""A learner's session: what is known at the moment of asking, in a bundle's terms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from graphrec.dataset import Histories
from graphrec.recommend.learners import Learner, histories_of
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.pipeline import Shortlists, Vectors
from graphrec.recommend.schemas import Reason

ReasonKey = tuple[str | None, str, str, bool]
"""Role aimed at, language, course, and whether it was given to explore."""


class Session:
    """A learner and the courses of this session, in a bundle's terms; worked out when asked.

    Args:
        learner: As read.
        trained: Whose items and models.
        recent: Courses after the stored history, oldest first.

    Attributes:
        shortlists: Of requests without conditions, by the role aimed at; they stand as
            long as the history, so that such a request only reranks.
        reasons: Reasons given; they rest on the same history.
    """

    def __init__(
        self, learner: Learner, trained: TrainedPipeline, recent: Sequence[str] = ()
    ) -> None:
        self._learner = learner
        self._trained = trained
        self._recent = recent
        self.shortlists: dict[str | None, Shortlists] = {}
        self.reasons: dict[ReasonKey, Reason] = {}

    @property
    def history(self) -> Histories:
        """What was taken, of this one learner."""
        return self._known[0]

    @property
    def views(self) -> Histories | None:
        """Weaker signals, or None."""
        return self._known[1]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken nor viewed that the bundle knows."""
        num_views = 0 if self.views is None else len(self.views.items)
        return len(self.history.items) + num_views == 0

    @cached_property
    def vectors(self) -> Vectors:
        """Session vectors by part."""
        return self._trained.pipeline.encode(self.history)

    @cached_property
    def _known(self) -> tuple[Histories, Histories | None]:
        items = self._trained.items
        committed = self._trained.has_commitments
        history, views = histories_of([self._learner], items, committed=committed)
        if self._recent:
            history = _followed_by(history, items.indices(self._recent))
        return history, views


def _followed_by(history: Histories, recent: np.ndarray) -> Histories:
    """One history with ``recent`` (int [m], -1 unknown) as its newest items."""
    newest = list(dict.fromkeys(int(item) for item in recent[::-1] if item >= 0))[::-1]
    older = [int(item) for item in history.items if int(item) not in set(newest)]
    return Histories.from_lists([older + newest])

"""One moment's recommender: a catalogue, a pipeline or none, and everything derived from them.

Immutable once built, so that a request keeps one view while a new champion is taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphrec.dataset import Histories
from graphrec.features.signals import ROLE, LearnerSignals, RoleScores
from graphrec.ids import IdMap
from graphrec.models.blend import Candidates
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.explain import Explainer
from graphrec.recommend.filters import Eligibility
from graphrec.recommend.learners import Learner, histories_of
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.pipeline import Pipeline, Vectors, top_positions
from graphrec.recommend.schemas import Reason, Source

_ROLE_OVER_POPULARITY = 2.0
"""Without a history: a course with all that the role needs outweighs the most popular one."""


Retrieved = tuple[Candidates, np.ndarray]
"""Candidates of one learner and their scores by part."""

_MAX_ROLES = 4
"""Roles for which a learner's candidates are kept."""


@dataclass(frozen=True)
class Encoded:
    """A learner in a bundle's terms.

    Attributes:
        history: Of this one learner.
        views: Weaker signals, or None.
        vectors: Session vectors by part.
        retrieved: What a request without conditions retrieves, by the role aimed at; kept
            while the history stands, so that such a request only reranks.
        reasons: Reasons given, by role and course; they rest on the same history.
    """

    history: Histories
    views: Histories | None
    vectors: Vectors
    retrieved: dict[str | None, Retrieved] = field(default_factory=dict)
    reasons: dict[tuple[str | None, str], Reason] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken nor viewed that the bundle knows."""
        num_views = 0 if self.views is None else len(self.views.items)
        return len(self.history.items) + num_views == 0


@dataclass(frozen=True)
class Picked:
    """The best items for one learner, best first.

    Attributes:
        items: int64 [m], m <= k.
        scores: float32 [m].
        shares: Part -> float32 [m].
        source: What they rest on.
    """

    items: np.ndarray
    scores: np.ndarray
    shares: dict[str, np.ndarray]
    source: Source


class Engine:
    """Ranks for learners that were read before.

    Args:
        catalogue: What can be recommended.
        popularity: Learners of each course by id.
        trained: The bundle's pipeline; None: popularity and roles alone.
        bundle_id: Of ``trained``.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        popularity: Mapping[str, float],
        trained: TrainedPipeline | None,
        bundle_id: str | None,
    ) -> None:
        self.catalogue = catalogue
        self.trained = trained
        self.bundle_id = bundle_id
        known = [] if trained is None else list(trained.items)
        seen = set(known)
        # Courses newer than the bundle follow its rows: no model knows them, cold ranking does.
        self.items = IdMap([*known, *(c for c in catalogue.courses if c not in seen)])
        self.num_trained = len(known)
        self.eligibility = Eligibility(catalogue, self.items)
        self.roles = _role_scores(catalogue, self.items)
        self.trained_roles = _role_scores(catalogue, IdMap(known))
        self.explainer = Explainer(catalogue, trained)
        self.num_learners = np.array([popularity.get(c, 0) for c in self.items], np.int64)
        logs = np.log1p(self.num_learners)
        self._popular = (logs / max(float(logs.max(initial=0.0)), 1e-9)).astype(np.float32)

    def encode(self, learner: Learner, recent: Sequence[str] = ()) -> Encoded | None:
        """The learner's session; None without a pipeline.

        Args:
            learner: As read.
            recent: Courses of this session, oldest first, after the stored history.
        """
        if self.trained is None:
            return None
        key = self.bundle_id or ""
        if not recent and key in learner.encoded:
            kept = learner.encoded[key]
            assert isinstance(kept, Encoded)  # noqa: S101 - only this method writes it
            return kept
        history, views = histories_of(
            [learner], self.trained.items, committed=self.trained.has_commitments
        )
        if recent:
            history = _followed_by(history, self.trained.items.indices(recent))
        encoded = Encoded(history, views, self.trained.pipeline.encode(history))
        if not recent:
            learner.encoded.clear()  # of an older bundle
            learner.encoded[key] = encoded
        return encoded

    def rows_of(self, history: Sequence[str]) -> np.ndarray:
        """What the bundle knows of a history: dense rows, int64, newest first."""
        rows = self.items.indices(reversed(history))
        return rows[(rows >= 0) & (rows < self.num_trained)]

    def pick(
        self,
        encoded: Encoded | None,
        allowed: Callable[[], np.ndarray],
        role_id: str | None,
        k: int,
        *,
        is_plain: bool = False,
    ) -> Picked:
        """The best ``k`` allowed items; the pipeline's first, then by role and popularity.

        Args:
            encoded: The session, or None.
            allowed: Gives bool [num_items]; asked only where it is needed.
            role_id: The role aimed at.
            k: How many.
            is_plain: Whether ``allowed`` follows from the learner alone, so that what is
                retrieved may be kept.
        """
        if self.trained is None or encoded is None or encoded.is_empty:
            return self._cold(allowed(), role_id, k)
        pipeline = self.trained.pipeline
        retrieved = encoded.retrieved.get(role_id) if is_plain else None
        if retrieved is None:
            retrieved = self._retrieve(pipeline, encoded, allowed(), role_id)
            if is_plain and len(encoded.retrieved) < _MAX_ROLES:
                encoded.retrieved[role_id] = retrieved
        ranking = pipeline.rank_candidates(*retrieved, encoded.history.lengths, k)
        found = int((ranking.items[0] >= 0).sum())
        shares = {p: ranking.shares[0, :found, i] for i, p in enumerate(pipeline.parts)}
        warm = Picked(ranking.items[0, :found], ranking.scores[0, :found], shares, "pipeline")
        return warm if found == k else self._filled(warm, allowed(), role_id, k)

    def _retrieve(
        self, pipeline: Pipeline, encoded: Encoded, allowed: np.ndarray, role_id: str | None
    ) -> Retrieved:
        n = self.num_trained
        signals = LearnerSignals(n, encoded.views, self.trained_roles, [role_id]).dense()
        return pipeline.candidates(
            encoded.history, allowed=allowed[:n], signals=signals, vectors=encoded.vectors
        )

    def _cold(self, allowed: np.ndarray, role_id: str | None, k: int) -> Picked:
        """By what the role needs, then by popularity."""
        role = self.roles.of([role_id])[0]
        peak = float(role.max(initial=0.0))
        wanted = _ROLE_OVER_POPULARITY * role / peak if peak else role
        rows = np.flatnonzero(allowed)
        scores = (self._popular + wanted)[rows]
        best = top_positions(scores, k)
        items = rows[best]
        shares = {"popularity": self._popular[items], ROLE: wanted[items]}
        source: Source = "popularity" if self.trained is None else "content"
        return Picked(items, scores[best], shares, source)

    def _filled(self, warm: Picked, allowed: np.ndarray, role_id: str | None, k: int) -> Picked:
        """Fewer candidates than asked: what else is allowed, below them."""
        rest = allowed.copy()
        rest[warm.items] = False
        cold = self._cold(rest, role_id, k - len(warm.items))
        floor = float(warm.scores.min(initial=0.0))
        peak = float(cold.scores.max(initial=0.0))
        shares = {
            part: np.concatenate([values, np.zeros(len(cold.items), np.float32)])
            for part, values in warm.shares.items()
        }
        return Picked(
            np.concatenate([warm.items, cold.items]),
            np.concatenate([warm.scores, cold.scores - peak + floor]),
            shares,
            warm.source if len(warm.items) else cold.source,
        )


def _role_scores(catalogue: Catalogue, items: IdMap) -> RoleScores:
    needs = {role: frozenset(catalogue.role_needs(role)) for role in catalogue.roles}
    taught_by = {skill: catalogue.courses_teaching(skill) for skill in catalogue.skills}
    return RoleScores(needs, taught_by, items)


def _followed_by(history: Histories, recent: np.ndarray) -> Histories:
    """One history with ``recent`` (int [m], -1 unknown) as its newest items."""
    newest = list(dict.fromkeys(int(item) for item in recent[::-1] if item >= 0))[::-1]
    older = [int(item) for item in history.items if int(item) not in set(newest)]
    return Histories.from_lists([older + newest])

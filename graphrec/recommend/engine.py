"""One moment's recommender: a catalogue, a pipeline or none, and everything derived from them.

Immutable once built, so that a request keeps one view while a new champion is taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from graphrec.dataset import Histories
from graphrec.features.signals import ROLE, LearnerSignals, RoleScores
from graphrec.ids import IdMap
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.explain import Explainer
from graphrec.recommend.filters import Eligibility
from graphrec.recommend.learners import Learner, histories_of
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.pipeline import Pipeline, Ranking, Shortlists, Vectors, top_positions
from graphrec.recommend.prepared import Prepared
from graphrec.recommend.schemas import Reason, RecommendRequest, Source

_ANYTHING = RecommendRequest()

_ROLE_OVER_POPULARITY = 2.0
"""Without a history: a course with all that the role needs outweighs the most popular one."""


SHORTLISTED = 64
"""Candidates kept of a learner; whoever asks for more is retrieved for anew."""

_MAX_ROLES = 4
"""Roles for which a learner's shortlist is kept."""


class Session:
    """A learner and the courses of this session, in a bundle's terms; worked out when asked.

    Args:
        learner: As read.
        trained: Whose items and models.
        recent: Courses after the stored history, oldest first.

    Attributes:
        shortlists: Of requests without conditions, by the role aimed at; they stand as
            long as the history, so that such a request only reranks.
        reasons: Reasons given, by role and course; they rest on the same history.
    """

    def __init__(
        self, learner: Learner, trained: TrainedPipeline, recent: Sequence[str] = ()
    ) -> None:
        self._learner = learner
        self._trained = trained
        self._recent = recent
        self.shortlists: dict[str | None, Shortlists] = {}
        self.reasons: dict[tuple[str | None, str], Reason] = {}

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


@dataclass(frozen=True)
class Picked:
    """The best items for one learner, best first.

    Attributes:
        items: int [m], m <= k.
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

    Attributes:
        prepared: Shortlists made before anybody asked, or None.
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
        self.prepared: Prepared | None = None
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

    def session(self, learner: Learner, recent: Sequence[str] = ()) -> Session | None:
        """The learner's session, kept with the learner; None without a pipeline.

        Args:
            learner: As read.
            recent: Courses of this session, oldest first, after the stored history.
        """
        if self.trained is None:
            return None
        if recent:
            return Session(learner, self.trained, recent)
        key = self.bundle_id or ""
        kept = learner.sessions.get(key)
        if kept is None:
            kept = Session(learner, self.trained)
            prepared = None if self.prepared is None else self.prepared.of(learner)
            if prepared is not None:
                kept.shortlists[learner.target_role_id] = prepared
            learner.sessions.clear()  # of an older bundle
            learner.sessions[key] = kept
        assert isinstance(kept, Session)  # noqa: S101 - only this method writes it
        return kept

    def rows_of(self, history: Sequence[str]) -> np.ndarray:
        """What the bundle knows of a history: dense rows, int64, newest first."""
        rows = self.items.indices(reversed(history))
        return rows[(rows >= 0) & (rows < self.num_trained)]

    def pick(
        self,
        session: Session | None,
        allowed: Callable[[], np.ndarray],
        role_id: str | None,
        k: int,
        *,
        is_plain: bool = False,
    ) -> Picked:
        """The best ``k`` allowed items; the pipeline's first, then by role and popularity.

        Args:
            session: The session, or None.
            allowed: Gives bool [num_items]; asked only where it is needed.
            role_id: The role aimed at.
            k: How many.
            is_plain: Whether ``allowed`` follows from the learner alone, so that the
                shortlist may be kept.
        """
        if self.trained is None or session is None:
            return self._cold(allowed(), role_id, k)
        is_kept = is_plain and k <= SHORTLISTED
        shortlist = session.shortlists.get(role_id) if is_kept else None
        if shortlist is None:
            if session.is_empty:
                return self._cold(allowed(), role_id, k)
            shortlist = self._retrieve(
                self.trained.pipeline,
                session.history,
                session.views,
                [role_id],
                allowed()[None, : self.num_trained],
                max(k, SHORTLISTED),
                session.vectors,
            )
            if is_kept and len(session.shortlists) < _MAX_ROLES:
                session.shortlists[role_id] = shortlist
        return self._picked(self.trained.pipeline.rerank(shortlist, k), 0, allowed, role_id, k)

    def pick_many(self, learners: Sequence[Learner], k: int) -> list[Picked]:
        """The best ``k`` courses of each learner, as ``pick`` gives them one by one."""
        rows = [partial(self.allowed, learner) for learner in learners]
        roles = [learner.target_role_id for learner in learners]
        if self.trained is None:
            return [self._cold(row(), role, k) for row, role in zip(rows, roles, strict=True)]
        shortlists, is_empty = self.shortlists(self.trained, learners, k)
        ranking = self.trained.pipeline.rerank(shortlists, k)
        return [
            self._cold(rows[n](), roles[n], k)
            if is_empty[n]
            else self._picked(ranking, n, rows[n], roles[n], k)
            for n in range(len(learners))
        ]

    def shortlists(
        self, trained: TrainedPipeline, learners: Sequence[Learner], size: int
    ) -> tuple[Shortlists, np.ndarray]:
        """Shortlists of learners for the role each aims at, and who has nothing to go by.

        Args:
            trained: The engine's own.
            learners: As read, one at least.
            size: Candidates of each.

        Returns:
            Shortlists, and bool [n].
        """
        committed = trained.has_commitments
        histories, views = histories_of(learners, trained.items, committed=committed)
        allowed = np.stack([self.allowed(learner)[: self.num_trained] for learner in learners])
        roles = [learner.target_role_id for learner in learners]
        found = self._retrieve(trained.pipeline, histories, views, roles, allowed, size)
        num_known = histories.lengths + (0 if views is None else views.lengths)
        return found, num_known == 0

    def allowed(
        self,
        learner: Learner,
        recent: Sequence[str] = (),
        request: RecommendRequest = _ANYTHING,
    ) -> np.ndarray:
        """What a learner may be given, bool [num_items]."""
        return self.eligibility.allowed(
            taken=learner.taken.union(recent),
            completed=learner.completed.union(recent),
            exclude=request.exclude,
            filters=request.filters,
        )

    def _retrieve(
        self,
        pipeline: Pipeline,
        histories: Histories,
        views: Histories | None,
        roles: Sequence[str | None],
        allowed: np.ndarray,
        size: int,
        vectors: Vectors | None = None,
    ) -> Shortlists:
        """Shortlists of n learners; ``allowed`` bool [n, num_trained]."""
        signals = LearnerSignals(self.num_trained, views, self.trained_roles, roles).dense()
        return pipeline.shortlist(
            histories, size, allowed=allowed, signals=signals, vectors=vectors
        )

    def _picked(
        self,
        ranking: Ranking,
        row: int,
        allowed: Callable[[], np.ndarray],
        role_id: str | None,
        k: int,
    ) -> Picked:
        """One learner's items of a ranking, filled up where they are too few."""
        assert self.trained is not None  # noqa: S101 - asked by pick and pick_many
        items = ranking.items[row]
        found = int((items >= 0).sum())
        parts = self.trained.pipeline.parts
        shares = {part: ranking.shares[row, :found, i] for i, part in enumerate(parts)}
        warm = Picked(items[:found], ranking.scores[row, :found], shares, "pipeline")
        return warm if found == k else self._filled(warm, allowed(), role_id, k)

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

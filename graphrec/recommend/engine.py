"""One moment's recommender: a catalogue, a pipeline or none, and everything derived from them.

Immutable once built, so that a request keeps one view while a new champion is taken up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from graphrec.dataset import Histories
from graphrec.features.signals import ROLE, LearnerSignals, RoleScores
from graphrec.ids import IdMap
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.explain import Explainer
from graphrec.recommend.explorer import Explorer
from graphrec.recommend.filters import Eligibility
from graphrec.recommend.knobs import EXPLORED, PLAIN, SHORTLISTED, Knobs
from graphrec.recommend.learners import Learner, histories_of
from graphrec.recommend.model_io import TrainedPipeline
from graphrec.recommend.picked import Picked
from graphrec.recommend.pipeline import (
    NOVELTY,
    POPULARITY,
    Pipeline,
    Ranking,
    Shortlists,
    Vectors,
    top_positions,
)
from graphrec.recommend.prepared import Prepared
from graphrec.recommend.schemas import RecommendRequest, Source
from graphrec.recommend.session import Session
from graphrec.rules.active import RuleBook

_ANYTHING = RecommendRequest()

_ROLE_OVER_POPULARITY = 2.0
"""Without a history: a course with all that the role needs outweighs the most popular one."""

_MAX_ROLES = 4
"""Roles for which a learner's shortlist is kept."""


class Engine:
    """Ranks for learners that were read before.

    Args:
        catalogue: What can be recommended.
        popularity: Learners of each course by id.
        trained: The bundle's pipeline; None: popularity and roles alone.
        bundle_id: Of ``trained``.
        explorer: The bundle's, or None.

    Attributes:
        prepared: Shortlists made before anybody asked, or None.
        rules: Business rules over the catalogue, or None.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        popularity: Mapping[str, float],
        trained: TrainedPipeline | None,
        bundle_id: str | None,
        explorer: Explorer | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.explorer = explorer
        self._fresh = frozenset(() if explorer is None else explorer.items.tolist())
        self.trained = trained
        self.bundle_id = bundle_id
        self.prepared: Prepared | None = None
        self.rules: RuleBook | None = None
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
        knobs: Knobs = PLAIN,
        *,
        is_plain: bool = False,
    ) -> Picked:
        """The best ``k`` allowed items; the pipeline's first, then by role and popularity.

        Args:
            session: The session, or None.
            allowed: Gives bool [num_items]; asked only where it is needed.
            role_id: The role aimed at.
            k: How many.
            knobs: Novelty and exploration.
            is_plain: Whether ``allowed`` follows from the learner alone, so that the
                shortlist may be kept.
        """
        if self.trained is None or session is None:
            return self._cold(allowed(), role_id, k)
        is_kept = is_plain and knobs.is_shortlist_enough(k)
        shortlist = session.shortlists.get(role_id) if is_kept else None
        if shortlist is None:
            if session.is_empty:
                return self._cold_explored(session, allowed(), role_id, k, knobs)
            shortlist = self._retrieve(
                self.trained.pipeline,
                session.history,
                session.views,
                [role_id],
                allowed()[None, : self.num_trained],
                max(knobs.num_candidates(k), SHORTLISTED),
                EXPLORED if is_kept else knobs.num_explored(k),
                session.vectors,
            )
            if is_kept and len(session.shortlists) < _MAX_ROLES:
                session.shortlists[role_id] = shortlist
        ranking = self.trained.pipeline.rerank(shortlist, k, novelty=knobs.novelty)
        picked = self._picked(ranking, 0, allowed, role_id, k)
        return self._explored(picked, shortlist.explored, 0, knobs)

    def pick_many(self, learners: Sequence[Learner], k: int, knobs: Knobs = PLAIN) -> list[Picked]:
        """The best ``k`` courses of each learner, as ``pick`` gives them one by one."""
        rows = [partial(self.allowed, learner) for learner in learners]
        roles = [learner.target_role_id for learner in learners]
        if self.trained is None:
            return [self._cold(row(), role, k) for row, role in zip(rows, roles, strict=True)]
        size = max(knobs.num_candidates(k), SHORTLISTED) if knobs.novelty else k
        found, is_empty = self.shortlists(self.trained, learners, size, knobs.num_explored(k))
        ranking = self.trained.pipeline.rerank(found, k, novelty=knobs.novelty)
        picked = (
            self._cold(rows[n](), roles[n], k)
            if is_empty[n]
            else self._picked(ranking, n, rows[n], roles[n], k)
            for n in range(len(learners))
        )
        return [self._explored(one, found.explored, n, knobs) for n, one in enumerate(picked)]

    def shortlists(
        self, trained: TrainedPipeline, learners: Sequence[Learner], size: int, num_explored: int
    ) -> tuple[Shortlists, np.ndarray]:
        """Shortlists of learners for the role each aims at, and who has nothing to go by.

        Args:
            trained: The engine's own.
            learners: As read, one at least.
            size: Candidates of each.
            num_explored: Courses to explore of each, where the bundle has any.

        Returns:
            Shortlists, and bool [n].
        """
        committed = trained.has_commitments
        histories, views = histories_of(learners, trained.items, committed=committed)
        allowed = np.stack([self.allowed(learner)[: self.num_trained] for learner in learners])
        roles = [learner.target_role_id for learner in learners]
        found = self._retrieve(
            trained.pipeline, histories, views, roles, allowed, size, num_explored
        )
        num_known = histories.lengths + (0 if views is None else views.lengths)
        return found, num_known == 0

    def fit(
        self,
        learner: Learner,
        recent: Sequence[str],
        role_id: str | None,
        course_ids: Sequence[str],
    ) -> dict[str, float]:
        """How well courses fit a learner, higher is better.

        By the blend over the courses asked; by popularity where nothing is known to go by.

        Args:
            learner: As read.
            recent: Courses taken after the stored history, oldest first.
            role_id: The role aimed at.
            course_ids: Of the catalogue; those that the bundle does not know, and those taken,
                are left out.
        """
        rows = self.items.indices(course_ids)
        session = self.session(learner, recent)
        if self.trained is None or session is None or session.is_empty:
            return dict(zip(course_ids, self._popular[rows].tolist(), strict=True))
        rows = rows[rows < self.num_trained]
        if not len(rows):
            return {}
        signals = LearnerSignals(self.num_trained, session.views, self.trained_roles, [role_id])
        candidates, scores = self.trained.pipeline.candidates(
            session.history, signals=signals.dense(), vectors=session.vectors, forced=rows[None, :]
        )
        lengths = session.history.lengths
        fit, _ = self.trained.pipeline.blend.score(scores, candidates, lengths)
        return dict(zip(self.items.ids(candidates.items.tolist()), fit.tolist(), strict=True))

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
        num_explored: int,
        vectors: Vectors | None = None,
    ) -> Shortlists:
        """Shortlists of n learners; ``allowed`` bool [n, num_trained]."""
        signals = LearnerSignals(self.num_trained, views, self.trained_roles, roles).dense()
        vectors = pipeline.encode(histories) if vectors is None else vectors
        found = pipeline.shortlist(
            histories, size, allowed=allowed, signals=signals, vectors=vectors, role_ids=roles
        )
        if self.explorer is None or not num_explored:
            return found
        explored = self.explorer.rank(
            histories, num_explored, allowed=allowed, signals=signals, vectors=vectors
        )
        return replace(found, explored=explored)

    def _cold_explored(
        self, session: Session, allowed: np.ndarray, role_id: str | None, k: int, knobs: Knobs
    ) -> Picked:
        """Without a history: as ``_cold``, with the places that explore."""
        picked, size = self._cold(allowed, role_id, k), knobs.num_explored(k)
        if self.explorer is None or not size:
            return picked
        signals = LearnerSignals(self.num_trained, None, self.trained_roles, [role_id]).dense()
        explored = self.explorer.rank(
            session.history,
            size,
            allowed=allowed[None, :],
            signals=signals,
            vectors=session.vectors,
        )
        return self._explored(picked, explored, 0, knobs)

    def _explored(
        self, picked: Picked, explored: np.ndarray | None, row: int, knobs: Knobs
    ) -> Picked:
        """One learner's list with the places that explore."""
        if explored is None or not knobs.num_explored(len(picked.items)):
            return picked
        return picked.exploring(explored[row].tolist(), self._fresh, knobs.exploration)

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
        shares, parts = ranking.shares[row, :found], self.trained.pipeline.terms
        if shares.shape[1] > len(parts):
            parts = (*parts, NOVELTY)
        warm = Picked.of(items[:found], ranking.scores[row, :found], shares, parts, "pipeline")
        if found == k:
            return warm
        rest = allowed().copy()
        rest[warm.items] = False
        return warm.followed_by(self._cold(rest, role_id, k - found))

    def _cold(self, allowed: np.ndarray, role_id: str | None, k: int) -> Picked:
        """By what the role needs, then by popularity."""
        role = self.roles.of([role_id])[0]
        peak = float(role.max(initial=0.0))
        wanted = _ROLE_OVER_POPULARITY * role / peak if peak else role
        rows = np.flatnonzero(allowed)
        scores = (self._popular + wanted)[rows]
        best = top_positions(scores, k)
        items = rows[best]
        shares = np.stack([self._popular[items], wanted[items]], axis=1)
        source: Source = "popularity" if self.trained is None else "content"
        return Picked.of(items, scores[best], shares, (POPULARITY, ROLE), source)


def _role_scores(catalogue: Catalogue, items: IdMap) -> RoleScores:
    needs = {role: frozenset(catalogue.role_needs(role)) for role in catalogue.roles}
    taught_by = {skill: catalogue.courses_teaching(skill) for skill in catalogue.skills}
    return RoleScores(needs, taught_by, items)

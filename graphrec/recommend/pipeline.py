"""Stage 5, SERVE: histories in, ranked items out; one code for one learner and for many.

Each model (a *part*) retrieves its best items, the embedding models through the index;
the union is filtered, scored by every part and ranked by the learned blend, which a ranker
corrects where it earned its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Histories
from graphrec.index.base import ItemIndex
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.blend import Blend, Candidates, standardise
from graphrec.models.popularity import PopularityModel
from graphrec.recommend.ranking_layer import RANKER, Blended, RankingLayer

POPULARITY = "popularity"
NOVELTY = "novelty"
"""The last column of a shortlist's scores: how well known a course is, standardised."""

_DENSE_WORTH = 50
"""One product of matrices gives so many inner products in the time of one gathered alone."""

Vectors = Mapping[str, np.ndarray]
"""Session vectors by part, float32 [n, dim]."""

Signals = Mapping[str, np.ndarray]
"""Scores that no model of histories gives (what was viewed, what a role needs), by part:
float32 [n, num_items], 0 where there is nothing to say."""


class PipelineConfig(BaseModel):
    """How many candidates are looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_candidates: int = Field(
        default=100, ge=1, description="Best items taken from each part; more changed nothing."
    )
    num_popular: int = Field(default=50, ge=1, description="Most popular items added for all.")


@dataclass(frozen=True)
class Shortlists:
    """What was retrieved for ``n`` learners, ready to be reranked.

    Attributes:
        items: int32 [n, m], best first when they were made, -1 where fewer were eligible.
        scores: float32 [n, m, terms + 1], each part's standardised over all that was
            retrieved, what the ranker adds where there is one, and ``NOVELTY``.
        lengths: int64 [n], of the histories.
        explored: int32 [n, e], courses to explore, best first, -1 where there are fewer;
            None: there is nothing to explore.
    """

    items: np.ndarray
    scores: np.ndarray
    lengths: np.ndarray
    explored: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, rows: np.ndarray | slice) -> Shortlists:
        explored = None if self.explored is None else self.explored[rows]
        return Shortlists(self.items[rows], self.scores[rows], self.lengths[rows], explored)


@dataclass(frozen=True)
class Ranking:
    """The best items of each of ``n`` learners, best first.

    Attributes:
        items: int32 [n, k], -1 where fewer were eligible.
        scores: float32 [n, k].
        shares: float32 [n, k, terms]: what each term has in the score; with novelty asked
            for, one column more.
    """

    items: np.ndarray
    scores: np.ndarray
    shares: np.ndarray


class Pipeline:
    """Fitted models, their indexes and the blend over them.

    Attributes:
        models: Part name -> fitted model, popularity among them.
        blend: Over all parts; weighs nothing before it is learned.
        indexes: Part name -> index over its item vectors; parts without one are searched
            exactly.
        signals: Names of the parts that come with a request, not from a model.
        ranking: Corrects the blend; None: the blend ranks.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        *,
        blend: Blend | None = None,
        indexes: Mapping[str, ItemIndex] | None = None,
        config: PipelineConfig | None = None,
        signals: Sequence[str] = (),
        ranking: RankingLayer | None = None,
    ) -> None:
        self.models = dict(models)
        self.indexes = {name: index for name, index in (indexes or {}).items() if name in models}
        self.config = config or PipelineConfig()
        self.signals = tuple(signals)
        self.num_items = int(self.models[POPULARITY].score(Histories.from_lists([[]])).shape[1])
        flat = np.zeros((2, len(self.parts)))
        self.blend = blend or Blend(self.parts, flat)
        self.ranking = ranking

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of the score, in the blend's order."""
        return (*self.models, *self.signals)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of what a score is the sum of: the parts, and the ranker where there is one."""
        return self.parts if self.ranking is None else (*self.parts, RANKER)

    def ranked_by(self, blend: Blend, ranking: RankingLayer | None) -> Pipeline:
        """The same models under another blend and ranker."""
        other = copy(self)
        other.blend, other.ranking = blend, ranking
        return other

    def encode(self, histories: Histories) -> Vectors:
        """Session vectors of the indexed parts, to be kept while a history stands."""
        return {name: self._embedding(name).encode(histories) for name in self.indexes}

    def candidates(
        self,
        histories: Histories,
        *,
        allowed: np.ndarray | None = None,
        signals: Signals | None = None,
        vectors: Vectors | None = None,
        forced: np.ndarray | None = None,
    ) -> tuple[Candidates, np.ndarray]:
        """Retrieve and score candidates.

        Args:
            histories: Of n learners; what one has taken is never their candidate.
            allowed: bool [num_items], or [n, num_items]; None: all.
            signals: By part of ``self.signals``; an absent one is 0.
            vectors: ``encode(histories)``, where it is already known.
            forced: int [n, m], exactly these items instead of what the parts retrieve.

        Returns:
            Candidates, and their scores by part: float32 [nnz, len(parts)].
        """
        vectors = self.encode(histories) if vectors is None else vectors
        barred = self._barred(histories, allowed)
        is_candidate = np.zeros_like(barred)
        dense: dict[str, np.ndarray] = {}
        for name, model in self.models.items():
            if name not in self.indexes:
                dense[name] = model.score(histories)
        for name in self.signals:
            dense[name] = _signal(signals, name, barred.shape)
        if forced is None:
            for name in self.parts:
                if name in dense:
                    self._scan(name, dense[name], barred, is_candidate)
                else:
                    self._search(name, vectors[name], barred, is_candidate)
        else:
            np.put_along_axis(is_candidate, forced, True, axis=1)
        is_candidate &= ~barred
        owners, items = np.nonzero(is_candidate)
        indptr = np.concatenate([[0], np.cumsum(is_candidate.sum(axis=1))]).astype(np.int64)
        columns = [
            dense[name][owners, items]
            if name in dense
            else _inner(vectors[name], self._embedding(name).item_vectors(), owners, items)
            for name in self.parts
        ]
        return Candidates(indptr, items), np.stack(columns, axis=1).astype(np.float32)

    def score(
        self,
        candidates: Candidates,
        scores: np.ndarray,
        histories: Histories,
        *,
        role_ids: Sequence[str | None] = (),
        moments: np.ndarray | None = None,
    ) -> np.ndarray:
        """Scores to rank candidates by, float32 [nnz].

        Args:
            candidates: Of n learners.
            scores: float32 [nnz, parts], as ``candidates`` gives them.
            histories: Of the learners.
            role_ids: The role each aims at; () where nobody says.
            moments: int64 [n], epoch ms each asks at; None: now.
        """
        blended, _ = self.blend.score(scores, candidates, histories.lengths)
        if self.ranking is None:
            return blended
        best = Blended(candidates, standardise(scores, candidates), blended, self.parts)
        return np.asarray(blended + self.ranking.correction(best, histories, role_ids, moments))

    def shortlist(
        self,
        histories: Histories,
        size: int,
        *,
        allowed: np.ndarray | None = None,
        signals: Signals | None = None,
        vectors: Vectors | None = None,
        role_ids: Sequence[str | None] = (),
    ) -> Shortlists:
        """The ``size`` best candidates of each learner (arguments as ``candidates``, ``score``)."""
        candidates, scores = self.candidates(
            histories, allowed=allowed, signals=signals, vectors=vectors
        )
        lengths = histories.lengths
        known = np.log1p(self.popularity[candidates.items, None])
        standard = standardise(np.concatenate([scores, known], axis=1), candidates)
        weights = self.blend.weights_for(lengths)[candidates.owners]
        blended = (standard[:, :-1] * weights).sum(axis=1)
        if self.ranking is not None:
            best = Blended(candidates, standard[:, :-1], blended, self.parts)
            correction = self.ranking.correction(best, histories, role_ids)
            standard = np.insert(standard, len(self.parts), correction, axis=1)
            blended = blended + correction
        items = np.full((len(lengths), size), -1, np.int32)
        kept = np.zeros((len(lengths), size, len(self.terms) + 1), np.float32)
        for row in range(len(lengths)):
            start, end = candidates.indptr[row : row + 2]
            first = top_positions(blended[start:end], size) + start
            items[row, : len(first)] = candidates.items[first]
            kept[row, : len(first)] = standard[first]
        return Shortlists(items, kept, lengths)

    def rerank(self, shortlists: Shortlists, k: int, *, novelty: float = 0.0) -> Ranking:
        """The ``k`` best of each shortlist by blend and ranker as they stand.

        Args:
            shortlists: As ``shortlist`` made them.
            k: How many.
            novelty: What everybody takes stands back by so much a deviation, as
                ``graphrec.recommend.novelty`` has it.
        """
        weights = self.blend.weights_for(shortlists.lengths)[:, None, :]
        added = [1.0] * (len(self.terms) - len(self.parts)) + [-novelty] * bool(novelty)
        asked = np.broadcast_to(np.array(added, np.float32), (len(weights), 1, len(added)))
        weights = np.concatenate([weights, asked], axis=2)
        shares = shortlists.scores[:, :, : weights.shape[2]] * weights
        blended = np.where(shortlists.items >= 0, shares.sum(axis=2), np.float32(-np.inf))
        best = np.argsort(-blended, axis=1, kind="stable")[:, :k]
        rows = np.arange(len(best))[:, None]
        return Ranking(shortlists.items[rows, best], blended[rows, best], shares[rows, best])

    @property
    def popularity(self) -> np.ndarray:
        """Learners of each item, float32 [num_items]."""
        model = self.models[POPULARITY]
        assert isinstance(model, PopularityModel)  # noqa: S101 - by its name
        return model.counts

    def _embedding(self, name: str) -> EmbeddingModel:
        model = self.models[name]
        assert isinstance(model, EmbeddingModel)  # noqa: S101 - held by __init__
        return model

    def _barred(self, histories: Histories, allowed: np.ndarray | None) -> np.ndarray:
        """What may not be given, bool [n, num_items]."""
        shape = (len(histories), self.num_items)
        barred = np.zeros(shape, bool) if allowed is None else ~np.broadcast_to(allowed, shape)
        barred[histories.owners(), histories.items] = True
        return barred

    def _search(self, name: str, queries: np.ndarray, barred: np.ndarray, out: np.ndarray) -> None:
        """Mark the items nearest to each query in ``out`` (bool [n, num_items])."""
        index, k = self.indexes[name], min(self.config.num_candidates, self.num_items)
        num_barred = barred.sum(axis=1)
        few = num_barred <= 3 * k
        if few.any():
            wanted = min(self.num_items, k + int(num_barred[few].max()))
            rows, _ = index.search(queries[few], wanted)
            owners = np.flatnonzero(few)[:, None]
            is_open = ~barred[owners, rows]
            # No more than k each: what one learner is given must not depend on the others.
            kept = is_open & (np.cumsum(is_open, axis=1) <= k)
            out[np.broadcast_to(owners, rows.shape)[kept], rows[kept]] = True
        for row in np.flatnonzero(~few):
            rows, _ = index.search_filtered(queries[row], ~barred[row], k)
            out[row, rows] = True

    def _scan(self, name: str, scores: np.ndarray, barred: np.ndarray, out: np.ndarray) -> None:
        """Mark the items that a dense part scores highest in ``out`` (bool [n, num_items])."""
        few = name == POPULARITY or name in self.signals
        k = self.config.num_popular if few else self.config.num_candidates
        k = min(k, self.num_items)
        best = np.argpartition(np.where(barred, np.inf, -scores), k - 1, axis=1)[:, :k]
        np.put_along_axis(out, best, True, axis=1)


def _inner(
    queries: np.ndarray, items: np.ndarray, owners: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Inner products of query ``owners[e]`` and item ``rows[e]``, float32 [nnz]."""
    if len(queries) == 1:
        return np.asarray(items[rows] @ queries[0])
    if len(queries) * len(items) <= _DENSE_WORTH * len(rows):
        return np.asarray((queries @ items.T)[owners, rows])
    return np.asarray(np.einsum("ed,ed->e", queries[owners], items[rows]))


def top_positions(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k largest, best first; ties by position."""
    if len(scores) > 4 * k:
        edge = np.partition(scores, -k)[-k]
        kept = np.flatnonzero(scores >= edge)
        return kept[np.argsort(-scores[kept], kind="stable")][:k]
    return np.argsort(-scores, kind="stable")[:k]


def _signal(signals: Signals | None, name: str, shape: tuple[int, int]) -> np.ndarray:
    """The scores of one signal, zeros where the request has none; float32 [n, num_items]."""
    found = None if signals is None else signals.get(name)
    return np.zeros(shape, np.float32) if found is None else found

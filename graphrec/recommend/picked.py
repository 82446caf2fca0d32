"""One learner's items with what each part has in their scores, and the places that explore."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from graphrec.recommend.schemas import Source
from graphrec.recommend.slots import explore

EXPLORATION: Final = "exploration"
"""What the score of an explored course consists of: the place it was given."""

RULES: Final = "rules"
"""What business rules added to a score."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The best items for one learner, best first.

    Attributes:
        items: int [m], dense rows, m <= k.
        scores: float32 [n], of the best ``n >= m``, falling.
        shares: float32 [n, parts].
        parts: Their names.
        source: What they rest on.
        places: Where each item stands in ``scores`` and ``shares``; an explored one has the
            place that it was given, so that its score is no more than a place in the list.
        explored: Positions of courses given to explore.
    """

    items: np.ndarray
    scores: np.ndarray
    shares: np.ndarray
    parts: tuple[str, ...]
    source: Source
    places: Sequence[int]
    explored: Sequence[int] = ()

    @classmethod
    def of(
        cls,
        items: np.ndarray,
        scores: np.ndarray,
        shares: np.ndarray,
        parts: tuple[str, ...],
        source: Source,
    ) -> Picked:
        """A list without exploration."""
        return cls(items, scores, shares, parts, source, range(len(items)))

    def exploring(self, fresh: Sequence[int], is_fresh: Set[int], share: float) -> Picked:
        """The same list with some places given to ``fresh`` (as ``slots.explore``)."""
        slots = explore(self.items.tolist(), fresh, is_fresh, share)
        if not slots.explored:
            return self
        told = self.scores, self.shares, self.parts, self.source
        items = np.array(slots.items, np.int64)
        return Picked(items, *told, slots.places, slots.explored)

    def first(self, k: int) -> Picked:
        """The beginning of the list."""
        explored = [place for place in self.explored if place < k]
        told = self.scores, self.shares, self.parts, self.source
        return Picked(self.items[:k], *told, self.places[:k], explored)

    def ruled(self, items: np.ndarray, rows: Sequence[int], scores: Sequence[float]) -> Picked:
        """The list as business rules have it; what they added to a score is a part of it.

        Args:
            items: int [m], dense rows.
            rows: Where each stands in this list; -1: a rule brought it in.
            scores: Of each under the rules, falling.
        """
        places = [self.places[row] if row >= 0 else -1 for row in rows]
        is_new = np.array(places, np.int64) < 0
        own = np.where(is_new[:, None], np.float32(0), self.shares[places])
        lifted = np.array(scores, np.float32) - np.where(is_new, 0, self.scores[places])
        explored = set(self.explored)
        return Picked(
            items,
            np.array(scores, np.float32),
            np.concatenate([own, lifted[:, None].astype(np.float32)], axis=1),
            (*self.parts, RULES),
            self.source,
            range(len(items)),
            [place for place, row in enumerate(rows) if row in explored],
        )

    def followed_by(self, rest: Picked) -> Picked:
        """This list, and below it another one whose shares are not of its parts."""
        floor = float(self.scores.min(initial=0.0))
        peak = float(rest.scores.max(initial=0.0))
        nothing = np.zeros((len(rest.items), len(self.parts)), np.float32)
        return Picked.of(
            np.concatenate([self.items, rest.items]),
            np.concatenate([self.scores, rest.scores - peak + floor]),
            np.concatenate([self.shares, nothing]),
            self.parts,
            self.source if len(self.items) else rest.source,
        )

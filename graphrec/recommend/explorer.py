"""Stage 5, SERVE: which untaken, or nearly untaken, course suits a learner.

What a model would have learned of such a course is foretold from its content by a linear
map (``graphrec.models.cold_items``). The score of every model is linear in the course, so
the map can as well be applied to the learner: all parts then compare a learner with the
content of the courses, and nothing of the size of the catalogue squared is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import scipy.sparse as sp

from graphrec.bundle import Bundle, BundleWriter
from graphrec.dataset import Histories
from graphrec.errors import BundleDamagedError
from graphrec.models.blend import Blend
from graphrec.models.itemitem import age_weights, weighted_matrix
from graphrec.recommend.pipeline import POPULARITY, Signals, Vectors, top_positions

CONTENT: Final = "content"

_NAME = "exploration"

_CONTENT_DIGITS = 5
"""Unit rows of content that agree so far are the same."""


@dataclass(frozen=True)
class Explorer:
    """Ranks the courses that too few learners took for any model to know them.

    Attributes:
        items: int32 [e], their dense rows, ascending.
        content: float32 [e, columns], their content vectors.
        popularity: float32 [e], learners they may expect.
        maps: Part -> float32 [rows, columns]: what a session vector, or a history's
            weights by item, is compared with the content by.
        recencies: Part that is read by item -> its exponent of age.
        blend: Over popularity, these parts, ``content`` and signals, learned on warm
            courses as if nobody had taken them yet.
        num_learners: Fewer than so many took each.
    """

    items: np.ndarray
    content: np.ndarray
    popularity: np.ndarray
    maps: Mapping[str, np.ndarray]
    recencies: Mapping[str, float]
    blend: Blend
    num_learners: int

    def rank(
        self,
        histories: Histories,
        size: int,
        *,
        allowed: np.ndarray,
        signals: Signals,
        vectors: Vectors,
    ) -> np.ndarray:
        """The ``size`` best of these courses for each of n learners.

        Args:
            histories: What each took; nothing of it is given again.
            size: How many.
            allowed: bool [n, num_items] or wider.
            signals: By part, float32 [n, num_items] or wider.
            vectors: Session vectors of the embedding parts.

        Returns:
            int32 [n, size], dense rows, best first, -1 where there are fewer.
        """
        is_open = self._open(histories, allowed)
        weights = self.blend.weights_for(histories.lengths)
        scores = _blended(self._scores(histories, signals, vectors), weights, is_open)
        best = np.full((len(histories), size), -1, np.int32)
        for row, is_mine in enumerate(is_open):
            places = is_mine.nonzero()[0]
            kept = places[top_positions(scores[row, places], size)]
            best[row, : len(kept)] = self.items[kept]
        return best

    @cached_property
    def _kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """A course of each content, and the content of each course; int [kinds], int [e].

        Courses alike in content are scored once: else rounding, which differs between one
        learner and many, would order them.
        """
        rounded = np.round(self.content, _CONTENT_DIGITS)
        _, firsts, kinds = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
        return firsts, kinds.reshape(-1)

    def _open(self, histories: Histories, allowed: np.ndarray) -> np.ndarray:
        """What may be given and was not taken, bool [n, e]."""
        is_open = np.asarray(allowed[:, self.items])
        places = np.searchsorted(self.items, histories.items)
        places = np.minimum(places, len(self.items) - 1)
        taken = self.items[places] == histories.items
        is_open[histories.owners()[taken], places[taken]] = False
        return is_open

    def _scores(self, histories: Histories, signals: Signals, vectors: Vectors) -> np.ndarray:
        """What each part of the blend says, float32 [n, parts, e]."""
        parts, num = self.blend.parts, len(histories)
        compared = [part for part in parts if part == CONTENT or part in self.maps]
        read = self._weights(histories)
        queries = [self._query(part, histories, vectors, read) for part in compared]
        scores = np.zeros((num, len(parts), len(self.items)), np.float32)
        if queries:
            columns = [parts.index(part) for part in compared]
            firsts, kinds = self._kinds
            scores[:, columns] = (np.stack(queries, axis=1) @ self.content[firsts].T)[:, :, kinds]
        for column, part in enumerate(parts):
            if part == POPULARITY:
                scores[:, column] = self.popularity[self._kinds[0]][self._kinds[1]]
            elif part in signals and part not in compared:
                scores[:, column] = signals[part][:, self.items]
        return scores

    def _query(
        self,
        part: str,
        histories: Histories,
        vectors: Vectors,
        read: Mapping[float, np.ndarray | sp.csr_array],
    ) -> np.ndarray:
        """Learners as a part sees them, in terms of content; float32 [n, columns]."""
        if part == CONTENT:
            return vectors[part]
        table, recency = self.maps[part], self.recencies.get(part)
        if recency is None:
            return np.asarray(vectors[part] @ table)
        if len(histories) == 1:
            return np.asarray(read[recency] @ table[histories.items])
        return np.asarray(read[recency] @ table)

    def _weights(self, histories: Histories) -> dict[float, np.ndarray | sp.csr_array]:
        """Weights of the items of histories by exponent of age."""
        if len(histories) == 1:  # one request: cheaper than a sparse matrix
            return {r: age_weights(histories, r)[None, :] for r in {*self.recencies.values()}}
        sizes = {self.recencies[part]: len(self.maps[part]) for part in self.recencies}
        return {r: weighted_matrix(histories, size, r) for r, size in sizes.items()}


def _blended(scores: np.ndarray, weights: np.ndarray, is_open: np.ndarray) -> np.ndarray:
    """Weighted sum of parts, each of deviation 1 over what is open to a learner.

    Args:
        scores: float32 [n, parts, e].
        weights: float32 [n, parts].
        is_open: bool [n, e].

    Returns:
        float32 [n, e], but for a constant of the learner.
    """
    is_asked = is_open.astype(np.float32)[:, :, None]
    counts = np.maximum(is_asked.sum(axis=1, keepdims=True), 1)
    mean = scores @ is_asked / counts
    deviation = np.sqrt((scores - mean) ** 2 @ is_asked / counts)[:, :, 0]
    # A part that says the same of all has no say (as in the blend itself).
    is_told = deviation > 1e-6 * np.hypot(mean[:, :, 0], deviation)
    scales = np.where(is_told, weights / np.maximum(deviation, 1e-30), 0).astype(np.float32)
    return np.asarray((scales[:, :, None] * scores).sum(axis=1))


def write_explorer(writer: BundleWriter, explorer: Explorer | None) -> None:
    """Write an explorer into a bundle under construction; nothing where there is none."""
    if explorer is None:
        return
    arrays = {name: getattr(explorer, name) for name in ("items", "content", "popularity")}
    arrays |= {f"maps.{part}": table for part, table in explorer.maps.items()}
    writer.arrays(_NAME, arrays)
    told = {"blend": explorer.blend.state(), "recencies": dict(explorer.recencies)}
    writer.json(_NAME, told | {"num_learners": explorer.num_learners})


def read_explorer(bundle: Bundle) -> Explorer | None:
    """The explorer that ``write_explorer`` wrote; None where the bundle has none.

    Raises:
        BundleDamagedError: Its files do not fit together.
    """
    if f"{_NAME}.json" not in bundle.manifest["files"]:
        return None
    try:
        told, arrays = bundle.json(_NAME), bundle.arrays(_NAME)
        maps = {k.removeprefix("maps."): v for k, v in arrays.items() if k.startswith("maps.")}
        return Explorer(
            items=arrays["items"],
            content=arrays["content"],
            popularity=arrays["popularity"],
            maps=maps,
            recencies={part: float(value) for part, value in told["recencies"].items()},
            blend=Blend.from_state(told["blend"]),
            num_learners=int(told["num_learners"]),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise BundleDamagedError(
            f"the bundle's exploration cannot be read: {exc!r}",
            where=bundle.id,
            remedy="Train again, or go back with: graphrec models rollback",
        ) from exc

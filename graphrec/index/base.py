"""The port of stage 4: item vectors in, the items of highest inner product out.

Rows are positions in the matrix the index was built from; the caller keeps the ids and
decides what is eligible. Every call is checked here, before an engine sees it, since some
engines end the process on input that they do not like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field

from graphrec.errors import ItemIndexError
from graphrec.index.checks import checked_k, checked_queries, checked_query, checked_vectors
from graphrec.index.description import DESCRIPTION, FORMAT_VERSION, fingerprint, read_description
from graphrec.index.topk import top_k


class IndexConfig(BaseModel):
    """How an index searches; the defaults were measured (see ``docs/bundle.md``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["auto", "scann", "exact"] = Field(
        default="auto", description="auto: ScaNN wherever its wheel loads, else exact."
    )
    brute_force_max_items: int = Field(
        default=20_000,
        ge=1,
        description="Up to so many items ScaNN compares all: exact, and about as fast as a tree.",
    )
    target_recall: float = Field(
        default=0.97,
        gt=0,
        le=1,
        description="Recall@100 a tree must reach on probes; above the .95 asked for, as a margin.",
    )
    leaves_per_sqrt_item: float = Field(
        default=2.0,
        gt=0,
        description="Leaves of a tree per square root of the items; 1 cost recall, 2 built in 5 s.",
    )
    filter_exact_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="A filter that lets this share pass or less is searched exactly.",
    )


class ItemIndex(ABC):
    """Inner-product search over item vectors; safe to search from several threads.

    Attributes:
        kind: How it searches, for logs and metrics.
    """

    engine: ClassVar[str]
    kind: str

    def __init__(self, vectors: np.ndarray, config: IndexConfig) -> None:
        self._vectors = checked_vectors(vectors)
        self._config = config

    @classmethod
    def build(cls, vectors: np.ndarray, config: IndexConfig | None = None) -> Self:
        """Index the rows of a matrix.

        Args:
            vectors: float32 [num_items, dim]; not to be changed afterwards.
            config: How to search; the defaults where it is None.

        Raises:
            ItemIndexError: There are no vectors, or values that are not finite.
        """
        return cls(vectors, config or IndexConfig())

    @property
    def num_items(self) -> int:
        """Rows of the matrix."""
        return int(self._vectors.shape[0])

    @property
    def dim(self) -> int:
        """Columns of the matrix."""
        return int(self._vectors.shape[1])

    @property
    def config(self) -> IndexConfig:
        """What it was built with."""
        return self._config

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The items of highest inner product with each query, best first, ties by row.

        Args:
            queries: float32 [b, dim].
            k: How many; at most ``num_items`` are answered.

        Returns:
            Rows int64 [b, min(k, num_items)] and their inner products float32 of that shape.

        Raises:
            ItemIndexError: Wrong shape, values that are not finite, or k < 1.
        """
        k = min(checked_k(k), self.num_items)
        queries = checked_queries(queries, self.dim)
        if len(queries) == 0:
            return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
        return self._search(queries, k)

    def search_within(
        self, query: np.ndarray, rows: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best items among some, exactly, whatever the engine.

        Args:
            query: float32 [dim].
            rows: int [m], rows that may be answered, each once, in any order.
            k: How many; at most m are answered.

        Returns:
            Rows int64 [min(k, m)] and their inner products float32, best first, ties by row.

        Raises:
            ItemIndexError: As ``search``, or a row is not in the index.
        """
        k = checked_k(k)
        query = checked_query(query, self.dim)
        subset = np.sort(np.asarray(rows, dtype=np.int64).ravel())
        if len(subset) == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if subset[0] < 0 or subset[-1] >= self.num_items:
            raise ItemIndexError(
                f"rows {subset[0]}..{subset[-1]} reach outside the index's {self.num_items} items."
            )
        scores = self._vectors[subset] @ query  # [m]
        chosen = top_k(scores, min(k, len(subset)))
        return subset[chosen], scores[chosen]

    def search_filtered(
        self, query: np.ndarray, allowed: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The best items that a mask lets pass.

        A narrow filter is searched exactly; for a wide one the engine is asked for more
        than k until k of its answers pass.

        Args:
            query: float32 [dim].
            allowed: bool [num_items].
            k: How many; at most as many as pass are answered.

        Returns:
            Rows int64 [min(k, passing)] and inner products float32, best first, ties by row.

        Raises:
            ItemIndexError: As ``search``, or the mask has another length or type.
        """
        k = checked_k(k)
        query = checked_query(query, self.dim)
        mask = np.asarray(allowed)
        if mask.dtype != np.bool_ or mask.shape != (self.num_items,):
            raise ItemIndexError(
                f"the filter is {mask.dtype} {list(mask.shape)}, not bool [{self.num_items}]."
            )
        passing = int(np.count_nonzero(mask))
        k = min(k, passing)
        if passing <= self._config.filter_exact_share * self.num_items:
            return self._within_mask(query, mask, k)
        # A tenth more than the filter's share asks for, since it seldom is spread evenly.
        fetch = int(1.1 * k * self.num_items / passing) + 10
        while fetch < self.num_items // 2:
            rows, scores = self._search(query[np.newaxis], fetch)
            kept = mask[rows[0]]
            if int(np.count_nonzero(kept)) >= k:
                return rows[0][kept][:k], scores[0][kept][:k]
            fetch *= 2
        return self._within_mask(query, mask, k)

    def save(self, directory: Path) -> None:
        """Write what ``load`` needs, besides the vectors, into a folder."""
        directory.mkdir(parents=True, exist_ok=True)
        state = {
            "format_version": FORMAT_VERSION,
            "engine": self.engine,
            "kind": self.kind,
            "num_items": self.num_items,
            "dim": self.dim,
            "vectors_blake2b": fingerprint(self._vectors),
            "config": self._config.model_dump(mode="json"),
            **self._save(directory),
        }
        content = orjson.dumps(state, option=orjson.OPT_INDENT_2) + b"\n"
        (directory / DESCRIPTION).write_bytes(content)

    @classmethod
    def load(cls, directory: Path, vectors: np.ndarray) -> Self:
        """The index that ``save`` wrote, over the same vectors.

        Raises:
            BundleDamagedError: A file is missing or altered.
            ItemIndexError: The vectors are not those it was built from.
        """
        state = read_description(directory)
        checked = checked_vectors(vectors)
        if state["vectors_blake2b"] != fingerprint(checked):
            raise ItemIndexError(
                "these vectors are not those that the index was built from.",
                where=str(directory),
                remedy="Build it again from the vectors.",
            )
        return cls._load(directory, checked, state)

    @abstractmethod
    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Search with checked queries float32 [b, dim], b >= 1, and 1 <= k <= num_items."""

    def _save(self, directory: Path) -> dict[str, Any]:
        """Write the engine's own files; return what to keep in the description."""
        del directory
        return {}

    @classmethod
    def _load(cls, directory: Path, vectors: np.ndarray, state: dict[str, Any]) -> Self:
        del directory
        return cls(vectors, IndexConfig.model_validate(state["config"]))

    def _within_mask(
        self, query: np.ndarray, mask: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        subset = np.flatnonzero(mask)
        scores = self._vectors[subset] @ query  # [passing]
        chosen = top_k(scores, k)
        return subset[chosen], scores[chosen]

"""External id <-> dense index, the one bridge between strings outside and rows inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa


class IdMap:
    """A bijection between external ids and 0..n-1, in the order given.

    >>> ids = IdMap(["b", "a"])
    >>> ids.index("a"), ids.id(0), ids.indices(["a", "?"]).tolist()
    (1, 'b', [1, -1])
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids: list[str] = list(ids)
        self._index = {external: row for row, external in enumerate(self._ids)}
        if len(self._index) != len(self._ids):
            raise ValueError("ids of an IdMap must be unique")

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, external: object) -> bool:
        return external in self._index

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._ids)

    def index(self, external: str) -> int | None:
        """Dense index of an id, or None where it is unknown."""
        return self._index.get(external)

    def indices(self, externals: Iterable[str]) -> np.ndarray:
        """Dense indices, int64 [n], -1 where an id is unknown."""
        get = self._index.get
        return np.fromiter((get(e, -1) for e in externals), dtype=np.int64)

    def id(self, row: int) -> str:
        """External id of a dense index."""
        return self._ids[row]

    def ids(self, rows: Sequence[int] | np.ndarray) -> list[str]:
        """External ids of dense indices."""
        return [self._ids[row] for row in rows]

    def to_arrow(self, name: str) -> pa.Table:
        """One string column called ``name``, in row order."""
        return pa.table({name: pa.array(self._ids, pa.string())})

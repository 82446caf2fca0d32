"""Search with ScaNN: all items of a small catalogue, the nearest leaves of a large one.

The only file that imports ``scann``. Its traps, and what stands against them: rows that
are not finite abort the process (every input is checked in the port); it pads short
answers with row 0 and NaN (asked again over all leaves); its loader unpickles ids (ids
are never given, and its native loader is called instead of its Python one); its files
load without a word when they are garbled (checksums).
"""

from __future__ import annotations

import importlib.metadata
import logging
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from graphrec.errors import BundleDamagedError
from graphrec.index.base import IndexConfig, ItemIndex
from graphrec.index.description import checksums, verify_checksums
from graphrec.index.topk import best_first

_log = logging.getLogger(__name__)

_BRUTE_FORCE, _TREE = "scann-brute-force", "scann-tree"
_ASSETS = "scann_assets.pbtxt"
# Shares of the leaves to try, the cheapest first; beyond the last, brute force is faster.
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
_NUM_PROBES = 256
_PROBE_K = 100
# Fewer than 50 points a leaf have made the native code fail.
_MIN_ITEMS_PER_LEAF = 50


class ScannIndex(ItemIndex):
    """ScaNN over the rows of a matrix.

    Brute force is in float32: exact, faster in batches than its bfloat16 form and within
    a quarter of it alone. A tree compares the items of its leaves exactly, and
    how many leaves are opened is set by its recall on probes, since a fixed share of them
    found .17 to .98 of the best, as the data was spread or clustered.
    """

    engine: ClassVar[str] = "scann"

    def __init__(
        self,
        vectors: np.ndarray,
        config: IndexConfig,
        *,
        searcher: Any = None,
        leaves_to_search: int = -1,
    ) -> None:
        super().__init__(vectors, config)
        self._leaves_to_search = leaves_to_search
        if searcher is not None:
            self.kind, self._searcher = _TREE, searcher
        elif self.num_items <= config.brute_force_max_items or not self._grow_tree():
            self.kind, self._searcher = _BRUTE_FORCE, self._brute_force()

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows, scores = self._ask(queries, k, self._leaves_to_search)
        starved = np.isnan(scores[:, -1])
        if starved.any():
            every_leaf = self._num_leaves()
            rows[starved], scores[starved] = self._ask(queries[starved], k, every_leaf)
        return best_first(rows, scores)

    def _ask(self, queries: np.ndarray, k: int, leaves: int) -> tuple[np.ndarray, np.ndarray]:
        # final_nn, pre_reorder_nn, leaves, parallel, batch_size; -1 is the searcher's own.
        rows, scores = self._searcher.search_batched(queries, k, -1, leaves, False, 0)
        # It says -0.0 where NumPy says 0.0; adding 0 makes them one.
        return rows.astype(np.int64), scores + np.float32(0)

    def _brute_force(self) -> Any:
        return _builder(self._vectors).score_brute_force().build().searcher

    def _num_leaves(self) -> int:
        wanted = int(self._config.leaves_per_sqrt_item * np.sqrt(self.num_items))
        return max(1, min(wanted, self.num_items // _MIN_ITEMS_PER_LEAF))

    def _grow_tree(self) -> bool:
        """Build a tree and find how many leaves to open; False where none would do."""
        leaves = self._num_leaves()
        if leaves < 2:
            return False
        builder = _builder(self._vectors).tree(leaves, leaves).score_brute_force()
        self.kind, self._searcher = _TREE, builder.build().searcher
        probes = _probes(self._vectors)
        k = min(_PROBE_K, self.num_items)
        truth, _ = self._ask(probes, k, leaves)
        for share in _SHARES:
            opened = max(1, round(share * leaves))
            found, _ = self._ask(probes, k, opened)
            if _recall(found, truth) >= self._config.target_recall:
                self._leaves_to_search = opened
                _log.info("tree of %d leaves, %d opened a query", leaves, opened)
                return True
        _log.info("the vectors have no clusters a tree could use; comparing all of them")
        return False

    def _save(self, directory: Path) -> dict[str, Any]:
        if self.kind == _BRUTE_FORCE:
            return {}  # Rebuilding it is one copy of the vectors.
        self._searcher.serialize(str(directory), True)  # Relative paths: the folder may move.
        return {
            "leaves_to_search": self._leaves_to_search,
            "scann_version": _version(),
            "files": checksums(directory),
        }

    @classmethod
    def _load(cls, directory: Path, vectors: np.ndarray, state: dict[str, Any]) -> Self:
        config = IndexConfig.model_validate(state["config"])
        verify_checksums(directory, state["files"])
        if _ASSETS not in state["files"]:
            return cls(vectors, config)
        if state.get("scann_version") != _version():
            _log.info("the index was saved by another ScaNN; building it again")
            return cls(vectors, config)
        try:
            searcher = _native().ScannNumpy(str(directory), (directory / _ASSETS).read_text())
        except RuntimeError as exc:
            raise BundleDamagedError(
                f"ScaNN cannot load its index: {exc}",
                where=str(directory),
                remedy="Build the index again from the vectors.",
            ) from exc
        leaves = int(state["leaves_to_search"])
        return cls(vectors, config, searcher=searcher, leaves_to_search=leaves)


def why_unavailable() -> str:
    """Why ScaNN cannot be used here, or "" where it can."""
    try:
        _native()
    except Exception as exc:  # noqa: BLE001 - a native library fails in any way it likes
        return f"{type(exc).__name__}: {exc}"
    return ""


def _native() -> Any:
    from scann.scann_ops.py.scann_ops_pybind import scann_pybind

    return scann_pybind


def _builder(vectors: np.ndarray) -> Any:
    from scann.scann_ops.py import scann_ops_pybind

    # Its number of neighbours is only the default of a search that gives none.
    return scann_ops_pybind.builder(vectors, 1, "dot_product")


def _version() -> str:
    return importlib.metadata.version("scann")


def _probes(vectors: np.ndarray) -> np.ndarray:
    """Queries to measure recall with: items, and means of five, which lie between clusters.

    float32 [_NUM_PROBES, dim]; a learner's vector is nearer to a mean of items than to one.
    """
    rng = np.random.default_rng(0)
    single = vectors[rng.integers(len(vectors), size=_NUM_PROBES // 2)]
    groups = vectors[rng.integers(len(vectors), size=(_NUM_PROBES // 2, 5))]
    return np.concatenate([single, groups.mean(axis=1, dtype=np.float32)])


def _recall(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of the true rows found, over both kinds of probe; the worse kind counts."""
    hits = [np.isin(f, t).sum() / len(t) for f, t in zip(found, truth, strict=True)]
    half = len(hits) // 2
    return float(min(np.mean(hits[:half]), np.mean(hits[half:])))

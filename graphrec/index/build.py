"""Choosing an index: ScaNN wherever it loads, the exact one with a reason elsewhere."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from graphrec.errors import ItemIndexError
from graphrec.index.base import IndexConfig, ItemIndex
from graphrec.index.description import read_description
from graphrec.index.exact import ExactIndex
from graphrec.index.scann import ScannIndex, why_unavailable

_log = logging.getLogger(__name__)


def build_index(vectors: np.ndarray, config: IndexConfig | None = None) -> ItemIndex:
    """Index item vectors with the engine that the configuration and the machine allow.

    Args:
        vectors: float32 [num_items, dim].
        config: How to search; the defaults where it is None.

    Raises:
        ItemIndexError: The vectors cannot be indexed, or ScaNN was demanded and fails.
    """
    config = config or IndexConfig()
    return _engine(config).build(vectors, config)


def load_index(directory: Path, vectors: np.ndarray) -> ItemIndex:
    """The index that ``save`` wrote, or one built anew where its engine does not load.

    Args:
        directory: The folder of the index.
        vectors: float32 [num_items, dim], those it was built from.

    Raises:
        BundleDamagedError: A file of it is missing or altered.
        ItemIndexError: The vectors are others, or ScaNN was demanded and fails.
    """
    state = read_description(directory)
    engine = _engine(IndexConfig.model_validate(state["config"]))
    if engine.engine == state["engine"]:
        return engine.load(directory, vectors)
    # Vectors are compared by the engine that wrote the folder, whichever it is.
    exact = ExactIndex.load(directory, vectors)
    return exact if engine is ExactIndex else engine.build(vectors, exact.config)


def _engine(config: IndexConfig) -> type[ItemIndex]:
    if config.engine == "exact":
        return ExactIndex
    reason = why_unavailable()
    if not reason:
        return ScannIndex
    if config.engine == "scann":
        raise ItemIndexError(
            f"ScaNN does not load here ({reason}).",
            where="engine",
            remedy="Use engine 'auto', which then searches exactly; wheels exist for Linux.",
        )
    _log.warning("ScaNN does not load here (%s); searching exactly with NumPy", reason)
    return ExactIndex

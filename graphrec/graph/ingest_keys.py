"""Stage 2, GRAPH: which rows of an import were there before, told by 64-bit hashes.

The hashes find candidates over an import of any size in 24 bytes a row. Two keys with one
hash (odds of n²/2⁶⁵) would be reported as a conflict, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

_MIX = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xD1B54A32D192ED03)
_SHIFT = np.uint64(29)


def hash_rows(rows: pa.Table, names: Sequence[str]) -> np.ndarray:
    """Hash of the named columns, uint64 [rows]; equal values (null included) hash alike."""
    total = np.full(rows.num_rows, np.uint64(len(names)), dtype=np.uint64)
    for name in names:
        total = (total ^ _hash_column(rows.column(name))) * _MIX
        total ^= total >> _SHIFT
    return total


def _hash_column(column: pa.ChunkedArray) -> np.ndarray:
    array = column.combine_chunks()
    if pa.types.is_string(array.type):
        encoded = array.dictionary_encode()
        words = np.append(_hash_texts(encoded.dictionary), _NULL)
        codes = encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
        return np.asarray(words[codes])
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(array.type):
        numbers = array.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0  # -0.0 is 0.0
        bits = numbers.view(np.uint64)
    else:
        bits = array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64)
    mixed = bits * _MIX
    mixed ^= mixed >> _SHIFT
    return np.where(is_null, _NULL, mixed)


def _hash_texts(texts: pa.Array) -> np.ndarray:
    if not len(texts):
        return np.empty(0, dtype=np.uint64)
    values = np.array(texts.to_pylist(), dtype=object)
    return np.asarray(pd.util.hash_array(values, categorize=False), dtype=np.uint64)


class SeenRows:
    """Keys met so far, each with the hash of its row and its place.

    Kept as sorted runs that are merged when they have grown alike, so that a batch costs
    in proportion to itself.
    """

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def add(self, keys: np.ndarray, rows: np.ndarray, places: np.ndarray) -> None:
        """Remember rows.

        Args:
            keys: uint64 [n], hashes of the keys.
            rows: uint64 [n], hashes of the whole rows.
            places: int64 [n], anything that says where each row stands.
        """
        if not keys.size:
            return
        run = np.stack([keys, rows, places.astype(np.int64).view(np.uint64)], axis=1)
        self._runs.append(run[np.argsort(run[:, 0], kind="stable")])
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(-2), self._runs.pop()])
            self._runs.append(merged[np.argsort(merged[:, 0], kind="stable")])

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Look keys up.

        Returns:
            ``is_seen`` bool [n], and the ``rows`` uint64 [n] and ``places`` int64 [n] of those.
        """
        is_seen = np.zeros(len(keys), dtype=bool)
        rows = np.zeros(len(keys), dtype=np.uint64)
        places = np.zeros(len(keys), dtype=np.int64)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run[:, 0], keys), len(run) - 1)
            hit = run[at, 0] == keys
            is_seen |= hit
            rows[hit] = run[at[hit], 1]
            places[hit] = run[at[hit], 2].view(np.int64)
        return is_seen, rows, places

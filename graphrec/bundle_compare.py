"""Two bundles side by side, file by file: the same bits, or how far apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphrec.bundle import Bundle

_ARRAYS = ".safetensors"


@dataclass(frozen=True)
class FileDifference:
    """One file of two bundles.

    Attributes:
        name: Below the bundle's folder.
        is_same: Whether both have it with the same bytes.
        largest: Largest absolute difference of a number in it, where both hold arrays of the
            same names and shapes and these numbers differ; None: it cannot be told.
        why: What else is different, or "".
    """

    name: str
    is_same: bool
    largest: float | None = None
    why: str = ""


def compare_bundles(one: Bundle, other: Bundle) -> list[FileDifference]:
    """Every file of either bundle, by name; the manifests themselves are left out."""
    mine, theirs = one.manifest["files"], other.manifest["files"]
    found = []
    for name in sorted({*mine, *theirs}):
        if name not in mine or name not in theirs:
            holder = one if name in mine else other
            found.append(FileDifference(name, is_same=False, why=f"only in {holder.id}"))
        elif mine[name]["sha256"] == theirs[name]["sha256"]:
            found.append(FileDifference(name, is_same=True))
        elif name.endswith(_ARRAYS):
            stem = name.removesuffix(_ARRAYS)
            found.append(_compare_arrays(name, one.arrays(stem), other.arrays(stem)))
        else:
            found.append(FileDifference(name, is_same=False, why="other bytes"))
    return found


def _compare_arrays(
    name: str, mine: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]
) -> FileDifference:
    if mine.keys() != theirs.keys():
        odd = ", ".join(sorted(mine.keys() ^ theirs.keys()))
        return FileDifference(name, is_same=False, why=f"arrays in one only: {odd}")
    largest = 0.0
    for key, array in mine.items():
        if array.shape != theirs[key].shape:
            shapes = f"{key} is {list(array.shape)} and {list(theirs[key].shape)}"
            return FileDifference(name, is_same=False, why=shapes)
        if array.size:
            apart = np.abs(array.astype(np.float64) - theirs[key].astype(np.float64))
            largest = max(largest, float(apart.max()))
    return FileDifference(name, is_same=False, largest=largest)

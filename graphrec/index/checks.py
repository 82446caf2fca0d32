"""What every index checks before an engine sees it: some engines end the process instead."""

from __future__ import annotations

import operator

import numpy as np

from graphrec.errors import ItemIndexError

# Inner products of vectors below it stay finite in float32, whatever their dimension.
MAX_MAGNITUDE = 1e15


def checked_vectors(vectors: np.ndarray) -> np.ndarray:
    """The item vectors as float32 [num_items, dim] in row order, read-only.

    Raises:
        ItemIndexError: Another shape, no rows or columns, or values that are not finite.
    """
    array = as_float32(vectors, "the vectors")
    if array.ndim != 2 or 0 in array.shape:
        raise ItemIndexError(
            f"the vectors have shape {list(array.shape)}, not [num_items, dim] with both above 0."
        )
    _check_finite(array, "row")
    view = array.view()
    view.flags.writeable = False
    return view


def checked_queries(queries: np.ndarray, dim: int) -> np.ndarray:
    """Queries as float32 [b, dim] in row order.

    Raises:
        ItemIndexError: Another shape, or values that are not finite.
    """
    array = as_float32(queries, "the queries")
    if array.ndim != 2 or array.shape[1] != dim:
        raise ItemIndexError(f"the queries have shape {list(array.shape)}, not [b, {dim}].")
    _check_finite(array, "query")
    return array


def checked_query(query: np.ndarray, dim: int) -> np.ndarray:
    """One query as float32 [dim].

    Raises:
        ItemIndexError: Another shape, or values that are not finite.
    """
    array = as_float32(query, "the query")
    if array.shape != (dim,):
        raise ItemIndexError(f"the query has shape {list(array.shape)}, not [{dim}].")
    _check_finite(array[np.newaxis], "query")
    return array


def checked_k(k: int) -> int:
    """How many items are wanted, at least one.

    Raises:
        ItemIndexError: It is no integer, or below 1.
    """
    try:
        number = operator.index(k)
    except TypeError as exc:
        raise ItemIndexError(f"k is {k!r}, not an integer.", where="k") from exc
    if number < 1:
        raise ItemIndexError(f"k is {number}; at least 1 is needed.", where="k")
    return number


def as_float32(values: np.ndarray, what: str) -> np.ndarray:
    """An array as float32 in row order, copied only where it is not that already.

    Raises:
        ItemIndexError: It does not hold real numbers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ItemIndexError(f"{what} hold {array.dtype}, not real numbers.")
    with np.errstate(over="ignore"):  # What overflows is found as infinite afterwards.
        return np.asarray(array, dtype=np.float32, order="C")


def _check_finite(array: np.ndarray, what: str) -> None:
    # NaN fails the comparison too, so one pass finds all three faults.
    if array.size == 0 or float(np.abs(array).max()) <= MAX_MAGNITUDE:
        return
    faulty = int(np.flatnonzero(~(np.abs(array).max(axis=1) <= MAX_MAGNITUDE))[0])
    raise ItemIndexError(
        f"{what} {faulty} holds NaN, infinity or a value beyond {MAX_MAGNITUDE:g}.",
        remedy="Training diverged or the vector is corrupt: train again, or leave that row out.",
    )

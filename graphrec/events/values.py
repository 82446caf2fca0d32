"""Stage 1, EVENTS: columns as a source has them become columns of the native types.

In comes one Arrow array of text, numbers or times; out go the typed array and a mask of the
rows whose value could not be read. Empty text is null. Everything works on whole columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Converted = tuple[pa.Array, np.ndarray]

_FLOAT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WHOLE = r"^[+-]?\d{1,18}(\.0*)?$"
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def as_mask(values: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """A bool [n] NumPy mask, false where the value is null."""
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=bool)


def single(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one array, dictionaries decoded and large strings made plain ones."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_large_string(array.type) or pa.types.is_string_view(array.type):
        array = array.cast(pa.string())
    return array


def to_text(column: pa.Array) -> Converted:
    """Text as it is, whole numbers as their digits; empty text is null."""
    if pa.types.is_string(column.type):
        return pc.if_else(pc.equal(column, ""), None, column), _none(column)
    if pa.types.is_integer(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string()), _none(column)
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "true", "false"), _none(column)
    return _all_bad(column, pa.string())


def to_float(column: pa.Array) -> Converted:
    """Numbers as float64; NaN and infinity cannot be read."""
    if pa.types.is_string(column.type):
        return _parse(column, _FLOAT, lambda text: text.cast(pa.float64()), pa.float64())
    if pa.types.is_boolean(column.type) or not _is_number(column.type):
        return _all_bad(column, pa.float64())
    values = column.cast(pa.float64(), safe=False)
    bad = as_mask(pc.invert(pc.is_finite(values)))
    return _null_where(values, bad), bad


def to_whole(column: pa.Array) -> Converted:
    """Whole numbers as int64 (``12``, ``12.0``)."""
    if pa.types.is_string(column.type):
        return _parse(column, _WHOLE, _whole_from_text, pa.int64())
    if pa.types.is_floating(column.type):
        bad = as_mask(pc.invert(pc.is_finite(column)))
        bad |= as_mask(pc.not_equal(column, pc.floor(column)))
        bad |= as_mask(pc.greater(pc.abs(column), 2.0**53))
        return _null_where(column, bad).cast(pa.int64()), bad
    if pa.types.is_integer(column.type) or pa.types.is_null(column.type):
        if pa.types.is_uint64(column.type):
            bad = as_mask(pc.greater(column, pa.scalar(2**63 - 1, pa.uint64())))
            return _null_where(column, bad).cast(pa.int64()), bad
        return column.cast(pa.int64()), _none(column)
    return _all_bad(column, pa.int64())


def to_time(column: pa.Array) -> Converted:
    """Times as epoch milliseconds UTC, int64.

    Text of digits only is epoch milliseconds, other text ISO 8601, where a time without a
    zone is UTC and a date is its midnight. Arrow times and dates are converted.
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        instants = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)), safe=False)
        return instants.cast(pa.int64()), _none(column)
    if not pa.types.is_string(column.type):
        return to_whole(column)
    whole, not_whole = to_whole(column)
    if not not_whole.any():
        return whole, not_whole
    rows = np.flatnonzero(not_whole)
    texts = pd.Series(column.take(pa.array(rows)).to_pylist(), dtype=object)
    parsed = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    is_time = parsed.notna().to_numpy()
    values = np.zeros(len(column), dtype=np.int64)
    values[~not_whole] = pc.fill_null(whole, 0).to_numpy()[~not_whole]
    stamps = parsed[is_time].dt.as_unit("ms").astype("int64").to_numpy()
    values[rows[is_time]] = stamps
    bad = not_whole.copy()
    bad[rows[is_time]] = False
    empty = bad | (as_mask(pc.is_null(whole)) & ~not_whole)
    return pa.array(values, mask=empty), bad


def to_truth(column: pa.Array) -> Converted:
    """Booleans; as text or numbers ``true``, ``false``, ``1`` and ``0``."""
    if pa.types.is_boolean(column.type):
        return column, _none(column)
    if not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
        return _all_bad(column, pa.bool_())
    text = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
    found = pc.index_in(text, value_set=pa.array(list(_TRUTH)))
    values = pa.array(list(_TRUTH.values())).take(found)
    filled = pc.and_(pc.is_valid(text), pc.not_equal(text, ""))
    return values, as_mask(pc.and_(filled, pc.is_null(found)))


def _whole_from_text(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(text, r"\.0*$|^\+", "").cast(pa.int64())


def _parse(
    column: pa.Array, pattern: str, read: Callable[[pa.Array], pa.Array], target: pa.DataType
) -> Converted:
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), None, text)
    bad = as_mask(pc.invert(pc.match_substring_regex(text, pattern)))
    values = read(_null_where(text, bad))
    if pa.types.is_floating(target):
        beyond = as_mask(pc.invert(pc.is_finite(values)))  # 1e999 is infinite
        return _null_where(values, beyond), bad | beyond
    return values, bad


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    )


def _none(column: pa.Array) -> np.ndarray:
    return np.zeros(len(column), dtype=bool)


def _all_bad(column: pa.Array, target: pa.DataType) -> Converted:
    return pa.nulls(len(column), target), as_mask(pc.is_valid(column))


def _null_where(values: pa.Array, mask: np.ndarray) -> pa.Array:
    return pc.if_else(pa.array(mask), None, values) if mask.any() else values

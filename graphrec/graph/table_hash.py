"""Stage 2, GRAPH: a content hash of Arrow tables that no writer, engine or chunking changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def hash_table(table: pa.Table) -> str:
    """SHA-256 of names, types, nulls and values, rows in their order, hexadecimal."""
    digest = hashlib.sha256(f"{table.num_rows}\n".encode())
    for field in table.schema:
        digest.update(f"{field.name}:{field.type}\n".encode())
        for part in _content(table[field.name], field.type):
            digest.update(part)
    return digest.hexdigest()


def hash_tables(hashes: Mapping[str, str]) -> str:
    """SHA-256 over the hashes of named tables, in the order given."""
    lines = "".join(f"{name} {value}\n" for name, value in hashes.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _content(column: pa.ChunkedArray, kind: pa.DataType) -> Iterable[bytes]:
    yield np.packbits(_numpy(pc.is_valid(column))).tobytes()
    if not pa.types.is_string(kind):
        zero = pa.scalar(0).cast(kind)
        yield _numpy(pc.fill_null(column, zero)).tobytes()
        return
    filled = pc.fill_null(column, "")
    yield _numpy(pc.binary_length(filled)).astype(np.int64).tobytes()
    for chunk in filled.chunks:
        yield _characters(chunk)


def _characters(chunk: pa.StringArray) -> bytes:
    """The UTF-8 of all values of one chunk, one after the other."""
    _, offsets, data = chunk.buffers()
    if data is None or not len(chunk):
        return b""
    ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return bytes(memoryview(data)[ends[0] : ends[-1]])


def _numpy(column: pa.ChunkedArray) -> Any:
    return column.to_numpy(zero_copy_only=False)

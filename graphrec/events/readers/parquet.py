"""One Parquet file, read in chunks with row numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graphrec.errors import SourceError
from graphrec.events.readers.text import CHUNK_ROWS, Chunk
from graphrec.events.source import ReadLog


class ParquetTable:
    """One Parquet file.

    Args:
        path: The file.
        folder: What messages give its name relative to.
        required: Columns without which the file is useless.
    """

    def __init__(self, path: Path, folder: Path, *, required: tuple[str, ...]) -> None:
        self.path = path
        self.file = path.relative_to(folder).as_posix()
        self.required = required
        self.columns: tuple[str, ...] = ()

    def check(self) -> tuple[str, ...]:
        """Check the footer and the columns.

        Returns:
            The columns.

        Raises:
            SourceError: It is no Parquet, lacks a column, or a column holds lists or structs.
        """
        try:
            schema = pq.read_schema(self.path)
        except (pa.ArrowException, OSError) as exc:
            raise SourceError(
                f"not a Parquet file that can be read ({exc}).",
                where=str(self.path),
                remedy="Write it again.",
            ) from exc
        self.columns = tuple(schema.names)
        missing = [name for name in self.required if name not in self.columns]
        if missing:
            raise SourceError(
                f"column {', '.join(missing)} is missing;"
                f" columns found: {', '.join(self.columns)}.",
                where=str(self.path),
                remedy="Rename or add the column.",
            )
        for field in schema:
            if pa.types.is_nested(field.type) and not pa.types.is_dictionary(field.type):
                raise SourceError(
                    f"column {field.name} holds {field.type}.",
                    where=str(self.path),
                    remedy="Write plain text, numbers or times, a value a row.",
                )
        return self.columns

    def chunks(self, _log: ReadLog, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yield the rows, at most ``rows`` at once.

        Raises:
            SourceError: A page is damaged; what was read before it stays imported.
        """
        start = 1
        try:
            for batch in pq.ParquetFile(self.path).iter_batches(batch_size=rows):
                lines = np.arange(start, start + batch.num_rows, dtype=np.int64)
                yield Chunk(pa.Table.from_batches([batch]), lines)
                start += batch.num_rows
        except (pa.ArrowException, OSError) as exc:
            raise SourceError(
                f"the file is damaged ({exc}).",
                where=f"{self.path}:{start}",
                remedy="Write it again and import again; whole batches before it were kept.",
            ) from exc

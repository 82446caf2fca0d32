"""Delimited text files: checked as a whole first, then read in chunks with line numbers.

A record that is malformed (a stray quote, the wrong number of fields, bytes that are not
the file's encoding) is refused by itself with its line; the records around it are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.readers.encoding import check_encoding
from graphrec.events.readers.records import WRONG_WIDTH, Record, read_records
from graphrec.events.source import ReadLog

CHUNK_ROWS = 100_000


@dataclass(frozen=True)
class Chunk:
    """Some records of a file.

    Attributes:
        columns: Text (or, from Parquet, typed) columns.
        lines: int64 [rows], where each record starts, from 1.
    """

    columns: pa.Table
    lines: np.ndarray


class TextTable:
    """One delimited file.

    Args:
        path: The file.
        table: The native table its rows are meant for (named in the quarantine).
        delimiter: What separates the fields; one character or two.
        quoted: Whether fields may stand in double quotes (RFC 4180).
        columns: Names of the columns where the file has no header.
        required: Columns without which the file is useless.
        encoding: "utf-8" or "latin-1"; a byte order mark is passed over.
    """

    def __init__(
        self,
        path: Path,
        table: str,
        *,
        delimiter: str = ",",
        quoted: bool = True,
        columns: tuple[str, ...] = (),
        required: tuple[str, ...] = (),
        encoding: str = "utf-8",
    ) -> None:
        self.path = path
        self.table = table
        self.delimiter = delimiter
        self.quoted = quoted
        self.columns = columns
        self.required = required or columns
        self.encoding = encoding
        self.has_header = not columns

    @property
    def file(self) -> str:
        """The file's name, as messages and the quarantine give it."""
        return self.path.name

    def check(self) -> tuple[str, ...]:
        """Check encoding and header of the whole file.

        Returns:
            The columns.

        Raises:
            SourceError: The file is missing, empty, compressed, in another encoding, has
                another delimiter or lacks a column.
        """
        check_encoding(self.path, self.encoding)
        if not self.has_header:
            return self.columns
        first = next(self._records(), None)
        if first is None or first.fault:
            raise SourceError(
                f"the header cannot be read: {first.fault if first else 'there is none'}.",
                where=f"{self.path}:1",
                remedy="Give the file a first line with the names of its columns.",
            )
        self.columns = tuple(name.strip() for name in first.fields)
        self._check_header()
        return self.columns

    def _check_header(self) -> None:
        missing = [name for name in self.required if name not in self.columns]
        twice = sorted({name for name in self.columns if self.columns.count(name) > 1 and name})
        found = ", ".join(self.columns)
        if missing:
            raise SourceError(
                f"column {', '.join(missing)} is missing; columns found: {found}.",
                where=f"{self.path}:1",
                remedy=self._delimiter_remedy() or "Rename or add the column.",
            )
        if twice:
            raise SourceError(
                f"column {', '.join(twice)} appears twice; columns found: {found}.",
                where=f"{self.path}:1",
                remedy="Keep one of them.",
            )

    def _delimiter_remedy(self) -> str:
        if len(self.columns) != 1:
            return ""
        names = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
        for other, spoken in names.items():
            if other != self.delimiter and other in self.columns[0]:
                wanted = names.get(self.delimiter, repr(self.delimiter))
                return f"It looks separated by {spoken}; save it separated by {wanted}."
        return ""

    def _records(self) -> Iterator[Record]:
        return read_records(
            self.path, delimiter=self.delimiter, quoted=self.quoted, encoding=self.encoding
        )

    def chunks(self, log: ReadLog, rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
        """Yield the records, at most ``rows`` at once; malformed ones go to ``log``."""
        if not self.columns:
            self.check()
        records = self._records()
        if self.has_header:
            next(records, None)
        width = len(self.columns)
        values: list[list[str]] = []
        lines: list[int] = []
        for record in records:
            if record.fault or len(record.fields) != width:
                self._refuse(log, record)
                continue
            values.append(record.fields)
            lines.append(record.line)
            if len(values) >= rows:
                yield self._chunk(log, values, lines)
                values, lines = [], []
        if values:
            yield self._chunk(log, values, lines)

    def _refuse(self, log: ReadLog, record: Record) -> None:
        reason = record.fault or WRONG_WIDTH
        shown = [_printable(field) for field in record.fields]
        log.reject(self.table, self.file, record.line, reason, {"fields": shown})

    def _chunk(self, log: ReadLog, values: list[list[str]], lines: list[int]) -> Chunk:
        try:
            return self._arrow(values, lines)
        except (UnicodeEncodeError, pa.ArrowInvalid):
            good = [row for row in range(len(values)) if _is_text(values[row])]
        for row in sorted(set(range(len(values))) - set(good)):
            fault = f"the bytes are not valid {self.encoding}"
            self._refuse(log, Record(values[row], lines[row], fault))
        return self._arrow([values[row] for row in good], [lines[row] for row in good])

    def _arrow(self, values: list[list[str]], lines: list[int]) -> Chunk:
        by_column = list(zip(*values, strict=True)) if values else [()] * len(self.columns)
        arrays = [pa.array(column, pa.string()) for column in by_column]
        return Chunk(pa.table(arrays, names=list(self.columns)), np.asarray(lines, dtype=np.int64))


def _is_text(fields: list[str]) -> bool:
    try:
        "".join(fields).encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(field: str) -> str:
    return field.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def tsv(path: Path, table: str, *required: str) -> TextTable:
    """A tab-separated file with a header and no quotes."""
    return TextTable(path, table, delimiter="\t", quoted=False, required=required)


def count_lines(path: Path, *, header: bool) -> int:
    """Lines of a file that is only counted, without its header."""
    with path.open("rb") as file:
        num_lines = sum(1 for line in file if line.strip())
    return max(0, num_lines - int(header))

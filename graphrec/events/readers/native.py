"""The native layout: a folder of CSV or Parquet files named as the tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from graphrec.errors import SourceError
from graphrec.events.readers.parquet import ParquetTable
from graphrec.events.readers.text import TextTable
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names, require_folder
from graphrec.schema import TABLES

_IMPLIED = frozenset({"skills", "roles"})


class NativeReader(Reader):
    """Reads ``courses.csv`` or ``courses.parquet`` and whichever other tables are there."""

    source: ClassVar[str] = "native"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._files: dict[str, list[TextTable | ParquetTable]] = {}

    def check(self) -> None:
        """Check every file of the layout; name what is not of it."""
        require_folder(self.path, self.source)
        for table in TABLES:
            self._files[table] = self._find(table)
        if not self._files["courses"]:
            raise SourceError(
                f"courses.csv (or courses.parquet) is missing; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Only courses is required; see docs/importing.md for its columns.",
            )
        for table, files in self._files.items():
            for file in files:
                self._check_columns(table, file)
        self.implied = frozenset(table for table in _IMPLIED if not self._files[table])
        self._warn_of_strangers()

    def _find(self, table: str) -> list[TextTable | ParquetTable]:
        required = TABLES[table].required
        text = self.path / f"{table}.csv"
        parts = sorted((self.path / table).glob("*.parquet"))
        whole = self.path / f"{table}.parquet"
        if whole.is_dir():
            parts += sorted(whole.glob("*.parquet"))
        elif whole.is_file():
            parts.append(whole)
        if text.is_file() and parts:
            raise SourceError(
                f"{table} is there as CSV and as Parquet.",
                where=str(self.path),
                remedy=f"Keep one: {text.name} or {parts[0].relative_to(self.path)}.",
            )
        if text.is_file():
            return [TextTable(text, table, required=required)]
        return [ParquetTable(part, self.path, required=required) for part in parts]

    def _check_columns(self, table: str, file: TextTable | ParquetTable) -> None:
        known = TABLES[table].schema.names
        unknown = [name for name in file.check() if name not in known]
        if unknown:
            self.log.warn(
                f"{file.file}: no place for column {', '.join(repr(name) for name in unknown)};"
                f" columns of {table}: {', '.join(known)}"
            )

    def _warn_of_strangers(self) -> None:
        used = {file.path for files in self._files.values() for file in files}
        used |= {path.parent for path in used}
        strangers = sorted(
            path.name
            for path in self.path.iterdir()
            if path not in used and not path.name.startswith(".")
        )
        if strangers:
            self.log.warn(
                f"not read, no table of the native layout: {', '.join(strangers)};"
                f" tables: {', '.join(TABLES)}"
            )

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order, in chunks."""
        for table, files in self._files.items():
            known = TABLES[table].schema.names
            for file in files:
                kept = [name for name in file.columns if name in known]
                for chunk in file.chunks(self.log):
                    yield SourceBatch(table, chunk.columns.select(kept), file.file, chunk.lines)

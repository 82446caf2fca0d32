"""Stage 1, EVENTS: what a reader of a source yields and says.

In comes a folder or file of some source; out go ``SourceBatch`` es, pieces of the native
tables (``graphrec.schema.TABLES``) with the place of every row, in the order of TABLES.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.quarantine import Quarantine


@dataclass(frozen=True)
class SourceBatch:
    """Some rows of one native table.

    Attributes:
        table: Name of the native table.
        rows: Those of the table's columns that the source has, as text or typed.
        file: The source's file, relative to what is imported.
        lines: int64 [rows], the line where each row starts, from 1; for Parquet its row.
    """

    table: str
    rows: pa.Table
    file: str
    lines: np.ndarray


class ReadLog:
    """What a reader has to say besides its rows.

    Attributes:
        notes: What the source has and the native tables have no place for, with counts.
        warnings: What the person importing should look at.
    """

    def __init__(self, quarantine: Quarantine) -> None:
        self.quarantine = quarantine
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        """Say what was left out by design."""
        self.notes.append(text)

    def warn(self, text: str) -> None:
        """Say what looks wrong and was still read."""
        self.warnings.append(text)

    def reject(self, table: str, file: str, line: int, reason: str, row: Mapping[str, Any]) -> None:
        """Quarantine a row that could not even become one of ``table``."""
        self.quarantine.add(table, file, line, reason, row)


class Reader(ABC):
    """Reads one kind of source.

    Args:
        path: The folder (or file) to read.
        log: Takes notes, warnings and refused lines.

    Attributes:
        source: The name used on the command line.
        implied: Node tables the source has no file of; ids that its relations name are
            created in the graph instead of being dangling.
    """

    source: ClassVar[str]

    def __init__(self, path: Path, log: ReadLog) -> None:
        self.path = path
        self.log = log
        self.implied: frozenset[str] = frozenset()

    @abstractmethod
    def check(self) -> None:
        """Look at every file that will be read, before anything is written.

        Raises:
            SourceError: A required file is missing, or a file is not what it should be.
        """

    @abstractmethod
    def batches(self) -> Iterator[SourceBatch]:
        """Yield the rows, tables in the order of TABLES."""


def require_folder(path: Path, source: str) -> None:
    """Refuse what is not a folder.

    Raises:
        SourceError: There is nothing at ``path``, or a file.
    """
    if not path.exists():
        raise SourceError("there is nothing here.", where=str(path), remedy="Check the path.")
    if not path.is_dir():
        raise SourceError(
            f"a folder is needed to import {source}, this is a file.",
            where=str(path),
            remedy="Give the folder that holds it.",
        )


def list_names(folder: Path, limit: int = 12) -> str:
    """Names in a folder for a message, at most ``limit`` of them."""
    names = sorted(p.name for p in folder.iterdir())
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) + more) if names else "nothing"

"""Stage 1, EVENTS: where refused rows and events go, as JSON Lines, never dropped in silence.

In come a row, its place and the reason; out go a file ``<time>-<source>.jsonl`` whose
lines hold ``{"reason", "file", "line", "table", "row"}`` and a count by reason.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

_NUM_EXAMPLES = 3


@dataclass
class QuarantineReason:
    """How often a reason was given, and the first places (``file:line``)."""

    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


class Quarantine:
    """Appends what was refused to one file; the file appears with its first line.

    Args:
        path: The JSON Lines file; its folder is created when needed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_table: Counter[str] = Counter()
        self._reasons: dict[str, QuarantineReason] = {}
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()

    @classmethod
    def for_import(cls, folder: Path, source: str, *, now: datetime | None = None) -> Quarantine:
        """A file of its own for one import, named by its time and source."""
        stem = f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}-{source}"
        path, suffix = folder / f"{stem}.jsonl", 2
        while path.exists():
            path, suffix = folder / f"{stem}-{suffix}.jsonl", suffix + 1
        return cls(path)

    @classmethod
    def for_events(cls, folder: Path, *, now: datetime | None = None) -> Quarantine:
        """The file of this day's refused events, appended to."""
        return cls(folder / f"{(now or datetime.now(UTC)):%Y%m%d}-events.jsonl")

    def __len__(self) -> int:
        return sum(self.by_table.values())

    @property
    def reasons(self) -> list[QuarantineReason]:
        """Reasons, the most frequent first."""
        return sorted(self._reasons.values(), key=lambda r: (-r.count, r.reason))

    def add(self, table: str, file: str, line: int, reason: str, row: Mapping[str, Any]) -> None:
        """Keep one refused row with its place and reason.

        Args:
            table: The native table it was meant for.
            file: The source's file, relative to what was imported.
            line: Its line there, from 1 (for Parquet its row, for a request its position).
            reason: Why, in words that do not contain the row's values, so that they count.
            row: The values as the source has them.
        """
        record = {"reason": reason, "file": file, "line": line, "table": table, "row": dict(row)}
        encoded = orjson.dumps(record, default=str, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            self._count(table, f"{file}:{line}", reason)
            self._open().write(encoded)

    def _count(self, table: str, place: str, reason: str) -> None:
        self.by_table[table] += 1
        entry = self._reasons.setdefault(reason, QuarantineReason(reason))
        entry.count += 1
        if len(entry.examples) < _NUM_EXAMPLES:
            entry.examples.append(place)

    def _open(self) -> IO[bytes]:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        return self._file

    def flush(self) -> None:
        """Return once everything added is on the disk itself."""
        with self._lock:
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Flush and close; a later ``add`` opens the file again."""
        self.flush()
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

"""Small two-column look-ups that readers hold in memory (index to id, id to name)."""

from __future__ import annotations

from pathlib import Path

from graphrec.events.quarantine import Quarantine
from graphrec.events.readers.text import TextTable
from graphrec.events.source import ReadLog


class _Silent(Quarantine):
    """Takes what is refused a second time, where the first time has reported it."""

    def __init__(self) -> None:
        super().__init__(Path())

    def add(self, *_args: object, **_kwargs: object) -> None:
        """Keep nothing: it is in the quarantine already."""


def silent_log() -> ReadLog:
    """A log for reading a file again, whose malformed lines are in the quarantine already."""
    return ReadLog(_Silent())


def read_pairs(file: TextTable, key: str, value: str, log: ReadLog | None) -> list[tuple[str, str]]:
    """Two columns of a file as pairs, in its order.

    Args:
        file: A file that fits in memory.
        key: Name of the first column.
        value: Name of the second column.
        log: Takes malformed lines; None where another reading of the file reports them.
    """
    pairs: list[tuple[str, str]] = []
    for chunk in file.chunks(log or silent_log()):
        columns = chunk.columns
        keys, values = columns.column(key).to_pylist(), columns.column(value).to_pylist()
        pairs += zip(keys, values, strict=True)
    return pairs

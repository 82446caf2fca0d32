"""CSV files as people keep them: any usual delimiter, headings in their own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from graphrec.errors import SourceError
from graphrec.events.readers.encoding import check_encoding
from graphrec.events.readers.text import TextTable
from graphrec.events.source import ReadLog

_DELIMITERS: Final = (",", ";", "\t", "|")
_LEVELLED: Final = re.compile(r"(.+?)\s*=\s*([+-]?\d+(?:\.\d+)?)")

Aliases = Mapping[str, tuple[str, ...]]
"""Our name of a column -> the headings that mean it, lower case, words joined by ``_``."""


class PlainCsv:
    """One CSV file whose columns are found by what their headings mean.

    Args:
        path: The file.
        table: The native table its rows are meant for.
        aliases: What headings may mean; our own name always means itself.

    Attributes:
        columns: Our name -> heading, for the columns that are there.
        strangers: Headings that mean nothing here.
    """

    def __init__(self, path: Path, table: str, aliases: Aliases) -> None:
        self._path, self._table, self._aliases = path, table, aliases
        self.file = path.name
        self.columns: Mapping[str, str] = MappingProxyType({})
        self.strangers: list[str] = []

    def check(self) -> None:
        """Check the file and find its columns.

        Raises:
            SourceError: It is no readable CSV, or two headings mean the same.
        """
        if self._path.is_dir() or not self._path.exists():
            what = "a CSV file is needed, this is a folder" if self._path.is_dir() else ""
            raise SourceError(
                f"{what or 'there is nothing here'}.",
                where=str(self._path),
                remedy="Give the file itself.",
            )
        check_encoding(self._path, "utf-8")
        self._text = TextTable(self._path, self._table, delimiter=_delimiter(self._path))
        headings = self._text.check()
        meant: dict[str, str] = {}
        for heading in headings:
            name = self._meaning(heading)
            if name and name in meant:
                raise SourceError(
                    f"columns '{meant[name]}' and '{heading}' both mean {name}.",
                    where=f"{self._path}:1",
                    remedy="Remove or rename one of them.",
                )
            if name:
                meant[name] = heading
            else:
                self.strangers.append(heading)
        self.columns = MappingProxyType(meant)

    def _meaning(self, heading: str) -> str:
        word = re.sub(r"[\s\-_]+", "_", heading.strip().lower())
        return next((name for name, others in self._aliases.items() if word in (name, *others)), "")

    def need(self, *names: str) -> None:
        """Refuse a file that has none of these columns.

        Raises:
            SourceError: None is there.
        """
        if not any(name in self.columns for name in names):
            headings = ", ".join(self._text.columns)
            accepted = ", ".join((names[0], *self._aliases[names[0]]))
            raise SourceError(
                f"column {' or '.join(names)} is missing; columns found: {headings}.",
                where=f"{self._path}:1",
                remedy=f"Add it, or rename one; {names[0]} may be called: {accepted}.",
            )

    def tell_strangers(self, log: ReadLog) -> None:
        """Warn of columns that mean nothing here, naming those that do."""
        if self.strangers:
            log.warn(
                f"{self.file}: no place for column {', '.join(self.strangers)};"
                f" columns: {', '.join(self._aliases)}"
            )

    def rows(self, log: ReadLog) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield line and values by our names, white space at the ends taken off."""
        for chunk in self._text.chunks(log):
            found = {name: chunk.columns.column(h).to_pylist() for name, h in self.columns.items()}
            for row, line in enumerate(chunk.lines.tolist()):
                yield line, {name: values[row].strip() for name, values in found.items()}


def split_list(text: str, separators: str = ";|") -> list[str]:
    """Parts of a cell that holds a list, without empty ones, each once."""
    parts = (part.strip() for part in re.split(f"[{re.escape(separators)}]", text))
    return list(dict.fromkeys(part for part in parts if part))


def split_level(text: str) -> tuple[str, str | None]:
    """A skill and the level behind its last ``=``: ``"python=2"``; None where there is none."""
    found = _LEVELLED.fullmatch(text)
    return (found[1], found[2]) if found else (text, None)


def _delimiter(path: Path) -> str:
    """The delimiter that the heading line has most of, outside quotes."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        heading = re.sub(r'"[^"]*"', "", next((line for line in file if line.strip()), ""))
    return max(_DELIMITERS, key=heading.count)

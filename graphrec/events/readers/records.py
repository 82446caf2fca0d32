"""Records of a delimited file, each with its first line and, where malformed, its fault."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Longer fields are a quote that was never closed; the record is refused and reading goes on
# behind its first line.
MAX_FIELD_CHARS = 1 << 20

WRONG_WIDTH = "the number of fields is not that of the header"

_FAULTS = {
    "unexpected end of data": "a quote is opened and never closed",
    "expected after": "there is text behind a closing quote",
    "field larger": "a quote is opened and never closed",
    "new-line character": "there is a carriage return inside an unquoted field",
}


@dataclass(frozen=True)
class Record:
    """Fields of one record; ``fault`` says why it cannot be used, "" where it can."""

    fields: list[str]
    line: int
    fault: str = ""


class _Feed:
    """Lines of a file that can be given back; remembers those of the current record."""

    def __init__(self, file: IO[bytes], encoding: str, delimiter: str) -> None:
        self._file = file
        self._encoding = encoding
        self._delimiter = delimiter
        self._returned: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._read()
        self.taken.append(line)
        return line

    def _read(self) -> str:
        line = next(self._file).decode(self._encoding, "surrogateescape")
        return line.replace(self._delimiter, "\x1f") if len(self._delimiter) > 1 else line

    def give_back(self, lines: list[str]) -> None:
        self._returned.extendleft(reversed(lines))


def read_records(path: Path, *, delimiter: str, quoted: bool, encoding: str) -> Iterator[Record]:
    """Yield every record of the file, the header included, blank lines not.

    Bytes that are not of the encoding come as lone surrogates, for the caller to refuse.

    Args:
        path: The file.
        delimiter: One character or more.
        quoted: Whether fields may stand in double quotes.
        encoding: Of the file.
    """
    csv.field_size_limit(MAX_FIELD_CHARS)
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        yield from _parse(_Feed(file, encoding, delimiter), delimiter, quoted=quoted)


def _parse(feed: _Feed, delimiter: str, *, quoted: bool) -> Iterator[Record]:
    reader = csv.reader(
        feed,
        delimiter=delimiter if len(delimiter) == 1 else "\x1f",
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        strict=True,
    )
    line, width, taken = 1, 0, feed.taken
    while True:
        fault = ""
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            fields, fault = [taken[0].rstrip("\r\n")], _explain(str(exc))
        width = width or len(fields)
        if len(taken) > 1 and (fault or len(fields) != width):
            # A quote ran away over several lines: refuse its line, read the others again.
            feed.give_back(taken[1:])
            del taken[1:]
            fields = [taken[0].rstrip("\r\n")]
            fault = "a quote is opened and never closed" if fault else WRONG_WIDTH
        if fields or fault:
            yield Record(fields, line, fault)
        line += len(taken)
        taken.clear()


def _explain(message: str) -> str:
    return next((said for part, said in _FAULTS.items() if part in message), message)

"""Is a file the text it should be? Asked of the whole file before any row of it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphrec.errors import SourceError

_BINARY = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive (or a spreadsheet)",
    b"\x1f\x8b": "compressed with gzip",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


@dataclass
class _Survey:
    """Lines of a file, and those that are not of its encoding."""

    lines: int = 0
    not_ascii: int = 0
    bad: int = 0
    first: str = ""


def check_encoding(path: Path, encoding: str) -> None:
    """Refuse a file that is not text of this encoding.

    Single damaged lines are no reason: they are refused when they are read. A file is
    taken to be in another encoding when its header, more than half of its lines, or (from
    20 lines on) a tenth of them and most of those beyond ASCII cannot be decoded.

    Raises:
        SourceError: The file is missing, empty, binary or in another encoding.
    """
    if not path.is_file():
        raise SourceError("the file is missing.", where=str(path), remedy="Check the folder.")
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise SourceError(
            "the file is empty.", where=str(path), remedy="Remove it, or give it its header."
        )
    kind = next((said for magic, said in _BINARY.items() if head.startswith(magic)), "")
    if not kind and b"\0" in head:
        kind = "binary or UTF-16 text (it holds zero bytes)"
    if kind:
        raise SourceError(
            f"expected {encoding.upper()} text, this is {kind}.",
            where=str(path),
            remedy=f"Save it as plain {encoding.upper()} text.",
        )
    if encoding == "utf-8":
        _check_lines(path)


def _check_lines(path: Path) -> None:
    survey, offset, header_is_bad = _Survey(), 0, False
    for block in _blocks(path):
        if block.isascii():
            survey.lines += block.count(b"\n")
        else:
            _survey_block(block, offset, survey)
            header_is_bad = header_is_bad or (offset == 0 and survey.first.startswith("line 1,"))
        offset += len(block)
    bad, lines = survey.bad, survey.lines
    is_foreign = bad >= 20 and bad > 0.1 * lines and bad > 0.5 * survey.not_ascii
    if header_is_bad or bad > 0.5 * max(lines - 1, 1) or is_foreign:
        raise SourceError(
            f"not UTF-8: {bad} of {lines} lines cannot be decoded, first {survey.first}.",
            where=str(path),
            remedy="Convert it, for example with: iconv -f GB18030 -t UTF-8 (or -f LATIN1).",
        )


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, about a MiB at a time."""
    with path.open("rb") as file:
        while lines := file.readlines(1 << 20):
            yield b"".join(lines)


def _survey_block(block: bytes, offset: int, survey: _Survey) -> None:
    for line in block.removesuffix(b"\n").split(b"\n"):
        survey.lines += 1
        if not line.isascii():
            survey.not_ascii += 1
            try:
                line.decode()
            except UnicodeDecodeError as exc:
                survey.bad += 1
                at = f"byte 0x{line[exc.start]:02x} at offset {offset + exc.start}"
                survey.first = survey.first or f"line {survey.lines}, {at}"
        offset += len(line) + 1

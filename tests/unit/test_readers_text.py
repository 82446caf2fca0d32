"""Delimited files: whole-file faults are said at once, a bad record costs no good one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphrec.errors import SourceError
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers.text import TextTable, tsv
from graphrec.events.source import ReadLog


def read(
    table: TextTable, tmp_path: Path, rows: int = 2
) -> tuple[list[dict[str, str]], list[int], dict[int, str]]:
    """Rows, their lines, and the refused lines with their reasons."""
    table.check()
    quarantine = Quarantine(tmp_path / "q.jsonl")
    found, lines = [], []
    for chunk in table.chunks(ReadLog(quarantine), rows):
        found += chunk.columns.to_pylist()
        lines += chunk.lines.tolist()
    quarantine.close()
    text = quarantine.path.read_text() if quarantine.path.exists() else ""
    refused = {r["line"]: r["reason"] for r in map(json.loads, text.splitlines())}
    return found, lines, refused


def csv_file(tmp_path: Path, content: bytes, **options: object) -> TextTable:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return TextTable(path, "courses", **options)  # type: ignore[arg-type]


def test_quotes_newlines_and_a_byte_order_mark(tmp_path: Path) -> None:
    table = csv_file(
        tmp_path,
        b'\xef\xbb\xbfid,text\r\n1,"a ""b"", c"\r\n2,"two\nlines\n"\r\n\r\n3,plain\r\n4,last',
    )
    rows, lines, refused = read(table, tmp_path)
    assert [r["text"] for r in rows] == ['a "b", c', "two\nlines\n", "plain", "last"]
    assert lines == [2, 3, 7, 8]
    assert not refused


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    table = csv_file(tmp_path, b'id,text\n1,"open\n2,fine\n3,"also, fine"\n4,last\n')
    rows, lines, refused = read(table, tmp_path)
    assert [r["id"] for r in rows] == ["2", "3", "4"]
    assert lines == [3, 4, 5]
    assert refused == {2: "a quote is opened and never closed"}


def test_wrong_number_of_fields_and_text_behind_a_quote(tmp_path: Path) -> None:
    table = csv_file(tmp_path, b'id,text\n1\n2,a,b\n3,"x" y\n4,good\n')
    rows, lines, refused = read(table, tmp_path)
    assert (rows, lines) == ([{"id": "4", "text": "good"}], [5])
    assert refused[2] == refused[3] == "the number of fields is not that of the header"
    assert "behind a closing quote" in refused[4]


def test_undecodable_bytes_refuse_their_record_only(tmp_path: Path) -> None:
    table = csv_file(tmp_path, b"id,text\n1,ok\n2,caf\xe9\n3,caf\xc3\xa9\n4,ok\n")
    rows, lines, refused = read(table, tmp_path)
    assert [r["text"] for r in rows] == ["ok", "café", "ok"]
    assert lines == [2, 4, 5]
    assert refused == {3: "the bytes are not valid utf-8"}
    assert "caf\\\\xe9" in (tmp_path / "q.jsonl").read_text()


def test_tabs_keep_quotes_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('id\tname\n1\t"half\n2\tit"s\n')
    rows, _, refused = read(tsv(path, "skills", "id", "name"), tmp_path)
    assert [r["name"] for r in rows] == ['"half', 'it"s']
    assert not refused


def test_two_character_delimiter_and_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    path.write_bytes(b"1::Caf\xe9: part 2 (1999)::Drama\n2::short\n")
    table = TextTable(
        path,
        "courses",
        delimiter="::",
        quoted=False,
        columns=("id", "title", "genres"),
        encoding="latin-1",
    )
    rows, lines, refused = read(table, tmp_path)
    assert rows == [{"id": "1", "title": "Café: part 2 (1999)", "genres": "Drama"}]
    assert (lines, list(refused)) == ([1], [2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"PAR1....", "Parquet"),
        (b"PK\x03\x04....", "zip"),
        (b"\x1f\x8b....", "gzip"),
        ("id,text\n1,x\n".encode("utf-16"), "UTF-16"),
        ("id,text\n1,x\n".encode("utf-16-le"), "zero bytes"),
        (b"id;text\n1;x\n", "separated by semicolons; save it separated by commas"),
        (b"id\ttext\n1\tx\n", "separated by tabs"),
        (b"name,text\n1,x\n", "column id is missing; columns found: name, text"),
        (b"id,text,id\n1,x,2\n", "column id appears twice"),
        ("标题,id\n".encode("gb18030"), "line 1, byte 0xb1 at offset 0"),
        ("id,t\n1,é\n2,é\n3,ok\n".encode("latin-1"), "2 of 4 lines cannot be decoded"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(tmp_path: Path, content: bytes, said: str) -> None:
    table = csv_file(tmp_path, content, required=("id",))
    with pytest.raises(SourceError) as caught:
        table.check()
    assert said in str(caught.value)
    assert "rows.csv" in caught.value.where
    assert caught.value.remedy


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="missing"):
        TextTable(tmp_path / "none.csv", "courses").check()

"""The native layout: what is read, what is refused and with which words."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphrec.errors import ParameterError, SourceError
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import open_reader
from graphrec.events.source import Reader, ReadLog
from graphrec.events.validate import check_batch
from graphrec.schema import TABLES

KNOWN = {
    "courses": pa.array(["c1", "c2"]),
    "skills": pa.array(["s1"]),
    "roles": pa.array(["r1"]),
}


def open_native(tmp_path: Path, **files: str) -> Reader:
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for name, text in {"courses": "course_id\nc1\nc2\n", **files}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return open_reader("native", folder, ReadLog(Quarantine(tmp_path / "q.jsonl")))


def good_rows(reader: Reader, table: str) -> list[dict[str, Any]]:
    quarantine = reader.log.quarantine
    found = []
    for batch in reader.batches():
        checked = check_batch(batch, KNOWN, reader.implied, quarantine)
        found += checked.rows.to_pylist() if batch.table == table else []
    quarantine.close()
    return found


def refused(tmp_path: Path) -> dict[int, str]:
    path = tmp_path / "q.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return {r["line"]: r["reason"] for r in map(json.loads, lines)}


def test_courses_of_every_type(tmp_path: Path) -> None:
    text = (
        "course_id,title,description,level,hours,language,provider,published_at,hidden\n"
        'c1,"Größe, ""x""","two\nlines",2,1.5,de,P,2020-01-01,TRUE\n'
        "c2,,,,,,,,\n"
        "c3,,,,8,,,1577836800000,0\n"
    )
    rows = good_rows(open_native(tmp_path, courses=text), "courses")
    assert rows[0] == {
        "course_id": "c1",
        "title": 'Größe, "x"',
        "description": "two\nlines",
        "level": "2",
        "hours": 1.5,
        "language": "de",
        "provider": "P",
        "published_at": 1577836800000,
        "hidden": True,
    }
    assert set(rows[1].values()) == {"c2", None}
    assert (rows[2]["published_at"], rows[2]["hidden"]) == (1577836800000, False)


@pytest.mark.parametrize(
    ("table", "header", "row", "reason"),
    [
        ("courses", "course_id,hours", ",1", "course_id is empty"),
        ("courses", "course_id,hours", "c,x", "hours is not a finite number"),
        ("courses", "course_id,hours", "c,inf", "hours is not a finite number"),
        ("courses", "course_id,hours", "c,-1", "hours is negative"),
        ("courses", "course_id,hidden", "c,maybe", "hidden is not true or false"),
        ("courses", "course_id,published_at", "c,soon", "published_at is not a time"),
        ("courses", "course_id,title", " c,x", "course_id begins or ends with white space"),
        ("courses", "course_id,title", '"c\nd",x', "course_id holds a control character"),
        ("courses", "course_id,title", "c" * 513 + ",x", "course_id is longer than 512"),
        ("teaches", "course_id,skill_id", "c1,nope", "skill_id is not among the skills"),
        ("teaches", "course_id,skill_id", "nope,s1", "course_id is not among the courses"),
        ("learners", "learner_id,role_id", "l1,nope", "role_id is not among the roles"),
        ("needs", "role_id,skill_id,level", "r1,s1,high", "level is not a finite number"),
        ("interactions", "learner_id,course_id,type", "l,c1,liked", "type is not one of"),
        ("interactions", "learner_id,course_id,type", "l,c1,", "type is empty"),
        ("interactions", "learner_id,course_id,type,at", "l,c1,viewed,-5", "at is outside"),
        ("interactions", "learner_id,course_id,type,at", "l,c1,viewed,2101-01-01", "at is outs"),
        ("interactions", "learner_id,course_id,type,seq", "l,c1,viewed,1.5", "seq is not a whole"),
        ("interactions", "learner_id,course_id,type,seq", "l,c1,viewed,-1", "seq is negative"),
        ("interactions", "learner_id,course_id,type,progress", "l,c1,viewed,2", "progress is out"),
    ],
)
def test_a_bad_row_is_refused_with_its_line(
    tmp_path: Path, table: str, header: str, row: str, reason: str
) -> None:
    known = {"skills": "skill_id\ns1\n", "roles": "role_id\nr1\n"}
    reader = open_native(tmp_path, **{**known, table: f"{header}\n{row}\n"})
    assert good_rows(reader, table) == []
    (line, said), *others = refused(tmp_path).items()
    assert (line, others) == (2, [])
    assert said.startswith(reason)


def test_ids_that_only_relations_name_are_implied_where_there_is_no_file(tmp_path: Path) -> None:
    text = "course_id,skill_id\nc1,new\nnope,newer\n"
    reader = open_native(tmp_path, teaches=text)
    assert reader.implied == {"skills", "roles"}
    batches = [b for b in reader.batches() if b.table == "teaches"]
    checked = check_batch(batches[0], KNOWN, reader.implied, reader.log.quarantine)
    reader.log.quarantine.close()
    # A row refused for another reason creates nothing.
    assert checked.implied["skills"].to_pylist() == ["new"]
    assert checked.rows.num_rows == 1


def test_unknown_columns_and_files_are_named(tmp_path: Path) -> None:
    reader = open_native(tmp_path, courses="course_id,colour\nc1,red\n", learnrs="learner_id\n")
    said = " ".join(reader.log.warnings)
    assert "'colour'" in said
    assert "learnrs.csv" in said


def test_whole_file_problems_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"teaches\.csv:1: column skill_id is missing"):
        open_native(tmp_path, teaches="course_id,skill\nc1,s1\n")
    log = ReadLog(Quarantine(tmp_path / "q.jsonl"))
    with pytest.raises(SourceError, match="nothing here"):
        open_reader("native", tmp_path / "none", log)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SourceError, match=r"courses\.csv .* is missing; found: nothing"):
        open_reader("native", empty, log)
    with pytest.raises(ParameterError, match="no source 'csv'"):
        open_reader("csv", empty, log)
    with pytest.raises(ParameterError, match="no cyclic"):
        open_reader("native", empty, log, with_cycles=True)


def test_parquet_with_types_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "interactions").mkdir(parents=True)
    pq.write_table(pa.table({"course_id": [1, 2], "published_at": [date(2020, 1, 1), None]}),
                   folder / "courses.parquet")  # fmt: skip
    part = pa.table(
        {
            "learner_id": pa.array(["a", "b"]).dictionary_encode(),
            "course_id": pa.array([1, 9]),
            "type": ["viewed", "viewed"],
            "at": pa.array([1_577_836_800, None], pa.timestamp("s", tz="UTC")),
            "seq": [1.0, 2.5],
        }
    )
    pq.write_table(part, folder / "interactions" / "part-0.parquet")
    reader = open_reader("native", folder, ReadLog(Quarantine(tmp_path / "q.jsonl")))
    assert good_rows(reader, "courses")[0]["published_at"] == 1577836800000
    known = {**KNOWN, "courses": pa.array(["1", "2"])}
    (batch,) = [b for b in reader.batches() if b.table == "interactions"]
    checked = check_batch(batch, known, reader.implied, reader.log.quarantine)
    assert [(r["course_id"], r["at"], r["seq"]) for r in checked.rows.to_pylist()] == [
        ("1", 1577836800000, 1)
    ]
    reader.log.quarantine.close()
    assert refused(tmp_path)[2] == "seq is not a whole number"


def test_parquet_that_cannot_be_used(tmp_path: Path) -> None:
    log = ReadLog(Quarantine(tmp_path / "q.jsonl"))
    (tmp_path / "courses.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(SourceError, match="not a Parquet file"):
        open_reader("native", tmp_path, log)
    pq.write_table(pa.table({"course_id": [["a"]]}), tmp_path / "courses.parquet")
    with pytest.raises(SourceError, match="course_id holds list"):
        open_reader("native", tmp_path, log)
    (tmp_path / "courses.csv").write_text("course_id\na\n")
    with pytest.raises(SourceError, match="as CSV and as Parquet"):
        open_reader("native", tmp_path, log)


def test_batches_come_in_the_order_of_the_tables(tmp_path: Path) -> None:
    files = {
        "interactions": "learner_id,course_id,type\nl,c1,viewed\n",
        "teaches": "course_id,skill_id\nc1,s1\n",
        "skills": "skill_id\ns1\n",
    }
    tables = [batch.table for batch in open_native(tmp_path, **files).batches()]
    assert tables == sorted(tables, key=list(TABLES).index)

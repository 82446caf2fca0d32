"""Rows into a real embedded graph: accounted for, idempotent, resumable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import open_reader
from graphrec.events.source import ReadLog, SourceBatch
from graphrec.graph import ingest_table
from graphrec.graph.ingest import ImportSummary, _rebatched, ingest
from graphrec.graph.ingest_cycles import prerequisite_cycles
from graphrec.graph.ingest_keys import SeenRows, hash_rows
from graphrec.graph.store import GraphStore, open_store
from graphrec.settings import Settings

FILES = {
    "courses": "course_id,title,hours\nc1,One,2\nc2,Two,\nc3,Three,4\n",
    "skills": "skill_id,name\ns1,S\n",
    "teaches": "course_id,skill_id,level\nc1,s1,1\nc2,s1,\n",
    "requires": "course_id,requires_course_id,any_of\nc2,c1,\nc1,c2,\nc3,c3,\nc3,c1,g\n",
    "interactions": "learner_id,course_id,type,at,score,event_id\n"
    "l1,c1,enrolled,1577836800000,,e1\nl1,c2,rated,2020-01-02,5,\nl2,c1,viewed,,,\n",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    with open_store(Settings(store=tmp_path / "store", graph_buffer_mb=64)) as opened:
        yield opened


def run(store: GraphStore, tmp_path: Path, files: dict[str, str], **options: int) -> ImportSummary:
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    log = ReadLog(Quarantine.for_import(tmp_path / "quarantine", "native"))
    return ingest(store, open_reader("native", folder, log), **options)


def accounted(summary: ImportSummary) -> bool:
    return all(
        c.read == c.written + c.unchanged + c.duplicates + c.quarantined
        for c in summary.tables.values()
    )


@pytest.fixture(params=["looked up", "compared with an export"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small import looks rows up in the graph, a large one compares with all of it."""
    monkeypatch.setattr(ingest_table, "LOOKUP_ROWS", 1_000 if request.param == "looked up" else 0)


@pytest.mark.usefixtures("_both_ways")
def test_import_twice_changes_nothing(store: GraphStore, tmp_path: Path) -> None:
    first = run(store, tmp_path, FILES)
    before = {name: store.export(name) for name in FILES}
    again = run(store, tmp_path, FILES, batch_rows=2)
    assert accounted(first)
    assert accounted(again)
    assert {n: c.written for n, c in first.tables.items()} == {
        "courses": 3,
        "skills": 1,
        "teaches": 2,
        "requires": 4,
        "interactions": 3,
    }
    assert [c.written for c in again.tables.values()] == [0, 0, 0, 0, 0]
    assert [c.unchanged for c in again.tables.values()] == [3, 1, 2, 4, 3]
    assert all(store.export(name).equals(rows) for name, rows in before.items())
    assert first.graph["learners"] == 2
    assert first.quarantine_file is None


@pytest.mark.usefixtures("_both_ways")
def test_changed_rows_are_updates_and_absent_columns_stay(
    store: GraphStore, tmp_path: Path
) -> None:
    run(store, tmp_path, FILES)
    summary = run(store, tmp_path, {"courses": "course_id,title\nc1,Uno\nc2,Two\nc4,Four\n"})
    counts = summary.tables["courses"]
    assert (counts.written, counts.updated, counts.unchanged) == (2, 1, 1)
    titles = store.export("courses").select(["title", "hours"]).to_pylist()
    assert titles[0] == {"title": "Uno", "hours": 2.0}
    # An empty cell is a value: it says that there is none.
    run(store, tmp_path, {"courses": "course_id,hours\nc1,\n"})
    assert store.export("courses").column("hours")[0].as_py() is None


def test_cycles_are_kept_and_said(store: GraphStore, tmp_path: Path) -> None:
    summary = run(store, tmp_path, FILES)
    assert [(c.ids, c.group_size) for c in summary.cycles] == [(["c1", "c2"], 2), (["c3"], 1)]
    assert store.counts()["requires"] == 4


def test_duplicates_and_conflicts_within_a_source(store: GraphStore, tmp_path: Path) -> None:
    files = {
        "courses": "course_id,title\nc1,One\nc1,One\nc1,Other\nc2,Two\nc1,One\n",
        "interactions": "learner_id,course_id,type,at,event_id\n"
        "l1,c1,viewed,5000,e\nl1,c1,viewed,5000,e\nl1,c2,viewed,9000,e\nl2,c2,viewed,9000,e\n",
    }
    for batch_rows in (1, 100):
        store.clear()
        summary = run(store, tmp_path, files, batch_rows=batch_rows)
        assert accounted(summary)
        assert summary.tables["courses"].model_dump() == {
            "read": 5,
            "written": 2,
            "updated": 0,
            "unchanged": 0,
            "duplicates": 2,
            "quarantined": 1,
        }
        events = summary.tables["interactions"]
        assert (events.written, events.duplicates, events.quarantined) == (2, 1, 1)
        (reason,) = summary.quarantined
        assert reason.examples == ["courses.csv:4", "interactions.csv:4"]
        row = json.loads(Path(str(summary.quarantine_file)).read_text().splitlines()[0])["row"]
        assert row["earlier"] == "courses.csv:2"


def test_good_rows_are_kept_bad_ones_counted_by_reason(store: GraphStore, tmp_path: Path) -> None:
    files = {
        **FILES,
        "teaches": "course_id,skill_id\nc1,s1\nc9,s1\nc2,s9\nc1\n",
        "interactions": "learner_id,course_id,type,at\nl1,c1,viewed,7\n",
    }
    summary = run(store, tmp_path, files)
    counts = summary.tables["teaches"]
    assert (counts.read, counts.written, counts.quarantined) == (4, 1, 3)
    assert {r.reason: r.examples for r in summary.quarantined} == {
        "course_id is not among the courses": ["teaches.csv:3"],
        "skill_id is not among the skills": ["teaches.csv:4"],
        "the number of fields is not that of the header": ["teaches.csv:5"],
    }
    assert any("before 1980" in text for text in summary.warnings)


def test_ids_of_tables_without_a_file_are_created_once(store: GraphStore, tmp_path: Path) -> None:
    files = {
        "courses": "course_id\nc1\nc2\n",
        "teaches": "course_id,skill_id\nc1,s1\nc2,s1\nc2,s2\n",
        "needs": "role_id,skill_id\nr1,s2\nr1,s3\n",
    }
    summary = run(store, tmp_path, files, batch_rows=1)
    assert accounted(summary)
    assert (summary.graph["skills"], summary.graph["roles"]) == (3, 1)
    assert "3 skills are named only by relations: created without a name" in summary.warnings
    run(store, tmp_path, {"courses": "course_id\nc1\n", "skills": "skill_id,name\ns1,Named\n"})
    run(store, tmp_path, files)
    assert store.export("skills").column("name").to_pylist() == ["Named", None, None]


def test_an_interrupted_import_is_completed_by_the_next(store: GraphStore, tmp_path: Path) -> None:
    rows = "".join(f"l{n},c1,viewed,{n}000\n" for n in range(30))
    files = {**FILES, "interactions": f"learner_id,course_id,type,at\n{rows}"}
    seen = []

    def stop(table: str, num_rows: int) -> None:
        seen.append(num_rows)
        if table == "interactions" and num_rows >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(store, tmp_path, files, batch_rows=10, progress=stop)  # type: ignore[arg-type]
    assert store.counts()["interactions"] == 20
    counts = run(store, tmp_path, files, batch_rows=10).tables["interactions"]
    assert (counts.written, counts.unchanged) == (10, 20)
    assert store.counts()["interactions"] == 30


def test_rebatching_keeps_rows_order_and_tables_apart() -> None:
    def batch(table: str, start: int, num: int) -> SourceBatch:
        rows = pa.table({"x": pa.array(range(start, start + num), pa.int64())})
        return SourceBatch(table, rows, "f", np.arange(start, start + num))

    given = [
        batch("a", 0, 3),
        batch("a", 3, 1),
        batch("a", 4, 9),
        batch("b", 13, 0),
        batch("b", 13, 2),
    ]
    out = list(_rebatched(iter(given), 4))
    assert [b.rows.num_rows for b in out] == [4, 4, 4, 1, 2]
    assert [b.table for b in out] == ["a", "a", "a", "a", "b"]
    assert np.concatenate([b.lines for b in out]).tolist() == list(range(15))


def test_hashes_tell_values_and_nulls_apart() -> None:
    rows = pa.table(
        {
            "s": ["a", "a", None, "", "b", "a"],
            "f": [1.0, 1.0, 1.0, 1.0, None, -0.0],
            "i": [None, None, 0, 0, 1, 1],
        },
        schema=pa.schema([("s", pa.string()), ("f", pa.float64()), ("i", pa.int64())]),
    )
    hashes = hash_rows(rows, ["s", "f", "i"])
    assert hashes[0] == hashes[1]
    assert len(set(hashes.tolist())) == 5
    assert hash_rows(rows.slice(4), ["s", "f", "i"]).tolist() == hashes[4:].tolist()


def test_seen_rows_finds_every_key_across_merged_runs() -> None:
    rng = np.random.default_rng(0)
    keys = rng.permutation(np.arange(1, 501, dtype=np.uint64) * np.uint64(7919))
    seen = SeenRows()
    for start in range(0, 500, 30):
        part = keys[start : start + 30]
        seen.add(part, part + np.uint64(1), part.astype(np.int64))
    is_seen, rows, places = seen.find(np.append(keys, np.uint64(5)))
    assert is_seen.tolist() == [True] * 500 + [False]
    assert (rows[:500] == keys + np.uint64(1)).all()
    assert (places[:500] == keys.astype(np.int64)).all()


def test_find_cycles_names_the_shortest_through_the_first_id() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "a"), ("b", "a"), ("d", "a"), ("e", "f")]
    rows = pa.table({"skill_id": [e[0] for e in edges], "requires_skill_id": [e[1] for e in edges]})
    (cycle,) = prerequisite_cycles("skill_prerequisites", rows)
    assert (cycle.ids, cycle.group_size) == (["a", "b"], 3)

"""A snapshot holds the graph exactly, is published whole, and tells when it was damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphrec.errors import SourceError
from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.snapshot import read_snapshot, write_snapshot
from graphrec.graph.store import GraphStore
from graphrec.graph.table_hash import hash_table
from graphrec.schema import TABLES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    with LadybugStore(tmp_path / "graph", buffer_mb=256, max_gb=8) as opened:
        opened.migrate()
        opened.write("courses", pa.table({"course_id": ["a", "b"], "title": ["Ä", None]}))
        opened.write(
            "interactions",
            pa.table(
                {
                    "learner_id": ["l", "l", "m"],
                    "course_id": ["a", "b", "a"],
                    "type": ["enrolled", "completed", "viewed"],
                    "at": pa.array([10, 20, None], pa.int64()),
                }
            ),
        )
        yield opened


def test_it_holds_every_table_exactly(store: GraphStore, tmp_path: Path) -> None:
    snapshot = write_snapshot(store, tmp_path / "snapshots")
    again = read_snapshot(snapshot.directory)
    assert again == snapshot
    assert snapshot.directory.name == snapshot.id
    assert snapshot.id.endswith(snapshot.hash[:12])
    assert snapshot.rows["interactions"] == 3
    for name, table in again.tables().items():
        assert table.equals(store.export(name))
        assert table.schema == TABLES[name].schema
    assert [p.name for p in (tmp_path / "snapshots").iterdir()] == [snapshot.id]


def test_the_manifest_says_what_is_in_it(store: GraphStore, tmp_path: Path) -> None:
    snapshot = write_snapshot(store, tmp_path)
    manifest = json.loads((snapshot.directory / "manifest.json").read_text())
    assert manifest["version"] == 1
    assert manifest["engine"] == "ladybug"
    assert manifest["as_of"] is None
    assert manifest["tables"]["courses"] == {
        "rows": 2,
        "sha256": hash_table(store.export("courses")),
    }


def test_as_of_leaves_out_what_is_later_and_keeps_what_has_no_time(
    store: GraphStore, tmp_path: Path
) -> None:
    snapshot = write_snapshot(store, tmp_path, as_of_ms=10)
    kept = snapshot.tables()["interactions"]
    assert kept["at"].to_pylist() == [10, None]
    assert snapshot.as_of_ms == 10


def test_the_hash_follows_the_content_alone(store: GraphStore, tmp_path: Path) -> None:
    first = write_snapshot(store, tmp_path)
    assert write_snapshot(store, tmp_path).hash == first.hash
    store.write("courses", pa.table({"course_id": ["b"], "title": ["B"]}))
    assert write_snapshot(store, tmp_path).hash != first.hash


def test_the_hash_of_a_table_ignores_chunks_but_sees_every_change() -> None:
    table = pa.table({"s": ["a", None, "", "bc"], "n": pa.array([1, None, 0, 3], pa.int64())})
    reference = hash_table(table)
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1)])
    assert chunked["s"].num_chunks > 1
    assert hash_table(chunked) == reference
    changed = [
        table.take([1, 0, 2, 3]),
        table.slice(0, 3),
        table.set_column(0, "s", pa.array(["a", "", "", "bc"])),
        table.set_column(0, "s", pa.array(["ab", None, "", "c"])),
        table.set_column(1, "n", pa.array([1, 0, 0, 3], pa.int64())),
        table.set_column(1, "n", pa.array([1, None, 0, 3], pa.float64())),
        table.rename_columns(["t", "n"]),
    ]
    hashes = {hash_table(other) for other in changed}
    assert len(hashes) == len(changed)
    assert reference not in hashes


def test_damage_is_told(store: GraphStore, tmp_path: Path) -> None:
    snapshot = write_snapshot(store, tmp_path)
    path = snapshot.directory / "courses.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "title", pa.array(["Ä", "x"])), path)
    with pytest.raises(SourceError, match="not what the snapshot's manifest says"):
        snapshot.tables()
    path.write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="cannot be read"):
        snapshot.table("courses")
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        snapshot.table("courses")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no snapshot"),
        ("{", "no snapshot"),
        ('{"version": 1}', "no snapshot"),
        ('{"version": 99}', "layout 99"),
    ],
)
def test_a_folder_that_is_none_is_refused(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(SourceError, match=said):
        read_snapshot(tmp_path)


def test_a_changed_hash_in_the_manifest_is_told(store: GraphStore, tmp_path: Path) -> None:
    path = write_snapshot(store, tmp_path).directory / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tables"]["skills"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(SourceError, match="do not add up"):
        read_snapshot(path.parent)


def test_a_failed_write_leaves_nothing(
    store: GraphStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="no space"):
        write_snapshot(store, tmp_path / "snapshots")
    assert list((tmp_path / "snapshots").iterdir()) == []

"""The embedded graph among processes: one owner, kill -9, reopening, against a model."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from academy import ROWS, fill, table

from graphrec.errors import StoreError, StoreOwnedError
from graphrec.graph.ladybug import COPY_FROM, LadybugStore
from graphrec.schema import INTERACTION_TYPES, TABLES

SECOND = """
import sys
from pathlib import Path
from graphrec.errors import StoreOwnedError
from graphrec.graph.ladybug import LadybugStore
try:
    LadybugStore(Path(sys.argv[1]), buffer_mb=64, max_gb=8)
except StoreOwnedError as error:
    print(error)
    sys.exit(error.exit_code)
"""

WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from graphrec.graph.ladybug import LadybugStore
store = LadybugStore(Path(sys.argv[1]), buffer_mb=128, max_gb=8)
store.migrate()
store.write("courses", pa.table({"course_id": ["c"]}))
for batch in range(100_000):
    names = [f"l{batch}-{n}" for n in range(5)]
    rows = {"learner_id": names, "course_id": ["c"] * 5, "type": ["viewed"] * 5}
    store.write("interactions", pa.table(rows))
    print(batch, flush=True)
"""


def _open(folder: Path) -> LadybugStore:
    store = LadybugStore(folder, buffer_mb=256, max_gb=8)
    store.migrate()
    return store


def test_a_second_process_is_refused_and_damages_nothing(tmp_path: Path) -> None:
    with _open(tmp_path) as store:
        fill(store)
        for _ in range(2):
            second = subprocess.run(
                [sys.executable, "-c", SECOND, tmp_path],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert second.returncode == StoreOwnedError.exit_code, second.stderr
            assert f"process {os.getpid()}" in second.stdout
            assert "/v1/events" in second.stdout
            assert "GRAPHREC_GRAPH_URL" in second.stdout
        store.write("courses", table("courses", {"course_id": "after"}))
    with _open(tmp_path) as store:
        assert store.counts()["courses"] == len(ROWS["courses"]) + 1


def test_a_second_store_of_this_process_is_refused(tmp_path: Path) -> None:
    with _open(tmp_path), pytest.raises(StoreOwnedError, match="already opened"):
        LadybugStore(tmp_path)
    _open(tmp_path).close()


def test_a_closed_store_says_so_and_closes_twice(tmp_path: Path) -> None:
    store = _open(tmp_path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.counts()


def test_a_file_that_is_no_graph_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "graph.lbug").write_text("no database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        LadybugStore(tmp_path)
    assert (tmp_path / "graph.lbug").read_text().startswith("no database")
    with pytest.raises(StoreError, match="cannot be opened"):  # and the claim was given up
        LadybugStore(tmp_path)


@pytest.mark.parametrize("seconds", [0.1, 0.5])
def test_kill_9_loses_no_batch_that_was_answered(tmp_path: Path, seconds: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()  # it has begun
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        answered = len(writer.stdout.read().split()) + 1
    with _open(tmp_path) as store:
        kept = store.counts()["interactions"]
        assert kept % 5 == 0  # whole batches only
        assert answered * 5 <= kept <= (answered + 1) * 5
        assert store.export("interactions").num_rows == kept


def test_large_writes_equal_small_ones(tmp_path: Path) -> None:
    size = COPY_FROM + 1
    names = [f"l{n}" for n in range(size)]
    rows: dict[str, Any] = {"learner_id": names, "course_id": ["a", "b"] * (size // 2) + ["a"]}
    rows["type"] = ["viewed"] * size
    with _open(tmp_path) as store:
        store.write("courses", pa.table({"course_id": ["a", "b"]}))
        store.write("interactions", pa.table(rows).slice(0, 10))  # some stand there already
        store.write("interactions", pa.table({**rows, "progress": [0.5] * size}))
        exported = store.export("interactions")
        assert exported.num_rows == size
        assert set(exported["progress"].to_pylist()) == {0.5}
        assert store.counts()["learners"] == size
        with pytest.raises(StoreError, match="not in the graph"):
            store.write("interactions", pa.table({**rows, "course_id": ["c"] * size}))
        assert store.export("interactions").equals(exported)


def test_random_operations_with_reopens_follow_a_model(tmp_path: Path) -> None:
    chance = random.Random(7)
    model: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {n: {} for n in TABLES}
    store = _open(tmp_path)
    ids = [f"c{n}" for n in range(12)]
    _write(store, model, "courses", [{"course_id": course_id} for course_id in ids])
    for step in range(48):
        name = chance.choice(["courses", "requires", "interactions", "interactions"])
        rows = [_random_row(chance, name, ids) for _ in range(chance.randint(1, 30))]
        _write(store, model, name, rows)
        if step % 8 == 0:
            store.close()
            store = _open(tmp_path)
        if step % 6 == 0:
            for checked in ("courses", "requires", "interactions"):
                kept = {_key(checked, r): r for r in store.export(checked).to_pylist()}
                assert kept == model[checked]
    store.close()


def _write(
    store: LadybugStore,
    model: dict[str, dict[tuple[Any, ...], dict[str, Any]]],
    name: str,
    rows: list[dict[str, Any]],
) -> None:
    full = [{c: row.get(c) for c in TABLES[name].schema.names} for row in rows]
    store.write(name, table(name, *full))
    model[name].update({_key(name, row): row for row in full})


def _key(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    if name == "interactions" and row["event_id"]:
        return row["learner_id"], row["event_id"]
    return tuple(row[column] for column in TABLES[name].key)


def _random_row(chance: random.Random, name: str, ids: list[str]) -> dict[str, Any]:
    course_id = chance.choice(ids)
    if name == "courses":
        return {"course_id": course_id, "title": chance.choice([None, "t", "ü"]), "hours": 1.5}
    if name == "requires":
        other = {"requires_course_id": chance.choice(ids), "any_of": chance.choice([None, "x"])}
        return {"course_id": course_id, **other}
    return {
        "learner_id": f"l{chance.randrange(6)}",
        "course_id": course_id,
        "type": chance.choice(INTERACTION_TYPES),
        "at": chance.choice([None, 1, 2]),
        "score": chance.choice([None, 0.5, 5.0]),
        "event_id": chance.choice([None, *(f"e{n}" for n in range(20))]),
    }

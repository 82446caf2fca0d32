"""Whatever the ids and values are: they survive, and what is applied twice changes nothing."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrec.events.export import prepare_folder, write_native
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import open_reader
from graphrec.events.source import ReadLog
from graphrec.events.validate import check_batch
from graphrec.graph.ingest import ingest
from graphrec.graph.ingest_events import ingest_events
from graphrec.graph.store import GraphStore, open_store
from graphrec.schema import INTERACTION_TYPES, TABLES
from graphrec.settings import Settings

QUICK = settings(max_examples=25, deadline=None)
WHITE = " \t\n\r\x0b\x0c"
IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: text == text.strip(WHITE)
)
TEXTS = st.none() | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30
)
HOURS = st.none() | st.floats(0, 1e300) | st.integers(0, 2**60).map(float)
TIMES = st.none() | st.integers(0, 4_102_444_800_000)


@contextmanager
def new_store() -> Iterator[tuple[GraphStore, Path]]:
    """An empty graph, and a folder to work in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(Settings(store=folder / "store", graph_buffer_mb=64)) as opened:
            yield opened, folder


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    full = [{column: row.get(column) for column in TABLES[name].schema.names} for row in rows]
    return pa.Table.from_pylist(full, schema=TABLES[name].schema)


COURSES = st.lists(
    st.fixed_dictionaries(
        {
            "course_id": IDS,
            "title": TEXTS,
            "description": TEXTS,
            "hours": HOURS,
            "published_at": TIMES,
            "hidden": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row["course_id"],
)


@QUICK
@given(courses=COURSES, form=st.sampled_from(["csv", "parquet"]))
def test_what_is_exported_reads_back_the_same(courses: list[dict[str, Any]], form: Any) -> None:
    rows = table("courses", courses)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "out"
        prepare_folder(folder, force=False)
        write_native({"courses": rows}, folder, form)
        log = ReadLog(Quarantine(Path(name) / "q.jsonl"))
        (batch,) = open_reader("native", folder, log).batches()
        checked = check_batch(batch, {}, (), log.quarantine)
        assert not len(log.quarantine)
        assert checked.rows.equals(rows)


@QUICK
@given(courses=COURSES)
def test_any_csv_dialect_keeps_ids_verbatim(courses: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "courses.csv"
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL)
            writer.writerow(["course_id", "title"])
            writer.writerows([[row["course_id"], row["title"]] for row in courses])
        log = ReadLog(Quarantine(Path(name) / "q.jsonl"))
        (batch,) = open_reader("native", Path(name), log).batches()
        assert not len(log.quarantine)
        assert batch.rows.column("course_id").to_pylist() == [r["course_id"] for r in courses]


@settings(QUICK, max_examples=5)
@given(courses=COURSES, data=st.data())
def test_import_export_import_is_exact_and_idempotent(
    courses: list[dict[str, Any]], data: st.DataObject
) -> None:
    ids = [row["course_id"] for row in courses]
    event = st.fixed_dictionaries(
        {
            "learner_id": IDS,
            "course_id": st.sampled_from(ids),
            "type": st.sampled_from(INTERACTION_TYPES),
            "at": TIMES,
            "seq": st.none() | st.integers(0, 2**40),
            "score": st.none() | st.floats(-1e9, 1e9),
        }
    )
    tables = {
        "courses": table("courses", courses),
        "requires": table(
            "requires",
            data.draw(
                st.lists(
                    st.fixed_dictionaries(
                        {
                            "course_id": st.sampled_from(ids),
                            "requires_course_id": st.sampled_from(ids),
                            "any_of": st.none() | IDS,
                        }
                    ),
                    max_size=5,
                )
            ),
        ),
        "interactions": table("interactions", data.draw(st.lists(event, max_size=6))),
    }
    with new_store() as (store, folder):
        prepare_folder(folder / "first", force=False)
        write_native(tables, folder / "first", "csv")
        counts = import_native(store, folder / "first").tables["courses"]
        assert (counts.written, counts.quarantined) == (len(courses), 0)
        exported = store.export_snapshot(list(TABLES))
        prepare_folder(folder / "second", force=False)
        write_native(exported, folder / "second", "csv")
        again = import_native(store, folder / "second")
        assert not any(counts.written for counts in again.tables.values())
        with new_store() as (other, _):
            import_native(other, folder / "second")
            copied = other.export_snapshot(list(TABLES))
        assert all(copied[name].equals(exported[name]) for name in TABLES)


def import_native(store: GraphStore, folder: Path) -> Any:
    log = ReadLog(Quarantine(folder.parent / "q.jsonl"))
    return ingest(store, open_reader("native", folder, log))


@settings(QUICK, max_examples=5)
@given(
    events=st.lists(
        st.fixed_dictionaries(
            {
                "event_id": IDS,
                "learner_id": IDS,
                "course_id": st.sampled_from(["c1", "c2", "gone"]),
                "type": st.sampled_from(INTERACTION_TYPES),
            }
        ),
        max_size=6,
    )
)
def test_an_event_applied_twice_changes_nothing(events: list[dict[str, Any]]) -> None:
    with new_store() as (store, folder):
        store.write("courses", table("courses", [{"course_id": "c1"}, {"course_id": "c2"}]))
        quarantine = Quarantine(folder / "q.jsonl")
        ingest_events(store, events, quarantine)
        before = store.export("interactions")
        outcomes = ingest_events(store, [*events, *events], quarantine)
        quarantine.close()
        assert store.export("interactions").equals(before)
    assert {outcome.status for outcome in outcomes} <= {"duplicate", "quarantined"}
    assert [outcome.event_id for outcome in outcomes] == [e["event_id"] for e in events] * 2

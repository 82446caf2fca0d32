"""Single events: accepted once, refused with a reason, durable before the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphrec.events import schema
from graphrec.events.quarantine import Quarantine
from graphrec.events.schema import EventError, parse_event
from graphrec.graph.ingest_events import ingest_events
from graphrec.graph.store import GraphStore, open_store
from graphrec.schema import TABLES
from graphrec.settings import Settings

EVENT = {"event_id": "e1", "type": "completed", "learner_id": "l1", "course_id": "c1"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GraphStore]:
    with open_store(Settings(store=tmp_path / "store", graph_buffer_mb=64)) as opened:
        columns = {f.name: pa.nulls(1, f.type) for f in TABLES["courses"].schema}
        opened.write("courses", pa.table({**columns, "course_id": pa.array(["c1"])}))
        yield opened


@pytest.fixture
def quarantine(tmp_path: Path) -> Iterator[Quarantine]:
    kept = Quarantine.for_events(tmp_path / "quarantine")
    yield kept
    kept.close()


def statuses(outcomes: list[Any]) -> list[tuple[str | None, str]]:
    return [(outcome.event_id, outcome.status) for outcome in outcomes]


def test_a_batch_with_everything(store: GraphStore, quarantine: Quarantine) -> None:
    batch = [
        EVENT,
        {**EVENT, "at": 5},  # the same event, whatever else it says
        {**EVENT, "event_id": "e2", "at": "2026-05-01T09:30:00+02:00", "score": 3, "seq": 1},
        {**EVENT, "event_id": "e3", "course_id": "gone"},
        {**EVENT, "event_id": "e4", "type": "liked"},
        {"type": "viewed"},
        "text",
    ]
    outcomes = ingest_events(store, batch, quarantine, now_ms=lambda: 1_700_000_000_000)
    assert statuses(outcomes) == [
        ("e1", "accepted"),
        ("e1", "duplicate"),
        ("e2", "accepted"),
        ("e3", "quarantined"),
        ("e4", "quarantined"),
        (None, "quarantined"),
        (None, "quarantined"),
    ]
    assert outcomes[3].reason.startswith("course_id: ")
    assert outcomes[4].reason.startswith("type: ")
    assert "event_id: " in outcomes[5].reason
    stored = store.export("interactions").to_pylist()
    assert {row["event_id"]: row["at"] for row in stored} == {
        "e1": 1_700_000_000_000,
        "e2": 1_777_620_600_000,
    }
    lines = [json.loads(line) for line in quarantine.path.read_text().splitlines()]
    assert [line["line"] for line in lines] == [4, 5, 6, 7]
    assert lines[3]["row"] == {"event": "text"}


def test_sent_again_it_changes_nothing(store: GraphStore, quarantine: Quarantine) -> None:
    ingest_events(store, [EVENT], quarantine)
    before = store.export("interactions")
    again = ingest_events(store, [EVENT, {**EVENT, "at": 9}], quarantine)
    assert statuses(again) == [("e1", "duplicate"), ("e1", "duplicate")]
    assert store.export("interactions").equals(before)
    # Another learner's event may have the same id: ids are the sender's.
    other = ingest_events(store, [{**EVENT, "learner_id": "l2"}], quarantine)
    assert statuses(other) == [("e1", "accepted")]


def test_an_empty_batch(store: GraphStore, quarantine: Quarantine) -> None:
    assert ingest_events(store, [], quarantine) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "version: 2 is not known here"),
        ({"version": True}, "version: True is not known here"),
        ({"event_id": ""}, "event_id: "),
        ({"event_id": "x" * 513}, "event_id: "),
        ({"learner_id": "a\nb"}, "learner_id: holds a control character"),
        ({"learner_id": " a"}, "learner_id: begins or ends with white space"),
        ({"course_id": 7}, "course_id: "),
        ({"at": "soon"}, "at: is not a time"),
        ({"at": -1}, "at: "),
        ({"at": "2101-01-01"}, "at: "),
        ({"at": True}, "at: is not a time"),
        ({"score": float("inf")}, "score: is not a finite number"),
        ({"progress": 1.5}, "progress: "),
        ({"seq": -1}, "seq: "),
        ({"colour": "red"}, "colour: "),
    ],
)
def test_the_field_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_event({**EVENT, **change})
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("at", "ms"),
    [
        (0, 0),
        ("1777620600000", 1_777_620_600_000),
        ("2026-05-01T07:30:00Z", 1_777_620_600_000),
        ("2026-05-01T07:30:00.123", 1_777_620_600_123),
        ("2026-05-01", 1_777_593_600_000),
        (None, None),
    ],
)
def test_times(at: object, ms: int | None) -> None:
    assert parse_event({**EVENT, "at": at}).at == ms


def test_old_versions_are_brought_up_a_step_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def from_zero(raw: dict[str, Any]) -> dict[str, Any]:
        learner = raw.pop("user")
        return {**raw, "learner_id": learner, "version": 1}

    monkeypatch.setattr(schema, "UPGRADES", {0: from_zero})
    old = {**EVENT, "version": 0, "user": "l9"}
    del old["learner_id"]
    assert parse_event(old).learner_id == "l9"

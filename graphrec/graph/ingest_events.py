"""Stage 2, GRAPH: events that arrive one request at a time, durable before the answer.

In come JSON objects; out goes one ``EventOutcome`` each, in order. Accepted events stand in
the graph when the function returns, refused ones in the quarantine, on the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pyarrow as pa

from graphrec.events.quarantine import Quarantine
from graphrec.events.schema import Event, EventError, EventOutcome, parse_event
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

_SCHEMA = TABLES["interactions"].schema
_FILE = "events"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def ingest_events(
    store: GraphStore,
    raw_events: Sequence[object],
    quarantine: Quarantine,
    *,
    now_ms: Callable[[], int] = _now_ms,
) -> list[EventOutcome]:
    """Write a request's events in one transaction.

    An event is known by its learner and its event id: sent again, in this request or a
    later one, it is a duplicate and changes nothing, whatever else it says.

    Args:
        store: The graph.
        raw_events: JSON objects, of any known version.
        quarantine: Takes events that are malformed or name an unknown course.
        now_ms: The time of an event that brings none, epoch ms.

    Returns:
        One outcome an event, in order.

    Raises:
        StoreError: Nothing was written and nothing may be answered as accepted.
    """
    parsed = [_parse(raw) for raw in raw_events]
    rows = _rows([event for event, _ in parsed if event], now_ms())
    courses = _known_courses(store, rows)
    taken = _stored_events(store, rows)
    outcomes, accepted = [], []
    for position, (event, fault) in enumerate(parsed):
        reason = fault
        if event and event.course_id not in courses:
            reason = "course_id: no course of the catalogue has this id"
        if event is None or reason:
            _refuse(quarantine, raw_events[position], position, reason)
            outcomes.append(_outcome(raw_events[position], "quarantined", reason))
            continue
        key = (event.learner_id, event.event_id)
        if key in taken:
            outcomes.append(EventOutcome(event_id=event.event_id, status="duplicate", reason=""))
            continue
        taken.add(key)
        accepted.append(event)
        outcomes.append(EventOutcome(event_id=event.event_id, status="accepted", reason=""))
    if accepted:
        store.write("interactions", _rows(accepted, now_ms()))
    quarantine.flush()
    return outcomes


def _parse(raw: object) -> tuple[Event | None, str]:
    try:
        return parse_event(raw), ""
    except EventError as exc:
        return None, exc.message


def _rows(events: Sequence[Event], now_ms: int) -> pa.Table:
    columns = {name: [getattr(event, name) for event in events] for name in _SCHEMA.names}
    columns["at"] = [now_ms if at is None else at for at in columns["at"]]
    return pa.table(columns, schema=_SCHEMA)


def _known_courses(store: GraphStore, rows: pa.Table) -> set[str]:
    ids = rows.column("course_id").unique()
    if not len(ids):
        return set()
    schema = TABLES["courses"].schema
    columns = [ids if f.name == "course_id" else pa.nulls(len(ids), f.type) for f in schema]
    found = store.existing("courses", pa.table(columns, schema=schema))
    return set(found.column("course_id").to_pylist())


def _stored_events(store: GraphStore, rows: pa.Table) -> set[tuple[str, str]]:
    if not rows.num_rows:
        return set()
    stored = store.existing("interactions", rows)
    learners, events = stored.column("learner_id"), stored.column("event_id")
    return set(zip(learners.to_pylist(), events.to_pylist(), strict=True))


def _event_id(raw: object) -> str | None:
    value = raw.get("event_id") if isinstance(raw, dict) else None
    return value if isinstance(value, str) else None


def _outcome(raw: object, status: str, reason: str) -> EventOutcome:
    return EventOutcome.model_validate(
        {"event_id": _event_id(raw), "status": status, "reason": reason}
    )


def _refuse(quarantine: Quarantine, raw: object, position: int, reason: str) -> None:
    row = raw if isinstance(raw, dict) else {"event": raw}
    quarantine.add("interactions", _FILE, position + 1, reason, row)

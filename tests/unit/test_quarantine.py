"""What is refused is kept, counted and on the disk."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from graphrec.events.quarantine import Quarantine

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


def test_lines_and_counts(tmp_path: Path) -> None:
    quarantine = Quarantine.for_import(tmp_path / "new", "mars", now=NOW)
    assert not quarantine.path.exists()
    for line in range(1, 6):
        quarantine.add("courses", "items.csv", line, "hours is negative", {"hours": "-1"})
    quarantine.add("teaches", "t.csv", 9, "skill_id is empty", {"skill_id": None})
    quarantine.close()
    rows = [json.loads(line) for line in quarantine.path.read_text().splitlines()]
    assert quarantine.path.name == "20260501T093000Z-mars.jsonl"
    assert rows[0] == {
        "reason": "hours is negative",
        "file": "items.csv",
        "line": 1,
        "table": "courses",
        "row": {"hours": "-1"},
    }
    first = quarantine.reasons[0]
    assert (first.count, first.examples) == (5, ["items.csv:1", "items.csv:2", "items.csv:3"])
    assert (len(quarantine), quarantine.by_table["teaches"]) == (6, 1)


def test_two_imports_of_one_second_have_a_file_each(tmp_path: Path) -> None:
    one = Quarantine.for_import(tmp_path, "native", now=NOW)
    one.add("courses", "a", 1, "x", {})
    one.close()
    two = Quarantine.for_import(tmp_path, "native", now=NOW)
    assert two.path != one.path


def test_events_of_a_day_share_a_file_and_a_closed_one_opens_again(tmp_path: Path) -> None:
    quarantine = Quarantine.for_events(tmp_path, now=NOW)
    quarantine.add("interactions", "events", 1, "x", {"at": float("nan"), "id": "é\n"})
    quarantine.close()
    quarantine.add("interactions", "events", 2, "x", {})
    quarantine.close()
    Quarantine.for_events(tmp_path, now=NOW).close()
    assert len((tmp_path / "20260501-events.jsonl").read_text().splitlines()) == 2

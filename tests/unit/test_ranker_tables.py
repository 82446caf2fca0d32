"""What the ranking layer reads from native tables: hours, levels and what roles need."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphrec.dataset import Dataset, Histories
from graphrec.features.ranking_facts import CourseFacts
from graphrec.features.ranking_tables import CourseColumns
from graphrec.ids import IdMap


def test_hours_levels_and_the_gap_come_from_tables() -> None:
    tables = {
        "courses": pa.table(
            {
                "course_id": ["c0", "c1", "gone"],
                "hours": [4.0, None, 9.0],
                "level": ["Advanced", "somehow", "2"],
            }
        ),
        "needs": pa.table({"role_id": ["r", "r", "r"], "skill_id": ["s0", "s1", "unknown"]}),
    }
    train = Dataset(
        IdMap(["a", "b"]),
        IdMap(["c1", "c0"]),
        Histories.from_lists([[0], []]),
        skills=IdMap(["s0", "s1"]),
        item_skill=np.asarray([[0, 1, 1], [0, 0, 1]]),
    )
    facts = CourseColumns.from_tables(tables).facts(train)
    assert facts.hours is not None
    assert facts.levels is not None
    assert facts.hours.tolist() == [0.0, 4.0]
    assert facts.levels.tolist() == [-1.0, 3.0]
    # Learner a has s0 already: course c0 closes the other half of the role in four hours.
    roles = facts.rows_of_roles(["r", None], 2)
    held = facts.held(train.histories)
    gap = facts.gap_per_hour(roles, held, np.asarray([0, 0, 1]), np.asarray([1, 0, 1]))
    assert gap.tolist() == pytest.approx([0.125, 0.0, 0.0])
    assert facts.has == {"skills", "hours", "levels", "roles"}


def test_without_roles_there_is_no_gap() -> None:
    tables = {
        "courses": pa.table({"course_id": ["c0"], "hours": [None], "level": [None]}),
        "needs": pa.table({"role_id": pa.array([], pa.string()), "skill_id": []}),
    }
    train = Dataset(IdMap(["a"]), IdMap(["c0"]), Histories.from_lists([[0]]))
    facts = CourseColumns.from_tables(tables).facts(train)
    assert not facts.has
    assert facts.rows_of_roles((), 2).tolist() == [-1, -1]


def test_facts_are_the_same_when_read_back() -> None:
    histories = Histories(np.asarray([0, 2]), np.asarray([1, 0], np.int32), np.asarray([5, 9]))
    train = Dataset(
        IdMap(["a"]),
        IdMap(["c0", "c1"]),
        histories,
        skills=IdMap(["s0"]),
        item_skill=np.asarray([[0], [0]]),
    )
    facts = CourseColumns(("c0",), np.ones(1), np.full(1, -1.0), {"r": ("s0",)}).facts(train)
    again = CourseFacts.from_state(facts.state(), facts.role_ids)
    assert again.has == facts.has == {"times", "skills", "hours", "roles"}
    assert again.newest == 9
    assert again.first_times.tolist() == facts.first_times.tolist() == [9, 5]
    assert again.rows_of_roles(["r", "gone"], 2).tolist() == [0, -1]
    with pytest.raises(ValueError, match="times for"):
        CourseFacts.from_state(facts.state() | {"event_counts": np.asarray([2, 2])}, ["r"])
    with pytest.raises(ValueError, match="role_needs"):
        CourseFacts.from_state(facts.state(), [])

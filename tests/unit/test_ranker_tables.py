"""What the ranking layer reads from native tables: hours, levels and what roles need."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphrec.dataset import Dataset, Histories
from graphrec.features.ranking_tables import course_facts
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
    facts = course_facts(tables, train, ["r", None])
    assert facts.hours is not None
    assert facts.levels is not None
    assert facts.hours.tolist() == [0.0, 4.0]
    assert facts.levels.tolist() == [-1.0, 3.0]
    # Learner a has s0 already: course c0 closes the other half of the role in four hours.
    gap = facts.gap_per_hour(train.histories, np.asarray([0, 0, 1]), np.asarray([1, 0, 1]))
    assert gap.tolist() == pytest.approx([0.125, 0.0, 0.0])
    assert facts.has == {"skills", "hours", "levels", "roles"}


def test_without_roles_there_is_no_gap() -> None:
    tables = {"courses": pa.table({"course_id": ["c0"], "hours": [None], "level": [None]})}
    train = Dataset(IdMap(["a"]), IdMap(["c0"]), Histories.from_lists([[0]]))
    assert not course_facts(tables, train, [None]).has

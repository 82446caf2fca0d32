"""Facts of courses that stand in native tables and not in a dataset: hours, levels, needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pyarrow as pa

from graphrec.dataset import Dataset
from graphrec.events.simulator_arrays import LEVELS
from graphrec.features.ranking_facts import CourseFacts


@dataclass(frozen=True)
class CourseColumns:
    """What native tables say of courses and roles beside what a dataset holds.

    Attributes:
        course_ids: Of the n courses.
        hours: float32 [n], 0 unknown.
        levels: float32 [n], -1 unknown.
        needs: Role -> skills it needs.
    """

    course_ids: tuple[str, ...] = ()
    hours: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    levels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table]) -> Self:
        """Columns of a snapshot."""
        courses = tables["courses"]
        hours = [max(float(hours or 0), 0.0) for hours in courses["hours"].to_pylist()]
        levels = [_level(level) for level in courses["level"].to_pylist()]
        needs: dict[str, list[str]] = {}
        for row in tables["needs"].to_pylist():
            needs.setdefault(row["role_id"], []).append(row["skill_id"])
        return cls(
            tuple(courses["course_id"].to_pylist()),
            np.asarray(hours, np.float32),
            np.asarray(levels, np.float32),
            {role_id: tuple(skills) for role_id, skills in sorted(needs.items())},
        )

    def facts(self, dataset: Dataset) -> CourseFacts:
        """Facts of a dataset's courses.

        Args:
            dataset: What is learned from, without what is held out.
        """
        rows = dataset.items.indices(self.course_ids)
        skills = [dataset.skills.indices(wanted) for wanted in self.needs.values()]
        edges = [(role, skill) for role, known in enumerate(skills) for skill in known.tolist()]
        needs = np.asarray([edge for edge in edges if edge[1] >= 0], np.int64).reshape(-1, 2).T
        return CourseFacts.of(
            dataset,
            hours=_placed(rows, self.hours, 0.0, dataset.num_items),
            levels=_placed(rows, self.levels, -1.0, dataset.num_items),
            role_ids=tuple(self.needs),
            role_needs=np.ascontiguousarray(needs),
        )


NO_COLUMNS = CourseColumns()
"""Of bare data: interactions, and nothing of the courses."""


def _level(text: str | None) -> float:
    """A level as a number, -1 where it is unknown."""
    if text is None:
        return -1.0
    try:
        return LEVELS.get(text.lower()) or max(float(text), 0.0)
    except ValueError:
        return -1.0


def _placed(rows: np.ndarray, values: np.ndarray, absent: float, size: int) -> np.ndarray | None:
    """Values in the rows of a dataset's items, float32 [size]; None: nobody says."""
    is_known = (rows >= 0) & (values != absent)
    if not is_known.any():
        return None
    placed = np.full(size, absent, np.float32)
    placed[rows[is_known]] = values[is_known]
    return placed

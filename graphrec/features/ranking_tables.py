"""Facts of courses that stand in native tables and not in a dataset: hours, levels, needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from graphrec.dataset import Dataset
from graphrec.events.simulator_arrays import LEVELS
from graphrec.features.ranking_facts import CourseFacts


def course_facts(
    tables: Mapping[str, pa.Table], train: Dataset, role_ids: Sequence[str | None] = ()
) -> CourseFacts:
    """Facts of a snapshot's courses.

    Args:
        tables: Native tables.
        train: What is learned from, without what is held out.
        role_ids: The role each learner asked aims at; () where none is known.
    """
    courses = tables["courses"]
    hours = [max(float(hours or 0), 0.0) for hours in courses["hours"].to_pylist()]
    levels = [_level(level) for level in courses["level"].to_pylist()]
    rows = train.items.indices(courses["course_id"].to_pylist())
    return CourseFacts(
        train,
        _placed(rows, hours, 0.0, train.num_items),
        _placed(rows, levels, -1.0, train.num_items),
        _needs(tables, train, role_ids) if any(role_ids) else None,
    )


def _level(text: str | None) -> float:
    """A level as a number, -1 where it is unknown."""
    if text is None:
        return -1.0
    try:
        return LEVELS.get(text.lower()) or max(float(text), 0.0)
    except ValueError:
        return -1.0


def _placed(rows: np.ndarray, values: list[float], absent: float, size: int) -> np.ndarray:
    """Values in the rows of a dataset's items, float32 [size]."""
    placed = np.full(size, absent, np.float32)
    is_known = rows >= 0
    placed[rows[is_known]] = np.asarray(values, np.float32)[is_known]
    return placed


def _needs(
    tables: Mapping[str, pa.Table], train: Dataset, role_ids: Sequence[str | None]
) -> sp.csr_array:
    """Learner by skill, 1 where the learner's role needs it; float32."""
    of_role: dict[str, list[str]] = {}
    for row in tables["needs"].to_pylist():
        of_role.setdefault(row["role_id"], []).append(row["skill_id"])
    rows, columns = [], []
    for learner, role_id in enumerate(role_ids):
        skills = train.skills.indices(of_role.get(role_id or "", []))
        columns += skills[skills >= 0].tolist()
        rows += [learner] * int((skills >= 0).sum())
    shape = (len(role_ids), len(train.skills))
    needs = sp.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    needs.sum_duplicates()
    needs.data[:] = 1.0
    return needs

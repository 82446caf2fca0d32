"""What comes with a request and from no model: courses viewed, and what a role needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from graphrec.dataset import Dataset, Histories
from graphrec.features.dataset import dataset_from_tables
from graphrec.ids import IdMap

ROLE = "role"
VIEWED = "viewed"


class RoleScores:
    """Share of a role's needed skills that each item teaches.

    Args:
        needs: Role id -> skills it needs.
        taught_by: Skill id -> courses that teach it.
        items: Dense rows.
    """

    def __init__(
        self,
        needs: Mapping[str, frozenset[str]],
        taught_by: Mapping[str, tuple[str, ...]],
        items: IdMap,
    ) -> None:
        self._rows = {role_id: row for row, role_id in enumerate(needs)}
        # One row more, of zeros: the role of nobody.
        self._scores = np.zeros((len(self._rows) + 1, len(items)), np.float32)
        for role_id, row in self._rows.items():
            for skill_id in needs[role_id]:
                taught = items.indices(taught_by.get(skill_id, ()))
                self._scores[row, taught[taught >= 0]] += 1.0 / len(needs[role_id])

    def of(self, role_ids: Sequence[str | None]) -> np.ndarray:
        """Scores for each role asked; zeros for None or an unknown one; float32 [n, num_items]."""
        rows = [self._rows.get(role_id, -1) if role_id else -1 for role_id in role_ids]
        return self._scores[rows]

    def over(self, items: np.ndarray) -> RoleScores:
        """The same roles over other items: those that stand here in rows ``items`` (int [m])."""
        other = copy(self)
        other._scores = self._scores[:, items]
        return other


def role_scores(tables: Mapping[str, pa.Table], items: IdMap) -> RoleScores:
    """Role scores of native tables."""
    needs: dict[str, set[str]] = {}
    for row in tables["needs"].to_pylist():
        needs.setdefault(row["role_id"], set()).add(row["skill_id"])
    taught_by: dict[str, list[str]] = {}
    for row in tables["teaches"].to_pylist():
        taught_by.setdefault(row["skill_id"], []).append(row["course_id"])
    return RoleScores(
        {role: frozenset(skills) for role, skills in needs.items()},
        {skill: tuple(courses) for skill, courses in taught_by.items()},
        items,
    )


@dataclass(frozen=True)
class LearnerSignals:
    """The signals of n learners; dense only when asked for some of them.

    Attributes:
        num_items: Columns.
        views: What each viewed and did not take, or None.
        roles: Of the catalogue, or None.
        role_ids: The role each learner aims at.
    """

    num_items: int = 0
    views: Histories | None = None
    roles: RoleScores | None = None
    role_ids: Sequence[str | None] = field(default_factory=tuple)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the signals that say something about somebody."""
        has_views = self.views is not None and len(self.views.items) > 0
        has_roles = self.roles is not None and any(self.role_ids)
        return (VIEWED,) * has_views + (ROLE,) * has_roles

    def take(self, rows: np.ndarray) -> LearnerSignals:
        """Signals of the learners ``rows`` (int [m])."""
        views = None if self.views is None else self.views.take(rows)
        ids = [self.role_ids[row] for row in rows] if self.role_ids else ()
        return LearnerSignals(self.num_items, views, self.roles, ids)

    def before(self, times: np.ndarray | None) -> LearnerSignals:
        """What was known before a moment: whoever takes a course goes on to view it.

        Args:
            times: int64 [n], epoch ms, -1 unknown; None: of nobody.

        Returns:
            The same learners; views at or after their moment are left out, and all views
            where it cannot be told.
        """
        if self.views is None or not len(self.views.items):
            return self
        seen_at = self.views.times
        if times is None or seen_at is None:
            is_before = np.zeros(len(self.views.items), bool)
        else:
            is_before = (seen_at >= 0) & (seen_at < times[self.views.owners()])
        return replace(self, views=self.views.keep(is_before))

    def dense(self) -> dict[str, np.ndarray]:
        """By part, float32 [n, num_items]."""
        found: dict[str, np.ndarray] = {}
        if VIEWED in self.parts and self.views is not None:
            found[VIEWED] = np.asarray(self.views.matrix(self.num_items).toarray(), np.float32)
        if ROLE in self.parts and self.roles is not None:
            found[ROLE] = self.roles.of(self.role_ids)
        return found


NO_SIGNALS = LearnerSignals()


def with_signals(tables: Mapping[str, pa.Table]) -> tuple[Dataset, LearnerSignals]:
    """The dataset of native tables, and its learners' signals."""
    dataset = dataset_from_tables(tables)
    targets = tables["learners"]["target_role_id"].to_pylist()
    roles = role_scores(tables, dataset.items)
    return dataset, LearnerSignals(dataset.num_items, dataset.views, roles, targets)

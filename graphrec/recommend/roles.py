"""What a role asks, as scores over the items: a signal of the pipeline, and all of cold ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphrec.ids import IdMap
from graphrec.recommend.catalogue import Catalogue

ROLE = "role"
VIEWED = "viewed"
SIGNALS = (VIEWED, ROLE)
"""Parts of the score that come with a request and not from a model."""


class RoleScores:
    """Share of a role's needed skills that each item teaches.

    Args:
        catalogue: Roles, needs and what courses teach.
        items: Dense rows.
    """

    def __init__(self, catalogue: Catalogue, items: IdMap) -> None:
        self._rows = {role_id: row for row, role_id in enumerate(catalogue.roles)}
        # One row more, of zeros: the role of nobody.
        self._scores = np.zeros((len(self._rows) + 1, len(items)), np.float32)
        for role_id, row in self._rows.items():
            needs = catalogue.role_needs(role_id)
            for skill_id in needs:
                for course_id in catalogue.courses_teaching(skill_id):
                    item = items.index(course_id)
                    if item is not None:
                        self._scores[row, item] += 1.0 / len(needs)

    @property
    def is_empty(self) -> bool:
        """Whether no role asks for anything that an item teaches."""
        return not self._scores.any()

    def of(self, role_ids: Sequence[str | None]) -> np.ndarray:
        """Scores for each role asked; zeros for None or an unknown one; float32 [n, num_items]."""
        rows = [self._rows.get(role_id, -1) if role_id else -1 for role_id in role_ids]
        return self._scores[rows]

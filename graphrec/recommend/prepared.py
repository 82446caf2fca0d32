"""Stage 5, SERVE: shortlists of all learners, made in bulk before anybody asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphrec.recommend.learner_table import LearnerTable
from graphrec.recommend.learners import Learner
from graphrec.recommend.pipeline import Shortlists

MAX_BYTES = 1 << 30
"""Memory for shortlists; the learners active last come first."""


class Prepared:
    """Shortlists by learner, of one bundle and one reading of the graph.

    Written by one thread while others read: a learner appears once the arrays are filled.

    Args:
        table: The reading; a learner read otherwise (an event came) has none here.
        size: Candidates of each.
        num_columns: Of their scores.
        num_explored: Courses to explore, of each; 0: there are none.
    """

    def __init__(
        self, table: LearnerTable, size: int, num_columns: int, num_explored: int = 0
    ) -> None:
        self.table = table
        most = MAX_BYTES // (4 * (size * (1 + num_columns) + num_explored))
        waiting = table.by_last_activity()[:most]
        num_learners = len(waiting)
        self._waiting = waiting[::-1]
        items = np.zeros((num_learners, size), np.int32)
        explored = np.zeros((num_learners, num_explored), np.int32) if num_explored else None
        scores = np.zeros((num_learners, size, num_columns), np.float32)
        lengths = np.zeros(num_learners, np.int64)
        self._made = Shortlists(items, scores, lengths, explored)
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, learner_id: str) -> bool:
        return learner_id in self._rows

    def of(self, learner: Learner) -> Shortlists | None:
        """The learner's shortlist, or None where there is none for this very history."""
        row = self._rows.get(learner.learner_id or "")
        if row is None or learner.table is not self.table:
            return None
        return self._made[slice(row, row + 1)]

    @property
    def is_complete(self) -> bool:
        """Whether nobody waits any more."""
        return not self._waiting

    def next(self, num_learners: int) -> list[str]:
        """Learners whose shortlists are to be made now; none: all are made."""
        taken = self._waiting[-num_learners:][::-1]
        del self._waiting[-num_learners:]
        return taken

    def add(self, learner_ids: Sequence[str], shortlists: Shortlists) -> None:
        """Take in the shortlists of learners that ``next`` gave."""
        start = len(self._rows)
        rows = range(start, start + len(learner_ids))
        span = slice(start, rows.stop)
        self._made.items[span] = shortlists.items
        self._made.scores[span] = shortlists.scores
        self._made.lengths[span] = shortlists.lengths
        if self._made.explored is not None and shortlists.explored is not None:
            self._made.explored[span] = shortlists.explored
        self._rows.update(zip(learner_ids, rows, strict=True))

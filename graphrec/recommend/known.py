"""What is known of who asks, as far as reasons may rest on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import numpy as np

from graphrec.recommend.mastery import LearnerState
from graphrec.recommend.reason_codes import Evidence, Relation


@dataclass(frozen=True)
class Known:
    """What of a learner reasons may rest on.

    Attributes:
        learner_id: Whose events the graph has; None: nobody's.
        history: Courses taken or viewed, oldest first, those of this session last.
        recent: Courses of this session.
        completed: Courses that satisfy prerequisites.
        has_completions: Whether the graph records completions; else enrolments count.
        rows: What the bundle knows of ``history``: dense rows, int64, newest first.
        state: Gives what the learner holds; asked only where a role is aimed at.
    """

    learner_id: str | None
    history: Sequence[str]
    recent: Set[str]
    completed: Set[str]
    has_completions: bool
    rows: np.ndarray
    state: Callable[[], LearnerState]

    def met(self, course_id: str) -> Evidence:
        """That the learner knows a course of ``history``."""
        if course_id in self.recent:
            return Evidence(relation="IN_SESSION", to_id=course_id)
        return Evidence(from_id=self.learner_id, relation="MET", to_id=course_id)

    def done(self, course_id: str) -> Evidence:
        """That a course of the history satisfies prerequisites."""
        if course_id in self.recent:
            return Evidence(relation="IN_SESSION", to_id=course_id)
        relation: Relation = "COMPLETED" if self.has_completions else "ENROLLED"
        return Evidence(from_id=self.learner_id, relation=relation, to_id=course_id)

"""What a request may turn: how novel a list is, and how much of it explores."""

from __future__ import annotations

from dataclasses import dataclass

from graphrec.recommend.slots import num_slots

SHORTLISTED = 64
"""Candidates kept of a learner; whoever needs more is retrieved for anew."""

EXPLORED = 8
"""Courses to explore that are kept of a learner; likewise."""


@dataclass(frozen=True, slots=True)
class Knobs:
    """Values of one request.

    Attributes:
        novelty: Weight by which what everybody takes stands back, 0 .. 1.
        exploration: Share of the places given to courses with few learners or none, 0 .. 0.5.
    """

    novelty: float = 0.0
    exploration: float = 0.0

    def num_candidates(self, k: int) -> int:
        """Candidates that a list of ``k`` is chosen among; novelty needs some to choose from."""
        return 2 * k if self.novelty else k

    def num_explored(self, k: int) -> int:
        """Places of a list of ``k`` that explore."""
        return num_slots(k, self.exploration)

    def is_shortlist_enough(self, k: int) -> bool:
        """Whether a kept shortlist answers the request."""
        return self.num_candidates(k) <= SHORTLISTED and self.num_explored(k) <= EXPLORED


PLAIN = Knobs()
"""The best courses and nothing else."""

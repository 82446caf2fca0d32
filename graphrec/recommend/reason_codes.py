"""The one list of reason codes: what each reason states, as facts that can be asked again.

A reason is a code, facts (``Evidence``) and a sentence; the sentence names nothing that the
facts do not. ``graphrec reasons check`` asks the graph for every fact anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Relation = Literal[
    "TEACHES",
    "NEEDS",
    "REQUIRES",
    "PREREQUISITE_OF",
    "COMPLETED",
    "ENROLLED",
    "MET",
    "IN_SESSION",
    "ASKED",
    "TOOK_COUNT",
    "MET_COUNT",
    "CO_TOOK_COUNT",
    "CO_MET_COUNT",
    "ALIKE",
    "RULED",
]

RELATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TEACHES": "edge of the graph, course to skill",
        "NEEDS": "edge of the graph, role to skill",
        "REQUIRES": "edge of the graph, course to course",
        "PREREQUISITE_OF": "edge of the graph, skill to the skill that needs it first",
        "COMPLETED": "event of the learner on a course",
        "ENROLLED": "event of the learner on a course, in data that record no completions",
        "MET": "any event of the learner on a course",
        "IN_SESSION": "the request names the course among its recent_courses; from_id is null",
        "ASKED": "the request names the course or skill, as target, must_take, pin or keep; "
        "from_id is null",
        "TOOK_COUNT": "learners who enrolled in, completed, rated or dropped course to_id",
        "MET_COUNT": "learners with any event on course to_id, viewing included",
        "CO_TOOK_COUNT": "learners counted by TOOK_COUNT for both courses",
        "CO_MET_COUNT": "learners counted by MET_COUNT for both courses",
        "ALIKE": "cosine of two courses' content vectors in the bundle, as score",
        "RULED": "business rule from_id must be taken: course to_id",
    }
)
"""Relation -> what it states."""


class Evidence(BaseModel):
    """One fact that a reason rests on: an edge, an event, a count or a score."""

    model_config = ConfigDict(frozen=True)

    from_id: str | None = Field(default=None, description="Where the edge begins.")
    relation: Relation
    to_id: str = Field(description="Where it ends.")
    count: int | None = Field(default=None, description="Learners, as the bundle learned them.")
    score: float | None = Field(default=None, description="Of ALIKE: -1..1.")


@dataclass(frozen=True)
class ReasonCode:
    """What a reason of one code rests on.

    Attributes:
        relations: Of its evidence, in order; "|" separates those that one place may have.
        weighs: Whether the evidence is an edge or event that the ranking knows, so that
            without it the score must fall.
    """

    relations: tuple[str, ...]
    weighs: bool = False


_OWN = "MET|IN_SESSION"

REASON_CODES: Final[Mapping[str, ReasonCode]] = MappingProxyType(
    {
        "teaches_needed_skill": ReasonCode(("NEEDS", "TEACHES"), weighs=True),
        "unlocked_by": ReasonCode(("COMPLETED|ENROLLED|IN_SESSION", "REQUIRES"), weighs=True),
        "co_taken": ReasonCode((_OWN, "CO_TOOK_COUNT|CO_MET_COUNT"), weighs=True),
        "shares_skill": ReasonCode((_OWN, "TEACHES", "TEACHES"), weighs=True),
        "popular": ReasonCode(("TOOK_COUNT|MET_COUNT",)),
        "new": ReasonCode(("TOOK_COUNT|MET_COUNT",)),
        "required": ReasonCode(("RULED",)),
    }
)
"""Code of a recommendation's reason -> its evidence."""

EXPLORED: Final = ReasonCode(("TOOK_COUNT|MET_COUNT", _OWN, "ALIKE"))
"""What follows the evidence of a course given to explore; the last two where one is alike."""

PATH_CODES: Final[Mapping[str, ReasonCode]] = MappingProxyType(
    {
        "target_course": ReasonCode(("ASKED",)),
        "teaches_needed_skill": ReasonCode(("NEEDS|ASKED", "TEACHES")),
        "prerequisite_skill_of": ReasonCode(("TEACHES", "PREREQUISITE_OF")),
        "required_by": ReasonCode(("REQUIRES",)),
        "in_progress": ReasonCode(("ENROLLED",)),
        "required": ReasonCode(("RULED",)),
        "must_take": ReasonCode(("ASKED",)),
        "pinned": ReasonCode(("ASKED",)),
        "kept": ReasonCode(("ASKED",)),
        "taught_in_time": ReasonCode(("ASKED", "TEACHES", "TEACHES")),
    }
)
"""Code of a path's reason -> its evidence."""

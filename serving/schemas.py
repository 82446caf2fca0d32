"""Answers that only REST gives; the others are those of ``graphrec.recommend``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from graphrec.events.schema import EventOutcome
from graphrec.graph.snapshot import Snapshot
from graphrec.recommend.schemas import (
    K_DEFAULT,
    K_MAX,
    MAX_EXPLORATION,
    CourseFilters,
    RecommendRequest,
)


class RecommendQuery(BaseModel):
    """Parameters of a learner's recommendations; lists are given by repeating them."""

    model_config = ConfigDict(extra="forbid")

    k: int = Field(default=K_DEFAULT, ge=1, le=K_MAX, description="Number of courses.")
    role: str | None = Field(
        default=None, max_length=512, description="Role aimed at; else the learner's own."
    )
    level: list[str] = Field(default=[], max_length=20, description="Any of these levels.")
    language: list[str] = Field(default=[], max_length=20, description="Any of these languages.")
    provider: list[str] = Field(default=[], max_length=50, description="Any of these providers.")
    min_hours: float | None = Field(default=None, ge=0, description="At least this many hours.")
    max_hours: float | None = Field(default=None, ge=0, description="At most this many hours.")
    exclude: list[str] = Field(default=[], max_length=500, description="Courses never given.")
    novelty: float | None = Field(
        default=None, ge=0, le=1, description="How far what everybody takes stands back."
    )
    exploration: float | None = Field(
        default=None,
        ge=0,
        le=MAX_EXPLORATION,
        description="Share of the places given to courses that few learners took or none.",
    )
    messages_language: str | None = Field(
        default=None,
        max_length=1_000,
        description="Language of the reasons' words; null: as Accept-Language says.",
    )

    def to_request(self, learner_id: str) -> RecommendRequest:
        """The request of the recommender; every field is checked already."""
        filters = CourseFilters.model_construct(
            level=self.level,
            language=self.language,
            provider=self.provider,
            min_hours=self.min_hours,
            max_hours=self.max_hours,
        )
        return RecommendRequest.model_construct(
            learner_id=learner_id,
            recent_courses=[],
            target_role_id=self.role,
            filters=filters,
            exclude=self.exclude,
            k=self.k,
            novelty=self.novelty,
            exploration=self.exploration,
            messages_language=self.messages_language,
        )


class EventBatch(BaseModel):
    """Events, oldest first; each is judged by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "event_id": "e-1",
                            "type": "completed",
                            "learner_id": "ada",
                            "course_id": "PY101",
                            "at": "2026-05-01T09:30:00Z",
                            "score": 87,
                        }
                    ]
                }
            ]
        },
    )

    events: list[Any] = Field(
        min_length=1,
        max_length=1_000,
        description="Objects of version 1: `event_id`, `type` (enrolled, completed, viewed, "
        "rated, dropped), `learner_id`, `course_id`, and optionally `version`, `at` (epoch ms "
        "or ISO 8601), `seq`, `score`, `progress` (0 to 1).",
    )


class EventBatchAnswer(BaseModel):
    """What became of each event, in the order sent."""

    accepted: int
    duplicate: int
    quarantined: int
    outcomes: list[EventOutcome]


class TaughtSkill(BaseModel):
    """A skill of a course or role; level None where the source names none."""

    skill_id: str
    name: str | None
    level: float | None


class NeededSkill(TaughtSkill):
    """A skill that a role needs."""

    essential: bool


class CourseSummary(BaseModel):
    """A course in a list."""

    course_id: str
    title: str | None
    level: str | None
    hours: float | None
    language: str | None
    provider: str | None


class CourseDetail(CourseSummary):
    """A course with all that is known of it."""

    description: str | None
    published_at: int | None = Field(description="Epoch ms.")
    hidden: bool
    teaches: list[TaughtSkill]
    requires: list[list[str]] = Field(description="One course of each list must be completed.")
    required_by: list[str]


class CoursePage(BaseModel):
    """A part of the catalogue."""

    total: int = Field(description="Courses that match, on all pages.")
    offset: int
    limit: int
    courses: list[CourseSummary]


class SkillSummary(BaseModel):
    """A skill in a list."""

    skill_id: str
    name: str | None
    description: str | None
    requires: list[str] = Field(description="Skills to hold before.")
    num_courses: int = Field(description="Courses that teach it.")


class SkillPage(BaseModel):
    """A part of the skills."""

    total: int
    offset: int
    limit: int
    skills: list[SkillSummary]


class RoleSummary(BaseModel):
    """A role in a list."""

    role_id: str
    name: str | None
    description: str | None
    num_skills: int


class RoleList(BaseModel):
    """All roles."""

    roles: list[RoleSummary]


class RoleDetail(RoleSummary):
    """A role with the skills it needs."""

    needs: list[NeededSkill]


class QueryParameter(BaseModel):
    """A parameter of a named query; default null: it must be given."""

    name: str
    type: str
    default: Any


class QueryDescription(BaseModel):
    """A named query."""

    name: str
    subject: str
    purpose: str
    parameters: list[QueryParameter]
    columns: list[str]


class QueryAnswer(BaseModel):
    """Rows of a query."""

    name: str
    num_rows: int
    truncated: bool = Field(description="Whether rows were cut off; ask for fewer.")
    rows: list[dict[str, Any]]


class SnapshotAnswer(BaseModel):
    """A snapshot that was written."""

    id: str = Field(description="When it was taken, and the beginning of its hash.")
    directory: str = Field(description="For `graphrec train --snapshot DIRECTORY`.")
    hash: str = Field(description="SHA-256 of its tables: the same graph, the same hash.")
    created_at: str = Field(description="ISO 8601, UTC.")
    rows: dict[str, int] = Field(description="Rows of each table.")

    @classmethod
    def of(cls, snapshot: Snapshot) -> SnapshotAnswer:
        """What REST says of a snapshot."""
        return cls(
            id=snapshot.id,
            directory=str(snapshot.directory),
            hash=snapshot.hash,
            created_at=snapshot.created_at,
            rows=dict(snapshot.rows),
        )


class Readiness(BaseModel):
    """Whether the whole service stands ready; popularity answers even where it does not."""

    status: str
    reason: str | None = None
    bundle: str | None = None
    graph: str | None = None
    num_courses: int | None = None

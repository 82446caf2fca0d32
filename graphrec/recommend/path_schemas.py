"""Requests and answers of the path planner, shared by Python, command line and REST."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from graphrec.errors import ParameterError
from graphrec.recommend.reason_codes import Evidence

Id = Annotated[str, Field(min_length=1, max_length=512)]
Ids = Annotated[tuple[Id, ...], Field(max_length=10_000)]
Names = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=100)
]


def _moment(value: Any, at: time) -> Any:
    """An ISO 8601 date or datetime as an aware datetime; a bare date takes the time ``at``."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            try:
                value = datetime.fromisoformat(value)
            except ValueError as exc:
                raise ValueError("must be an ISO 8601 date or datetime") from exc
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, at, UTC)
    if value is None:
        return None
    raise ValueError("must be an ISO 8601 date or datetime")


_StartOfDay = Annotated[datetime, BeforeValidator(lambda v: _moment(v, time.min))]
_EndOfDay = Annotated[datetime, BeforeValidator(lambda v: _moment(v, time(23, 59, 59)))]


class PathTarget(BaseModel):
    """What to reach: exactly one of a course, a role, or skills, at any level or at given ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    course_id: Id | None = Field(default=None, description="A course to be able to take, and take.")
    role_id: Id | None = Field(default=None, description="A role whose needed skills to gain.")
    skill_ids: Ids | None = Field(default=None, description="Skills to gain, at any level.")
    skill_levels: dict[Id, Annotated[float, Field(allow_inf_nan=False)]] | None = Field(
        default=None,
        max_length=10_000,
        description="Skills to gain at a level at least, in the catalogue's own scale.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> PathTarget:
        given = [name for name in type(self).model_fields if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of course_id, role_id and (not empty) skill_ids or skill_levels"
            )
        return self


class PathRequest(BaseModel):
    """From what a learner has done and holds, to a target, within bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learner_id: Id | None = Field(default=None, description="A learner; null: anonymous.")
    completed: Ids = Field(default=(), description="Course ids completed, beside the history.")
    mastered: Ids = Field(default=(), description="Skill ids held well enough for anything.")
    target: PathTarget
    hours_per_week: float | None = Field(
        default=None, gt=0, le=168, allow_inf_nan=False, description="Hours of study a week."
    )
    deadline: _EndOfDay | None = Field(
        default=None, description="ISO 8601; a date means its end, UTC. Needs hours_per_week."
    )
    max_total_hours: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="Hours that all courses may take."
    )
    language: str | None = Field(
        default=None, min_length=1, max_length=100, description="Only courses in this language."
    )
    providers: Names = Field(default=(), description="Only courses of any of these providers.")
    levels: Names = Field(default=(), description="Only courses of any of these levels.")
    max_courses: int | None = Field(
        default=None, ge=0, le=100_000, description="Courses that the plan may have."
    )
    exclude: Ids = Field(default=(), description="Course ids never to be planned.")
    waive: Ids = Field(
        default=(), description="Course ids let off: done for REQUIRES, their skills not held."
    )
    must_take: Ids = Field(
        default=(), description="Course ids to be planned whatever the target, the first first."
    )
    pin: Ids = Field(
        default=(), description="Course ids kept where others would do: they cost nothing."
    )
    alternatives: int = Field(
        default=2, ge=0, le=10, description="Courses at most that are named for another's place."
    )
    start_at: _StartOfDay | None = Field(
        default=None, description="ISO 8601 start of study; null: now."
    )
    messages_language: str | None = Field(
        default=None,
        max_length=1_000,
        description="Language of the reasons' words: a tag (de, de-AT) or several as in "
        "Accept-Language; null or unknown: English.",
    )

    @field_validator("must_take", "pin")
    @classmethod
    def _contradicts_nothing(cls, ids: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        for other in ("exclude", "waive"):
            both = set(ids) & set(info.data.get(other, ()))
            if both:
                raise ValueError(f"'{min(both)}' stands in {other} too: take it out of one of them")
        return ids


class GainedSkill(BaseModel):
    """A skill that a course of the plan adds; level None where the source names none."""

    skill_id: str
    level: float | None


class PathReason(BaseModel):
    """Why a course is in the plan, with ids by which the graph can confirm it.

    ``target_course`` (course_id): it is what was asked. ``teaches_needed_skill`` (skill_id,
    role_id for a role): it teaches a skill of the target. ``prerequisite_skill_of``
    (skill_id, for_skill_id): it teaches a skill that another of the plan needs first.
    ``required_by`` (course_id): that course of the plan REQUIRES this one. ``in_progress``
    (course_id): the learner takes it already, and nothing else would do. ``required``
    (rule_id): a business rule demands it. ``must_take``,
    ``pinned`` (course_id): the request asked for it. ``kept`` (course_id): it stood in the
    plan before. ``taught_in_time`` (skill_id, course_id): it teaches a skill that that course,
    which has to be taken, would teach too early.
    """

    code: Literal[
        "target_course",
        "teaches_needed_skill",
        "prerequisite_skill_of",
        "required_by",
        "in_progress",
        "required",
        "must_take",
        "pinned",
        "kept",
        "taught_in_time",
    ]
    text: str
    course_id: str | None = None
    skill_id: str | None = None
    for_skill_id: str | None = None
    role_id: str | None = None
    rule_id: str | None = None
    evidence: list[Evidence] = Field(default=[], description="The facts that the text states.")


class PathAlternative(BaseModel):
    """A course that would do in the place of one of the plan; hours None where unknown."""

    course_id: str
    title: str | None
    hours: float | None


class PathCourse(BaseModel):
    """One course of a step; hours None where the catalogue does not know."""

    course_id: str
    title: str | None
    hours: float | None
    skills_gained: list[GainedSkill]
    reasons: list[PathReason]
    alternatives: list[PathAlternative] = Field(
        default=[],
        description="What would do in its place, all else the same, the fewest hours first.",
    )


class PathStep(BaseModel):
    """Courses that may be taken in parallel: they share the weeks of their step."""

    order: int = Field(description="1 for the first step.")
    courses: list[PathCourse]
    starts_at: str | None = Field(
        default=None,
        description="ISO 8601 date at hours_per_week; None without it or after unknown hours.",
    )
    ends_at: str | None = Field(
        default=None, description="The same; the next step starts on this date."
    )


class Unreachable(BaseModel):
    """A part of the target that the plan does not reach, and the constraint that binds."""

    target: str = Field(description="Id of the course or skill.")
    why: str
    kind: Literal["course", "skill"]
    essential: bool = Field(default=True, description="False: only nice to have for the role.")


class Relaxed(BaseModel):
    """Courses that need each other's skills both ways and therefore share a step."""

    courses: list[str]
    skills: list[str]
    why: str


class PathResponse(BaseModel):
    """The plan. No steps and something unreachable: blocked. Neither: nothing is missing."""

    path_id: str = Field(description="Same request, learner state, catalogue and steps: same id.")
    steps: list[PathStep]
    total_hours: float | None = Field(description="None where a planned course's are unknown.")
    estimated_hours: float = Field(description="Unknown hours counted as the catalogue's median.")
    finish_at: str | None = Field(
        description="ISO 8601 date at hours_per_week; None without it or with unknown hours."
    )
    unreachable: list[Unreachable]
    complete: bool = Field(description="Whether all that is essential is reached.")
    relaxed: list[Relaxed]
    warnings: list[str] = []


_MESSAGES = {
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "extra_forbidden": "there is no such field",
    "missing": "the field is missing",
}


def parse_request(document: Any) -> PathRequest:
    """A request from decoded JSON.

    Raises:
        ParameterError: A field is missing, unknown, of the wrong type or out of range;
            ``where`` names it ("target.course_id").
    """
    try:
        return PathRequest.model_validate(document)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "request"
        message = _MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise ParameterError(f"{message[0].upper()}{message[1:]}.", where=where) from exc

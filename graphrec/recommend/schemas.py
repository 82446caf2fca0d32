"""Requests and answers of the recommender, shared by Python, command line and REST."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from graphrec.recommend.reason_codes import Evidence

K_DEFAULT = 10
K_MAX = 200
MAX_EXPLORATION = 0.5

Source = Literal["pipeline", "content", "popularity"]


class CourseFilters(BaseModel):
    """What a recommended course must satisfy; an empty field asks nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: list[str] = Field(default=[], max_length=20, description="Any of these levels.")
    language: list[str] = Field(default=[], max_length=20, description="Any of these languages.")
    provider: list[str] = Field(default=[], max_length=50, description="Any of these providers.")
    min_hours: float | None = Field(default=None, ge=0, description="At least this many hours.")
    max_hours: float | None = Field(default=None, ge=0, description="At most this many hours.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return not (
            self.level
            or self.language
            or self.provider
            or self.min_hours is not None
            or self.max_hours is not None
        )


class RecommendRequest(BaseModel):
    """Who asks, and for what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learner_id: str | None = Field(
        default=None, min_length=1, max_length=512, description="A learner; null: anonymous."
    )
    recent_courses: list[str] = Field(
        default=[],
        max_length=500,
        description="Course ids of this session, oldest first; come after the stored history.",
    )
    target_role_id: str | None = Field(
        default=None, max_length=512, description="Role aimed at; null: the learner's stored one."
    )
    filters: CourseFilters = CourseFilters()
    exclude: list[str] = Field(default=[], max_length=5_000, description="Course ids never given.")
    k: int = Field(default=K_DEFAULT, ge=1, le=K_MAX, description="Number of courses.")
    novelty: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="How far what everybody takes stands back: 0 not at all, .5 costs little "
        "accuracy, 1 much; null: GRAPHREC_NOVELTY.",
    )
    exploration: float | None = Field(
        default=None,
        ge=0,
        le=MAX_EXPLORATION,
        description="Share of the places given to courses that few learners took or none; "
        "null: GRAPHREC_EXPLORATION.",
    )
    messages_language: str | None = Field(
        default=None,
        max_length=1_000,
        description="Language of the reasons' words: a tag (de, de-AT) or several as in "
        "Accept-Language; null or unknown: English.",
    )


class Reason(BaseModel):
    """Why a course is recommended, with the facts by which the graph can confirm it.

    ``teaches_needed_skill`` (role_id, skill_id): the role needs the skill, the course
    teaches it. ``co_taken`` (because_course_id, num_learners): so many learners took both.
    ``shares_skill`` (because_course_id, skill_id): both teach it. ``unlocked_by``
    (because_course_id): it requires a course the learner took. ``popular``
    (num_learners): so many learners took it. ``new`` : nobody took it yet. ``required``:
    a business rule says so (the course's ``rule``). Of a course given
    to explore the text begins with "New course" (in English); with ``new`` and ``popular`` a
    because_course_id is the course of the learner that it is nearest to in content.
    The codes and their facts are declared in ``graphrec.recommend.reason_codes``.
    """

    code: Literal[
        "teaches_needed_skill",
        "co_taken",
        "shares_skill",
        "unlocked_by",
        "popular",
        "new",
        "required",
    ]
    text: str
    role_id: str | None = None
    skill_id: str | None = None
    because_course_id: str | None = None
    num_learners: int | None = None
    evidence: list[Evidence] = Field(default=[], description="The facts that the text states.")


class AppliedRule(BaseModel):
    """The business rule that gave a course its place."""

    rule_id: str
    effect: Literal["required", "boosted", "capped", "held_back", "quota"]
    place_before: int | None = Field(
        description="Its place without rules, from 1; null: a rule brought it in."
    )
    text: str


class RecommendedCourse(BaseModel):
    """One course of an answer, best first."""

    course_id: str
    title: str | None
    level: str | None
    hours: float | None
    language: str | None
    provider: str | None
    score: float
    scores: dict[str, float] = Field(description="The part each model had in the score.")
    is_exploration: bool = Field(
        default=False,
        description="Whether the place was given to a course that few learners took or none.",
    )
    rule: AppliedRule | None = Field(
        default=None, description="The business rule that moved it; null: none did."
    )
    reason: Reason


class RecommendResponse(BaseModel):
    """The answer; ``source`` tells what it rests on."""

    learner_id: str | None
    source: Source = Field(
        description="pipeline: all models; content: no history, ranked by target and "
        "popularity; popularity: no usable bundle."
    )
    is_cold: bool = Field(description="Whether nothing was known of this learner.")
    bundle: str | None = Field(description="Id of the model bundle that answered.")
    courses: list[RecommendedCourse]
    warnings: list[str] = []


class SimilarCourse(BaseModel):
    """A course near another one."""

    course_id: str
    title: str | None
    score: float
    shared_skills: list[str]


class Health(BaseModel):
    """Whether the service can answer, and on what."""

    ready: bool
    reason: str | None = None
    bundle: str | None = None
    graph: str
    num_courses: int

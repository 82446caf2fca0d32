"""Stage 1, EVENTS: every knob of the learner simulator, with unit, range and reason."""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DAY_MS: Final = 86_400_000


class SimulatorConfig(BaseModel):
    """What kind of academy is simulated; the same config and version give the same bytes.

    A learner's events depend on ``seed`` and the learner's number alone, never on
    ``num_learners`` or ``batch_learners``: a larger run begins with the smaller one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_learners: int = Field(
        default=2_000,
        ge=100,
        le=1_000_000,
        description="Learners. 2,000 train in a minute and already show every pattern.",
    )
    seed: int = Field(
        default=7, ge=0, le=2**63 - 1, description="Seed of everything that is drawn."
    )
    start_at: int = Field(
        default=1_672_531_200_000,
        ge=0,
        description="First moment, epoch ms. 2023-01-01: most demonstration courses exist by then.",
    )
    end_at: int = Field(
        default=1_782_864_000_000,
        ge=0,
        description="First moment after the last, epoch ms. 2026-07-01: three and a half years.",
    )
    choice_noise: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of enrolments chosen without regard to the goal: curiosity, a boss.",
    )
    order_noise: float = Field(
        default=0.06,
        ge=0,
        le=1,
        description="Share of enrolments for which prerequisites are ignored.",
    )
    goal_strength: float = Field(
        default=8.0,
        ge=0,
        le=50,
        description="Weight of what the target role still needs; 0: goals do not matter.",
    )
    taste_strength: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="Standard deviation of a learner's liking for each provider.",
    )
    popularity_exponent: float = Field(
        default=0.7,
        ge=0,
        le=3,
        description="Zipf exponent of the courses' own appeal; 0: all alike, 1: few hits.",
    )
    hours_per_week: float = Field(
        default=5.0,
        ge=0.1,
        le=80,
        description="Median hours a week that a learner studies; learners differ by about 1.6.",
    )
    pause_days: float = Field(
        default=9.0, gt=0, le=365, description="Mean days between one course and the next."
    )
    dropout_rate: float = Field(
        default=0.12,
        gt=0,
        lt=1,
        description="Chance to drop a course of one's own level, well prepared.",
    )
    dropout_difficulty: float = Field(
        default=0.5,
        ge=0,
        le=5,
        description="Log-odds of dropping added by each level that a course lies above one's own.",
    )
    dropout_unprepared: float = Field(
        default=1.6,
        ge=0,
        le=10,
        description="Log-odds of dropping added where no prerequisite skill is held any more.",
    )
    quit_rate: float = Field(
        default=0.04,
        ge=0,
        le=1,
        description="Chance to leave the academy after a course; drops and reached goals add.",
    )
    forgetting_half_life_days: float = Field(
        default=240.0,
        gt=0,
        le=36_500,
        description="Days until half of a new skill is gone; each refresh stretches them.",
    )
    refresh_rate: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Chance to look again at an old course before a new one needs it.",
    )
    stated_goal_rate: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Share of learners whose target role is on record; all have one.",
    )
    prior_knowledge_rate: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="Share of learners who hold a role already and skip its beginner courses.",
    )
    english_rate: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Share of learners who prefer courses in English; others share the rest.",
    )
    rating_rate: float = Field(
        default=0.3, ge=0, le=1, description="Share of ended courses that are rated."
    )
    max_courses: int = Field(
        default=48, ge=1, le=500, description="Enrolments after which a learner stops."
    )
    batch_learners: int = Field(
        default=512,
        ge=16,
        le=16_384,
        description="Learners simulated at once and written as one row group; bounds memory.",
    )

    @model_validator(mode="after")
    def _window_is_not_empty(self) -> Self:
        if self.end_at - self.start_at < 30 * DAY_MS:
            raise ValueError("end_at must lie at least 30 days after start_at")
        return self

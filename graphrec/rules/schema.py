"""What a rules file may say: one frozen class a kind of rule, told apart by ``kind``.

Dates are whole days, UTC: a rule holds from the first moment of ``starts`` to the last of
``expires``. The JSON Schema of all of it stands in ``docs/rules.schema.json``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MAX_RULES: Final = 1_000
"""Rules of one file; whoever needs more has a catalogue problem, not a rules problem."""

MAX_FACTOR: Final = 10.0
"""Bound of a boost, and of all boosts of one course together; 1 / MAX_FACTOR likewise."""

Name = Annotated[str, Field(min_length=1, max_length=512)]
Names = Annotated[tuple[Name, ...], Field(max_length=10_000)]
SomeNames = Annotated[tuple[Name, ...], Field(min_length=1, max_length=10_000)]
RuleId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


def _no_number(value: Any) -> Any:
    """A day, and not seconds since 1970."""
    if isinstance(value, int | float):
        raise ValueError("must be a date, as 2027-01-31")
    return value


Day = Annotated[date, BeforeValidator(_no_number)]


class _Rule(BaseModel):
    """What every rule says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: RuleId = Field(description="Unique in the file; letters, digits and . _ -")
    owner: Name = Field(description="Who answers for the rule, a person or a team.")
    expires: Day = Field(description="Last day on which it holds, UTC. Nothing holds for ever.")
    starts: Day | None = Field(default=None, description="First day, UTC; null: at once.")
    note: str = Field(default="", max_length=2_000, description="Why there is such a rule.")
    roles: Names = Field(
        default=(),
        description="Role ids, held or aimed at, whom it concerns; empty: everybody.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts is not None and self.starts > self.expires:
            raise ValueError("starts is after expires")
        return self

    def holds_on(self, today: date) -> bool:
        """Whether the rule is in force on a day."""
        return (self.starts is None or self.starts <= today) and today <= self.expires

    def concerns(self, roles: Set[str]) -> bool:
        """Whether the rule is for somebody of these roles."""
        return not self.roles or not roles.isdisjoint(self.roles)


class _Selecting(_Rule):
    """A rule over the courses that satisfy every field given; one at least must be."""

    courses: Names = Field(default=(), description="Any of these course ids.")
    providers: Names = Field(default=(), description="Any of these providers.")
    levels: Names = Field(default=(), description="Any of these levels.")
    languages: Names = Field(default=(), description="Any of these languages.")
    skills: Names = Field(default=(), description="Teaches any of these skill ids.")

    @property
    def selects(self) -> bool:
        """Whether any field is given."""
        return bool(self.courses or self.providers or self.levels or self.languages or self.skills)

    @model_validator(mode="after")
    def _selective(self) -> Self:
        if not self.selects and getattr(self, "per", None) is None:
            raise ValueError("say which: courses, providers, levels, languages or skills")
        return self


class MustTake(_Rule):
    """Courses that stand first until they are taken: compliance, onboarding."""

    kind: Literal["must_take"]
    courses: SomeNames = Field(description="Course ids, in the order in which to take them.")
    due: Day | None = Field(default=None, description="Day by which; the earliest stands first.")
    lead_days: int | None = Field(
        default=None, ge=0, le=3_650, description="Days before due from which; null: at once."
    )

    @model_validator(mode="after")
    def _has_day(self) -> Self:
        if self.lead_days is not None and self.due is None:
            raise ValueError("lead_days needs due")
        if self.due is not None and self.due > self.expires:
            raise ValueError("due is after expires: it would never be enforced")
        return self

    def holds_on(self, today: date) -> bool:
        """Whether it is in force on a day; past its due day it still is."""
        if self.due is not None and self.lead_days is not None:
            return super().holds_on(today) and self.due - timedelta(self.lead_days) <= today
        return super().holds_on(today)


class Boost(_Selecting):
    """Multiplies the odds with which courses are chosen: adds ``ln(factor)`` to the score."""

    kind: Literal["boost"]
    factor: float = Field(
        ge=1 / MAX_FACTOR,
        le=MAX_FACTOR,
        allow_inf_nan=False,
        description="Of the odds; above 1 raises, below 1 lowers.",
    )


class Cap(_Selecting):
    """At most so many courses of a list."""

    kind: Literal["cap"]
    at_most: int = Field(ge=0, le=200, description="Courses of one list.")
    per: Literal["provider", "level", "language"] | None = Field(
        default=None, description="Counts each provider (level, language) by itself."
    )


class Quota(_Selecting):
    """At least a share of a list's places, rounded down, as far as there are such courses."""

    kind: Literal["quota"]
    share: float = Field(gt=0, le=1, allow_inf_nan=False, description="Of the places.")


class Blackout(_Selecting):
    """Courses that are not given while the rule holds."""

    kind: Literal["blackout"]


class Sequence(_Rule):
    """Courses that are given in this order: none before the one ahead of it."""

    kind: Literal["sequence"]
    courses: Annotated[tuple[Name, ...], Field(min_length=2, max_length=1_000)] = Field(
        description="Course ids, first to last."
    )

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        twice = [c for c, n in Counter(self.courses).items() if n > 1]
        if twice:
            raise ValueError(f"'{twice[0]}' stands in it twice")
        return self


class Price(_Rule):
    """What courses cost, and the most that one may cost for those concerned."""

    kind: Literal["price"]
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217, as EUR.")
    prices: dict[Name, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        min_length=1, max_length=100_000, description="Course id: amount."
    )
    limit: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, description="Dearer courses are not given."
    )


class Licence(_Selecting):
    """Courses that only those with a licence may be given."""

    kind: Literal["licence"]
    licensed_roles: Names = Field(
        default=(), description="Role ids that have it; empty: everybody concerned."
    )
    licensed_until: Day | None = Field(
        default=None, description="Last day of the licence, UTC; after it nobody has it."
    )


Rule = Annotated[
    MustTake | Boost | Cap | Quota | Blackout | Sequence | Price | Licence,
    Field(discriminator="kind"),
]
Selecting = Boost | Cap | Quota | Blackout | Licence
KINDS: Final[dict[str, type[_Rule]]] = {
    "must_take": MustTake,
    "boost": Boost,
    "cap": Cap,
    "quota": Quota,
    "blackout": Blackout,
    "sequence": Sequence,
    "price": Price,
    "licence": Licence,
}


class RuleSet(BaseModel):
    """A rules file."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="graphrec business rules")

    version: Literal[1] = Field(description="Of this format.")
    rules: tuple[Rule, ...] = Field(default=(), max_length=MAX_RULES)

    def without(self, rule_id: str) -> RuleSet:
        """All rules but one."""
        return RuleSet(version=1, rules=tuple(r for r in self.rules if r.id != rule_id))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rules file, draft 2020-12."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | RuleSet.model_json_schema()

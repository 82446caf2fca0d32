"""What a curriculum file may say: courses, skills and roles with everything between them.

The file says the whole curriculum: what it leaves out is to be removed. A key that is left
out is null in the graph.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from graphrec.events.schema import Id

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def to_moment(epoch_ms: int) -> str | int:
    """Epoch ms as ISO 8601, UTC; as the number where no calendar has such a day."""
    try:
        moment = _EPOCH + epoch_ms * _MS
    except OverflowError:
        return epoch_ms
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_ms(value: Any) -> Any:
    """A moment or day (no zone: UTC) as epoch ms; whole milliseconds as they are."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be a day or moment, as 2027-01-31T09:00:00Z") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MS
    return value


def _or_null(value: Any) -> Any:
    return None if value == "" else value


Text = Annotated[str | None, BeforeValidator(_or_null)]
Number = Annotated[float | None, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool | None, Field(strict=True)]
Moment = Annotated[
    Annotated[int, Field(strict=True, ge=-(1 << 63), lt=1 << 63)] | None, BeforeValidator(_to_ms)
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Teaches(_Part):
    """A skill that a course teaches."""

    skill: Id = Field(description="Id of the skill.")
    level: Number = Field(default=None, description="To which level; null: unknown.")


class Needs(_Part):
    """A skill that a role needs."""

    skill: Id = Field(description="Id of the skill.")
    level: Number = Field(default=None, description="At which level; null: unknown.")
    essential: Flag = Field(default=None, description="false: good to have.")


class Course(_Part):
    """A course, what it teaches and what it requires."""

    id: Id
    title: Text = None
    description: Text = None
    level: Text = Field(default=None, description="As the source says it.")
    hours: Number = Field(default=None, ge=0, description="Hours of work.")
    language: Text = None
    provider: Text = None
    published_at: Moment = Field(default=None, description="ISO 8601; no zone: UTC.")
    hidden: Flag = Field(default=None, description="true: never shown.")
    teaches: tuple[Teaches, ...] = ()
    requires: tuple[Id, ...] = Field(default=(), description="Courses, every one before it.")
    requires_any_of: dict[Id, tuple[Id, ...]] = Field(
        default={}, description="Name of a choice -> courses, one of which is enough."
    )


class Skill(_Part):
    """A skill and those that come before it."""

    id: Id
    name: Text = None
    description: Text = None
    requires: tuple[Id, ...] = ()


class Role(_Part):
    """A role and what it needs."""

    id: Id
    name: Text = None
    description: Text = None
    needs: tuple[Needs, ...] = ()


class Curriculum(_Part):
    """A whole file."""

    version: Literal[1]
    skills: tuple[Skill, ...] = ()
    courses: tuple[Course, ...] = ()
    roles: tuple[Role, ...] = ()

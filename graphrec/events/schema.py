"""Stage 1, EVENTS: one event as it arrives by REST, its versions, and what an id may be.

In comes a JSON object of any version known; out goes an ``Event`` of the newest one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from graphrec.errors import InputError

EVENT_VERSION: Final = 1
MAX_ID_CHARS: Final = 512
MIN_AT_MS: Final = 0
MAX_AT_MS: Final = 4_102_444_800_000
"""2100-01-01, epoch milliseconds."""
MIN_PUBLISHED_MS: Final = -5_364_662_400_000
"""1800-01-01, epoch milliseconds: films and books are older than computers."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
UPGRADES: Final[MappingProxyType[int, Upgrade]] = MappingProxyType({})
"""Version -> what makes of an event of that version one of the next."""


def check_id(value: str) -> str:
    """An id as it is, where it may be one: the same rule as for imported rows.

    Raises:
        ValueError: It has a control character, or white space at an end.
    """
    if _CONTROL.search(value):
        raise ValueError("holds a control character")
    if value != value.strip(" \t\n\f\r\v"):
        raise ValueError("begins or ends with white space")
    return value


def parse_at(value: object) -> object:
    """Epoch milliseconds of an int, of digits, or of an ISO 8601 text (no zone: UTC).

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("is not a time (epoch milliseconds or ISO 8601)")
    if not isinstance(value, str):
        return value
    if value.strip().isdecimal():
        return int(value)
    try:
        instant = pd.to_datetime(value, format="ISO8601", utc=True).as_unit("ms")
        return int(instant.asm8.astype("int64"))  # .value would be nanoseconds
    except (ValueError, OverflowError) as exc:
        raise ValueError("is not a time (epoch milliseconds or ISO 8601)") from exc


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("is not a finite number")
    return value


Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS), AfterValidator(check_id)]
At = Annotated[int, BeforeValidator(parse_at), Field(ge=MIN_AT_MS, le=MAX_AT_MS)]


class Event(BaseModel):
    """What a learner did with a course."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "event_id": "e-1",
                    "type": "completed",
                    "learner_id": "ada",
                    "course_id": "python-1",
                    "at": "2026-05-01T09:30:00Z",
                    "score": 87,
                }
            ]
        },
    )

    version: Literal[1] = Field(1, description="Version of this form.")
    event_id: Id = Field(description="Chosen by the sender; sent again, it changes nothing.")
    type: Literal["enrolled", "completed", "viewed", "rated", "dropped"]
    learner_id: Id = Field(description="Created when it is new.")
    course_id: Id = Field(description="A course of the catalogue.")
    at: At | None = Field(
        None, description="Epoch milliseconds or ISO 8601 (no zone: UTC); absent: now."
    )
    seq: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        None, description="Order within the learner, where there is no time."
    )
    score: Annotated[float, AfterValidator(_finite)] | None = Field(
        None, description="A rating or a mark, as the source says it."
    )
    progress: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="How much of the course was seen, 0 to 1."
    )


class EventOutcome(BaseModel):
    """What became of one event of a request."""

    model_config = ConfigDict(frozen=True)

    event_id: str | None = Field(description="As sent; null where it had none.")
    status: Literal["accepted", "duplicate", "quarantined"]
    reason: str = Field("", description="Why it was quarantined, with the field named.")


class EventError(InputError):
    """An event cannot be used; ``message`` says why and names the field."""


def parse_event(raw: object) -> Event:
    """The event of a JSON object of any known version.

    Raises:
        EventError: It is no object, of an unknown version, or a field is wrong.
    """
    if not isinstance(raw, Mapping):
        raise EventError("an event is a JSON object")
    try:
        return Event.model_validate(upgrade(dict(raw)))
    except ValidationError as exc:
        raise EventError("; ".join(_describe(dict(error)) for error in exc.errors())) from exc


def upgrade(raw: dict[str, Any]) -> dict[str, Any]:
    """Bring an event to the newest version, a step at a time; without one it is the newest.

    Raises:
        EventError: There is no way from its version to the newest.
    """
    version = raw.get("version", EVENT_VERSION)
    while version != EVENT_VERSION or isinstance(version, bool):
        step = UPGRADES.get(version) if isinstance(version, int) else None
        if step is None:
            raise EventError(f"version: {version!r} is not known here (newest: {EVENT_VERSION})")
        raw = step(raw)
        version = raw["version"]
    return raw


def _describe(error: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"] if isinstance(part, str)) or "event"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"

"""Two paths beside each other: of a changed request, or of an earlier plan after events."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from graphrec.errors import ParameterError
from graphrec.recommend.path_answer import request_mark
from graphrec.recommend.path_compare import PathDifference
from graphrec.recommend.path_schemas import Ids, PathRequest, PathResponse, parse_request


class WhatIfRequest(BaseModel):
    """A request, and the fields of it that would be otherwise."""

    model_config = ConfigDict(extra="forbid")

    base: PathRequest
    change: dict[str, Any] = Field(
        min_length=1, description="Fields of a path request with other values, whole; null: none."
    )

    def changed(self) -> PathRequest:
        """The base with the change.

        Raises:
            ParameterError: The change is no request; ``where`` begins with "change".
        """
        given = self.base.model_dump(mode="json", exclude_unset=True)
        fields = {name: value for name, value in (given | self.change).items() if value is not None}
        try:
            return parse_request(fields)
        except ParameterError as error:
            where = f"change.{error.where}"
            raise ParameterError(error.message, where=where, remedy=error.remedy) from error


class WhatIfAnswer(BaseModel):
    """Both plans, and what the change changes."""

    base: PathResponse
    changed: PathResponse
    difference: PathDifference


class ReplanRequest(BaseModel):
    """An earlier plan with the request it answered, and what was done since."""

    model_config = ConfigDict(extra="forbid")

    request: PathRequest = Field(description="The request of the earlier plan, unchanged.")
    path: PathResponse = Field(description="The earlier answer, as it came.")
    completed: Ids = Field(default=(), description="Course ids completed since, beside events.")
    mastered: Ids = Field(default=(), description="Skill ids mastered since, beside events.")

    def again(self, path_id: str) -> PathRequest:
        """The request as it is now.

        Raises:
            ParameterError: Path or request are not those of ``path_id``.
        """
        if self.path.path_id != path_id:
            raise ParameterError(
                f"It is the path '{self.path.path_id}', not '{path_id}'.", where="path.path_id"
            )
        if not path_id.startswith(request_mark(self.request)):
            raise ParameterError(
                f"The path '{path_id}' does not answer this request.",
                where="request",
                remedy="Send the request as it was; what was done since goes in completed"
                " and mastered.",
            )
        more = {
            "completed": (*self.request.completed, *self.completed),
            "mastered": (*self.request.mastered, *self.mastered),
        }
        return self.request.model_copy(update=more)


class ReplanAnswer(BaseModel):
    """The new plan, and what it changes in the earlier one."""

    path: PathResponse
    difference: PathDifference = Field(
        description="`removed` holds what is done and what is no longer needed."
    )

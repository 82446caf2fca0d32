"""A path in the form that a request's ``Accept`` header prefers."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.responses import Response

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_export import to_icalendar
from graphrec.recommend.path_page import title_of, to_html
from graphrec.recommend.path_schemas import PathRequest, PathResponse
from serving.deps import json_response
from serving.errors import NotAcceptableError

JSON: Final = "application/json"
CALENDAR: Final = "text/calendar"
PAGE: Final = "text/html"
FORMS: Final = (JSON, CALENDAR, PAGE)
"""What there is; of those liked alike the first."""


def preferred_form(request: Request) -> str:
    """The media type of ``FORMS`` that ``Accept`` weighs highest (RFC 9110, 12.5.1).

    Raises:
        NotAcceptableError: It takes none of them.
    """
    accepted = request.headers.get("accept") or "*/*"
    ranges = [_range(text) for text in accepted.split(",") if text.strip()]
    weights = [_weight(form, ranges) for form in FORMS]
    best = max(weights)
    if best <= 0:
        raise NotAcceptableError(
            f"A path cannot be given as '{accepted[:100]}'.",
            where="Accept",
            remedy=f"Ask for one of {', '.join(FORMS)}.",
        )
    return FORMS[weights.index(best)]


def path_response(
    form: str, asked: PathRequest, answer: PathResponse, catalogue: Catalogue
) -> Response:
    """The answer in one of ``FORMS``."""
    if form == JSON:
        return json_response(answer)
    title = title_of(asked.target, catalogue)
    if form == PAGE:
        return Response(to_html(answer, catalogue, title=title), media_type=PAGE)
    name = f'attachment; filename="path-{answer.path_id}.ics"'
    calendar = to_icalendar(answer, title=title)
    return Response(calendar, media_type=CALENDAR, headers={"Content-Disposition": name})


def _range(text: str) -> tuple[str, float]:
    """A media range and its weight; what cannot be read weighs nothing."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media, float(value)
            except ValueError:
                return media, 0.0
    return media, 1.0


def _weight(form: str, ranges: list[tuple[str, float]]) -> float:
    """Weight of the most specific range that a form falls in; 0: in none."""
    for like in (form, f"{form.partition('/')[0]}/*", "*/*"):
        found = [weight for media, weight in ranges if media == like]
        if found:
            return max(found)
    return 0.0

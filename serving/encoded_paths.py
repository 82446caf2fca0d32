"""Ids in paths: any characters, percent-encoded, a slash among them.

Servers decode a path before it is routed, so that ``a%2Fb`` would become two segments.
Here the path is routed as it was sent and each id is decoded by its own convertor:
``/v1/courses/{course_id:id}`` takes ``C_course-v1:Tsinghua%2F1`` as one id.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope


class _EncodedId(Convertor[str]):
    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value)

    def to_string(self, value: str) -> str:
        return quote(value, safe="")


def route_on_raw_path(scope: Scope) -> None:
    """Put the path as it was sent (percent-encoded ASCII) where the router looks."""
    raw: bytes | None = scope.get("raw_path")
    if raw:
        scope["path"] = raw.split(b"?", 1)[0].decode("ascii", "replace")
    else:  # servers need not give it
        scope["path"] = quote(scope["path"])


register_url_convertor("id", _EncodedId())

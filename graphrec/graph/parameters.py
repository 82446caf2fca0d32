"""Stage 2, GRAPH: the typed parameters of a named query, converted from strings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from graphrec.errors import ParameterError, QueryError

TYPES = ("string", "int", "float", "bool", "strings")
"""``strings`` is a list: a JSON array, or words between commas."""

_DECLARATION = re.compile(r"(\w+):\s*(\w+)(?:\s*=\s*(.+))?")
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_INT64 = 2**63


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: As in ``$name``.
        type: One of ``TYPES``.
        default: None where it must be given.
        meaning: What it does.
    """

    name: str
    type: str
    default: Any = None
    meaning: str = ""

    @classmethod
    def parse(cls, entry: str, where: str) -> Self:
        """Read ``name: type = default -- meaning``; the default is JSON.

        Raises:
            QueryError: It does not read so.
        """
        declaration, _, meaning = entry.partition(" -- ")
        found = _DECLARATION.fullmatch(declaration.strip())
        if not found or found[2] not in TYPES:
            raise QueryError(
                f"'{entry}' is no parameter.",
                where=where,
                remedy=f"Write 'name: type = default -- meaning', type one of {', '.join(TYPES)}.",
            )
        parameter = cls(found[1], found[2], None, meaning.strip())
        if found[3] is None:
            return parameter
        try:
            default = parameter.convert(json.loads(found[3]), query="")
        except (ValueError, ParameterError) as error:
            raise QueryError(
                f"The default of '{found[1]}' is wrong: {error}", where=where
            ) from None
        return cls(found[1], found[2], default, meaning.strip())

    def describe(self) -> dict[str, Any]:
        """Name, type and default, as JSON values."""
        return {"name": self.name, "type": self.type, "default": self.default}

    def value(self, given: Mapping[str, Any], *, query: str) -> Any:
        """The value given, converted, else the default.

        Raises:
            ParameterError: It must be given and is not, or cannot be converted.
        """
        if given.get(self.name) is not None:
            return self.convert(given[self.name], query=query)
        if self.default is None:
            raise ParameterError(
                f"Query '{query}' needs '{self.name}' ({self.type}).",
                where=self.name,
                remedy=f"Give it: --param {self.name}=...",
            )
        return self.default

    def convert(self, raw: Any, *, query: str) -> Any:
        """``raw`` as this type; strings are read, other values must fit.

        Raises:
            ParameterError: They do not.
        """
        try:
            value: Any = _CONVERT[self.type](raw)
        except (ValueError, TypeError, OverflowError):
            raise ParameterError(
                f"'{raw}' is not of type {self.type}.",
                where=self.name,
                remedy=f"See the parameters of '{query}' with: graphrec query",
            ) from None
        if self.name == "limit" and value < 1:
            raise ParameterError(f"'{raw}' is no limit: it must be 1 or more.", where=self.name)
        return value


def _string(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw


def _int(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError
    value = int(raw)
    if not -_INT64 <= value < _INT64:
        raise OverflowError
    return value


def _float(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise TypeError
    return float(raw)


def _bool(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    text = _string(raw).lower()
    if text not in _TRUE + _FALSE:
        raise ValueError
    return text in _TRUE


def _strings(raw: Any) -> list[str]:
    if isinstance(raw, str):
        raw = json.loads(raw) if raw.lstrip().startswith("[") else raw.split(",")
        return [_string(part).strip() for part in raw if part]
    return [_string(part) for part in raw]


_CONVERT = {"string": _string, "int": _int, "float": _float, "bool": _bool, "strings": _strings}

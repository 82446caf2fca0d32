"""Stage 2, GRAPH: rows of a query of one's own, bounded, as plain values alike on both engines.

A node is a map of its properties with ``_label``, a relation one with ``_type``, a path
``{"nodes": [...], "relations": [...]}``; times are ISO 8601, a number that is none is null.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from graphrec.errors import ParameterError, QueryLimitError

DEFAULT_ROWS: Final = 1_000
DEFAULT_TIMEOUT_S: Final = 10.0
MAX_TIMEOUT_S: Final = 3_600.0
MAX_VALUES: Final = 5_000_000
"""Values and characters (by 16) of an answer, lists and maps counted through."""


@dataclass(frozen=True)
class OwnAnswer:
    """Rows of a query of one's own.

    Attributes:
        columns: In the order returned.
        rows: Column -> plain value.
        truncated: Whether there were more than asked for.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    truncated: bool


@dataclass(frozen=True)
class Limits:
    """How far one run may go; its clock starts when it is made.

    Attributes:
        max_rows: Rows to return.
        timeout_s: Seconds for the engine and the reading of its rows.

    Raises:
        ParameterError: One is out of range.
    """

    max_rows: int
    timeout_s: float
    _until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        """Check both and start the clock."""
        if self.max_rows < 1:
            raise ParameterError("It must be 1 or more.", where="max_rows")
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise ParameterError(
                f"It must be more than 0 and at most {MAX_TIMEOUT_S:g} seconds.", where="timeout_s"
            )
        object.__setattr__(self, "_until", time.monotonic() + self.timeout_s)

    @property
    def timeout_ms(self) -> int:
        """The seconds as whole milliseconds, at least 1."""
        return max(1, int(self.timeout_s * 1000))

    def collect(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> OwnAnswer:
        """The first rows as plain values.

        Raises:
            QueryLimitError: They take too long to read, or too much memory.
            ParameterError: Two columns have one name.
        """
        twice = sorted({name for name in columns if list(columns).count(name) > 1})
        if twice:
            raise ParameterError(
                f"Two columns are called '{twice[0]}'.", where="query", remedy="Name them with AS."
            )
        found: list[dict[str, Any]] = []
        size = 0
        for row in rows:
            if len(found) == self.max_rows:
                return OwnAnswer(tuple(columns), found, truncated=True)
            values = [plain(value) for value in row]
            size += sum(map(_weight, values))
            if size > MAX_VALUES:
                raise self.too_large()
            if time.monotonic() > self._until:
                raise self.too_slow()
            found.append(dict(zip(columns, values, strict=True)))
        return OwnAnswer(tuple(columns), found, truncated=False)

    def too_slow(self) -> QueryLimitError:
        """It ran longer than it may."""
        return QueryLimitError(
            f"The query was stopped after {self.timeout_s:g} s.",
            where="query",
            remedy="Begin at one node ({id: $id}), join patterns by what they share, bound every"
            " '*', or allow more time.",
        )

    def too_large(self) -> QueryLimitError:
        """It took more memory than there is for it."""
        return QueryLimitError(
            "The query was stopped: its rows do not fit in memory.",
            where="query",
            remedy="Join patterns by what they share, return counts, not lists, or add LIMIT.",
        )

    def not_understood(self, said: str) -> ParameterError:
        """The engine refused it."""
        return ParameterError(
            f"The graph engine refuses it: {said.strip()}",
            where="query",
            remedy="docs/queries.md names labels, relations and properties.",
        )


def plain(value: Any) -> Any:
    """A value of either engine as one of JSON."""
    if value is None or isinstance(value, bool | int | str):
        return value
    for kinds, convert in _PLAIN:
        if isinstance(value, kinds):
            return convert(value)
    return _plain_object(value)


def _plain_decimal(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _plain_map(value: Mapping[str, Any]) -> dict[str, Any]:
    if "_NODES" in value and "_RELS" in value:
        return {"nodes": plain(value["_NODES"]), "relations": plain(value["_RELS"])}
    if "_LABEL" not in value:
        return {str(key): plain(one) for key, one in value.items()}
    name = "_type" if "_SRC" in value else "_label"
    hidden = ("_ID", "_SRC", "_DST", "_LABEL")
    own = {key: plain(one) for key, one in value.items() if key not in hidden and one is not None}
    return {name: value["_LABEL"], **own}


def _plain_object(value: Any) -> Any:
    """A node, relation, path or time of the Neo4j driver; anything else as text."""
    if hasattr(value, "relationships") and hasattr(value, "nodes"):
        return {"nodes": plain(list(value.nodes)), "relations": plain(list(value.relationships))}
    if hasattr(value, "labels"):
        return {"_label": ":".join(sorted(value.labels)), **_plain_map(dict(value.items()))}
    if hasattr(value, "start_node"):
        return {"_type": value.type, **_plain_map(dict(value.items()))}
    return value.iso_format() if hasattr(value, "iso_format") else str(value)


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return 1 + len(value) // 16
    if isinstance(value, dict):
        return 1 + sum(map(_weight, value.values()))
    return 1 + sum(map(_weight, value)) if isinstance(value, list) else 1


_PLAIN: Final[tuple[tuple[Any, Callable[[Any], Any]], ...]] = (
    (float, lambda value: value if math.isfinite(value) else None),
    (Decimal, _plain_decimal),
    ((date, datetime), lambda value: value.isoformat()),
    (timedelta, timedelta.total_seconds),
    (dict, _plain_map),  # a node of Neo4j's driver is a Mapping, and more
    ((list, tuple, set), lambda value: [plain(one) for one in value]),
)

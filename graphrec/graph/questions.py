"""Stage 2, GRAPH: a designer's questions that one text cannot answer alone, by name.

The text of such a query returns what both engines can say alike; the functions named here
make the answer of it. Everything else about these queries stands in their header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from graphrec.graph.questions_catalogue import redundant_pairs, stale
from graphrec.graph.questions_graph import hours_behind, redundant_edges, retirement, risk
from graphrec.graph.questions_learners import leaving_steps, pathways, trend
from graphrec.graph.store import Row

if TYPE_CHECKING:
    from graphrec.graph.engine import EngineSession
    from graphrec.graph.queries import Query

Working = Callable[[list[Row], Mapping[str, Any]], list[Row]]
"""Rows of the text and the values of all parameters -> rows of the answer."""

_USED = re.compile(r"\$(\w+)")


def _over(
    working: Working,
) -> Callable[[EngineSession, Query, Mapping[str, Any]], list[Row]]:
    def compute(session: EngineSession, query: Query, values: Mapping[str, Any]) -> list[Row]:
        # An engine may refuse a parameter that its text does not use.
        used = {name: values[name] for name in _USED.findall(query.text)}
        return working(session.rows(query.text, used), values)

    return compute


QUESTIONS: Final = MappingProxyType(
    {
        "risk": _over(risk),
        "redundant_edges": _over(redundant_edges),
        "hours_behind": _over(hours_behind),
        "retirement": _over(retirement),
        "redundant_pairs": _over(redundant_pairs),
        "stale": _over(stale),
        "leaving_steps": _over(leaving_steps),
        "pathways": _over(pathways),
        "trend": _over(trend),
    }
)
"""What a header's ``computed by`` may name, beside the recursions."""

"""Stage 2, GRAPH: answers that a single text cannot give, and the only place for them.

Variable-length patterns stop silently at 30 hops on one engine, so recursion is done here:
breadth-first over a frontier query, or by networkx over the edges a query returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import networkx as nx

from graphrec.errors import QueryError
from graphrec.graph.mapping import RELATIONS
from graphrec.graph.prerequisites import Edge, find_cycles
from graphrec.graph.statements import count_relations
from graphrec.graph.store import Row

if TYPE_CHECKING:
    from graphrec.graph.engine import EngineSession
from graphrec.graph.queries import Query
from graphrec.graph.questions import QUESTIONS

UNRECORDED: Final = 100
"""Fewer COMPLETED than one in so many ENROLLED: the source does not record completions."""

_INTERACTIONS = {rel.type: rel for rel in RELATIONS["interactions"]}


def answer(session: EngineSession, query: Query, values: Mapping[str, Any]) -> list[Row]:
    """Rows of a named query, computed here where its header says so."""
    if not query.computed_by:
        return session.rows(query.text, values)
    if query.computed_by not in COMPUTED:
        raise QueryError(f"Nothing is called '{query.computed_by}'.", where=str(query.path))
    return COMPUTED[query.computed_by](session, query, values)


def _cycles(session: EngineSession, query: Query, values: Mapping[str, Any]) -> list[Row]:
    """Text: ``kind, id, requires_id`` of every edge."""
    edges: dict[str, list[Edge]] = {}
    for row in session.rows(query.text, {}):
        edges.setdefault(row["kind"], []).append((row["id"], row["requires_id"]))
    rows: list[Row] = []
    for kind in sorted(edges):
        for members, cycle in find_cycles(edges[kind]):
            rows.append(
                {
                    "kind": kind,
                    "cycle_id": len(rows) + 1,
                    "size": len(members),
                    "members": members,
                    "path": cycle,
                }
            )
    return rows[: values["limit"]]


def _bottlenecks(session: EngineSession, query: Query, values: Mapping[str, Any]) -> list[Row]:
    """Text: ``kind, id, requires_id, requires_name`` of every edge, and ``learners`` blocked."""
    graphs: dict[str, Any] = {}
    names: dict[tuple[str, str], str] = {}
    blocked: dict[str, int] = {}
    for row in session.rows(query.text, {}):
        if row["kind"] == "blocked":
            blocked[row["requires_id"]] = row["learners"]
            continue
        graph = graphs.setdefault(row["kind"], nx.DiGraph())
        graph.add_edge(row["requires_id"], row["id"])
        names[row["kind"], row["requires_id"]] = row["requires_name"]
    rows: list[Row] = [
        {
            "kind": kind,
            "id": node,
            "name": name,
            "direct_dependents": len(set(graphs[kind].successors(node)) - {node}),
            "all_dependents": len(nx.descendants(graphs[kind], node)),
            "learners_blocked": blocked.get(node, 0) if kind == "course" else None,
        }
        for (kind, node), name in names.items()
        if values["kind"] in ("", kind)
    ]
    rows.sort(key=lambda r: (-r["all_dependents"], -r["direct_dependents"], r["kind"], r["id"]))
    return rows[: values["limit"]]


def _closure(session: EngineSession, query: Query, values: Mapping[str, Any]) -> list[Row]:
    """Text: the id and name of what the nodes in ``$frontier`` require.

    The query has one parameter, the start, called like its first column.
    """
    id_column, name_column, depth_column = query.columns
    start = values[id_column]
    found: dict[str, Row] = {}
    frontier, depth = [start], 0
    while frontier:
        depth += 1
        reached = session.rows(query.text, {"frontier": frontier})
        fresh = {r[id_column]: r for r in reached if r[id_column] not in found}
        fresh.pop(start, None)
        for node, row in sorted(fresh.items()):
            found[node] = {
                id_column: node,
                name_column: row[name_column],
                depth_column: depth,
            }
        frontier = sorted(fresh)
    return list(found.values())


def _completion(session: EngineSession, query: Query, values: Mapping[str, Any]) -> list[Row]:
    """Text: a query to which ``$enrolled_counts`` says whether ENROLLED counts as completed.

    The counts are two look-ups in what both engines keep; inside the text they would be a scan.
    """
    completed, enrolled = (
        session.rows(count_relations(_INTERACTIONS[kind]), {})[0]["n"]
        for kind in ("COMPLETED", "ENROLLED")
    )
    given = dict(values)
    assumed = given.pop("assume_enrolled_done")
    return session.rows(
        query.text,
        {**given, "enrolled_counts": assumed and completed * UNRECORDED < enrolled},
    )


Computation = Callable[["EngineSession", "Query", Mapping[str, Any]], list[Row]]
COMPUTED: Final[Mapping[str, Computation]] = MappingProxyType(
    {
        "cycles": _cycles,
        "closure": _closure,
        "bottlenecks": _bottlenecks,
        "completion": _completion,
        **QUESTIONS,
    }
)
"""What a header's ``computed by`` may name."""

"""Stage 2, GRAPH: prerequisite cycles, which are kept and said."""

from __future__ import annotations

import networkx as nx
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from graphrec.schema import TABLES


class PrerequisiteCycle(BaseModel):
    """One cycle of a group of ids that all need each other."""

    model_config = ConfigDict(frozen=True)

    table: str = Field(description="requires or skill_prerequisites.")
    ids: list[str] = Field(description="Each requires the next, the last the first.")
    group_size: int = Field(description="Ids that need each other, those of the cycle included.")


def find_cycles(table: str, rows: pa.Table) -> list[PrerequisiteCycle]:
    """A shortest found cycle of every group of ids that need each other.

    Args:
        table: ``requires`` or ``skill_prerequisites``.
        rows: Its rows; an id that requires itself is a cycle of one.

    Returns:
        One cycle a group, sorted by its first id.
    """
    first, second = TABLES[table].required
    edges = zip(rows.column(first).to_pylist(), rows.column(second).to_pylist(), strict=True)
    graph = nx.DiGraph(edges)
    cycles = []
    for group in nx.strongly_connected_components(graph):
        loops = sorted(node for node in group if graph.has_edge(node, node))
        if len(group) == 1 and not loops:
            continue
        ids = loops[:1] or _shortest(graph.subgraph(group))
        cycles.append(PrerequisiteCycle(table=table, ids=ids, group_size=len(group)))
    return sorted(cycles, key=lambda cycle: cycle.ids)


def _shortest(group: nx.DiGraph) -> list[str]:
    """The shortest cycle through the group's first id, beginning with it."""
    start = min(group)
    paths = nx.single_source_shortest_path(group, start)
    closing = list(group.predecessors(start))
    ids: list[str] = min((paths[node] for node in closing), key=lambda path: (len(path), path))
    return ids

"""Stage 2, GRAPH: prerequisite cycles, which are kept and said."""

from __future__ import annotations

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from graphrec.graph.prerequisites import find_cycles
from graphrec.schema import TABLES


class PrerequisiteCycle(BaseModel):
    """One cycle of a group of ids that all need each other."""

    model_config = ConfigDict(frozen=True)

    table: str = Field(description="requires or skill_prerequisites.")
    ids: list[str] = Field(description="Each requires the next, the last the first.")
    group_size: int = Field(description="Ids that need each other, those of the cycle included.")


def prerequisite_cycles(table: str, rows: pa.Table) -> list[PrerequisiteCycle]:
    """A shortest found cycle of every group of ids that need each other.

    Args:
        table: ``requires`` or ``skill_prerequisites``.
        rows: Its rows; an id that requires itself is a cycle of one.

    Returns:
        One cycle a group, sorted by its first id.
    """
    first, second = TABLES[table].required
    edges = zip(rows.column(first).to_pylist(), rows.column(second).to_pylist(), strict=True)
    cycles = [
        PrerequisiteCycle(table=table, ids=path, group_size=len(members))
        for members, path in find_cycles(edges)
    ]
    return sorted(cycles, key=lambda cycle: cycle.ids)

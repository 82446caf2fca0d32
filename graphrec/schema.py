"""The native layout: the tables that readers produce, the graph stores and snapshots hold.

A reader turns any source into these tables, an adapter writes them as nodes and
relations, a snapshot is the same tables as Parquet. Columns, their order, keys and
references are declared here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import pyarrow as pa

INTERACTION_TYPES: Final = ("enrolled", "completed", "viewed", "rated", "dropped")


@dataclass(frozen=True)
class TableSpec:
    """One table of the native layout.

    Attributes:
        name: File name without its ending.
        schema: Columns in order; nullable everywhere but in ``key``.
        required: Columns that a source must bring and that may not be empty.
        key: Columns that identify a row; a later row with the same key replaces it.
        references: Column -> the table whose id it names.
        node: Node label, or "" for a relation.
    """

    name: str
    schema: pa.Schema
    required: tuple[str, ...]
    key: tuple[str, ...]
    references: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    node: str = ""


def _table(
    name: str,
    columns: dict[str, pa.DataType],
    *,
    required: tuple[str, ...],
    key: tuple[str, ...] | None = None,
    references: dict[str, str] | None = None,
    node: str = "",
) -> TableSpec:
    return TableSpec(
        name,
        pa.schema(list(columns.items())),
        required,
        key or required,
        MappingProxyType(references or {}),
        node,
    )


_S, _F, _I, _B = pa.string(), pa.float64(), pa.int64(), pa.bool_()

_ALL = (
    _table(
        "courses",
        {
            "course_id": _S,
            "title": _S,
            "description": _S,
            "level": _S,  # as the source says it: "beginner", "2", ...
            "hours": _F,
            "language": _S,
            "provider": _S,
            "published_at": _I,  # epoch ms
            "hidden": _B,
        },
        required=("course_id",),
        node="Course",
    ),
    _table(
        "skills",
        {"skill_id": _S, "name": _S, "description": _S},
        required=("skill_id",),
        node="Skill",
    ),
    _table(
        "roles",
        {"role_id": _S, "name": _S, "description": _S},
        required=("role_id",),
        node="Role",
    ),
    _table(
        "learners",
        {"learner_id": _S, "role_id": _S, "target_role_id": _S},
        required=("learner_id",),
        references={"role_id": "roles", "target_role_id": "roles"},
        node="Learner",
    ),
    _table(
        "teaches",
        {"course_id": _S, "skill_id": _S, "level": _F},
        required=("course_id", "skill_id"),
        references={"course_id": "courses", "skill_id": "skills"},
    ),
    _table(
        "requires",
        {"course_id": _S, "requires_course_id": _S, "any_of": _S},
        required=("course_id", "requires_course_id"),
        key=("course_id", "requires_course_id", "any_of"),
        references={"course_id": "courses", "requires_course_id": "courses"},
    ),
    _table(
        "skill_prerequisites",
        {"skill_id": _S, "requires_skill_id": _S},
        required=("skill_id", "requires_skill_id"),
        references={"skill_id": "skills", "requires_skill_id": "skills"},
    ),
    _table(
        "needs",
        {"role_id": _S, "skill_id": _S, "level": _F, "essential": _B},
        required=("role_id", "skill_id"),
        references={"role_id": "roles", "skill_id": "skills"},
    ),
    # Extension of the layout: skills a learner was assessed to hold, with their level.
    _table(
        "holds",
        {"learner_id": _S, "skill_id": _S, "level": _F, "at": _I},
        required=("learner_id", "skill_id"),
        references={"learner_id": "learners", "skill_id": "skills"},
    ),
    _table(
        "interactions",
        {
            "learner_id": _S,
            "course_id": _S,
            "type": _S,  # one of INTERACTION_TYPES
            "at": _I,  # epoch ms
            "seq": _I,  # order within the learner where there is no time
            "score": _F,  # as the source says it: a rating or a mark
            "progress": _F,  # 0..1
            "event_id": _S,
        },
        required=("learner_id", "course_id", "type"),
        # Where a source has no event ids, an event is what it says.
        key=("learner_id", "course_id", "type", "at", "seq", "event_id"),
        references={"learner_id": "learners", "course_id": "courses"},
    ),
)

TABLES: Final[MappingProxyType[str, TableSpec]] = MappingProxyType({t.name: t for t in _ALL})
"""Tables in the order in which they can be written: what is referred to comes first."""

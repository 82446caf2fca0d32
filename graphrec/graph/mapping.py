"""Stage 2, GRAPH: which column of a native table is which property of a node or relation.

Both adapters and both schema files follow this one declaration; a property has the name
of its column, but for the id of a node, which is always ``id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from graphrec.schema import INTERACTION_TYPES, TABLES


@dataclass(frozen=True)
class Link:
    """A relation that a node table carries as a column, at most one a node.

    Attributes:
        type: Relation type.
        column: Column that holds the id at the far end.
        label: Label of the far end.
    """

    type: str
    column: str
    label: str


@dataclass(frozen=True)
class NodeMap:
    """A table whose rows are nodes.

    Attributes:
        table: Native table.
        label: Node label.
        id_column: Column that becomes ``id``.
        properties: Columns that become properties of the same name.
        links: Columns that become relations.
    """

    table: str
    label: str
    id_column: str
    properties: tuple[str, ...]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class RelationMap:
    """A relation type and the table whose rows it holds.

    Attributes:
        table: Native table.
        type: Relation type.
        source: Label where the relation starts.
        source_column: Column with that node's id.
        target: Label where it ends.
        target_column: Column with that node's id.
        identity: Properties that tell two relations between the same nodes apart.
        properties: The other properties.
    """

    table: str
    type: str
    source: str
    source_column: str
    target: str
    target_column: str
    identity: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()


NODES: Final = MappingProxyType(
    {
        "courses": NodeMap(
            "courses", "Course", "course_id", tuple(TABLES["courses"].schema.names[1:])
        ),
        "skills": NodeMap("skills", "Skill", "skill_id", ("name", "description")),
        "roles": NodeMap("roles", "Role", "role_id", ("name", "description")),
        "learners": NodeMap(
            "learners",
            "Learner",
            "learner_id",
            (),
            (Link("IN_ROLE", "role_id", "Role"), Link("TARGETS", "target_role_id", "Role")),
        ),
    }
)
"""Node tables by name."""

_INTERACTIONS = tuple(
    RelationMap(
        "interactions",
        kind.upper(),
        "Learner",
        "learner_id",
        "Course",
        "course_id",
        ("key",),
        ("at", "seq", "score", "progress", "event_id"),
    )
    for kind in INTERACTION_TYPES
)

RELATIONS: Final[MappingProxyType[str, tuple[RelationMap, ...]]] = MappingProxyType(
    {
        "teaches": (
            RelationMap(
                "teaches", "TEACHES", "Course", "course_id", "Skill", "skill_id", (), ("level",)
            ),
        ),
        "requires": (
            RelationMap(
                "requires",
                "REQUIRES",
                "Course",
                "course_id",
                "Course",
                "requires_course_id",
                ("any_of",),
            ),
        ),
        "skill_prerequisites": (
            # From the prerequisite to what needs it, so the columns change places.
            RelationMap(
                "skill_prerequisites",
                "PREREQUISITE_OF",
                "Skill",
                "requires_skill_id",
                "Skill",
                "skill_id",
            ),
        ),
        "needs": (
            RelationMap(
                "needs",
                "NEEDS",
                "Role",
                "role_id",
                "Skill",
                "skill_id",
                (),
                ("level", "essential"),
            ),
        ),
        "holds": (
            RelationMap(
                "holds",
                "HOLDS",
                "Learner",
                "learner_id",
                "Skill",
                "skill_id",
                (),
                ("level", "at"),
            ),
        ),
        "interactions": _INTERACTIONS,
    }
)
"""Relation types by table; interactions have one a type of interaction."""


def property_type(table: str, name: str) -> pa.DataType:
    """Arrow type of a property; ``key`` of an interaction is a string."""
    return pa.string() if name == "key" else TABLES[table].schema.field(name).type

"""Stage 2, GRAPH: the write, look-up and export texts of both engines, one a table.

These are the mapping, spelled out: every name in them comes from ``mapping``, every value
travels as a parameter. Queries that answer questions are files in ``cypher/`` instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from graphrec.errors import StoreError
from graphrec.graph.mapping import Link, NodeMap, RelationMap, property_type


def upsert_node(node: NodeMap) -> str:
    """``$rows`` of {id column, properties} become nodes; returns how many as ``written``."""
    text = f"UNWIND $rows AS row MERGE (n:{node.label} {{id: row.{node.id_column}}})"
    return text + _set("n", node.table, node.properties) + " RETURN count(*) AS written"


def upsert_relation(rel: RelationMap) -> str:
    """``$rows`` of {both ids, identity, properties} become relations.

    One MATCH an endpoint: the comma form is ten times slower on LadybugDB.
    """
    identity = ", ".join(f"{name}: row.{name}" for name in rel.identity)
    text = (
        f"UNWIND $rows AS row MATCH (a:{rel.source} {{id: row.{rel.source_column}}}) "
        f"MATCH (b:{rel.target} {{id: row.{rel.target_column}}}) "
        f"MERGE (a)-[r:{rel.type}{f' {{{identity}}}' if identity else ''}]->(b)"
    )
    return text + _set("r", rel.table, rel.properties) + " RETURN count(*) AS written"


def delete_interaction(rel: RelationMap) -> str:
    """Remove the relation of ``$learner_id`` whose key is ``$key``."""
    return (
        f"MATCH (a:{rel.source} {{id: $learner_id}})-[r:{rel.type}]->(b:{rel.target}) "
        "WHERE r.key = $key DELETE r"
    )


def link_relation(node: NodeMap, link: Link) -> RelationMap:
    """A link column of a node table as a relation of its own."""
    return RelationMap(node.table, link.type, node.label, node.id_column, link.label, link.column)


def delete_links(node: NodeMap, link: Link) -> str:
    """Remove the link relations of the nodes ``$ids``."""
    return f"MATCH (a:{node.label})-[r:{link.type}]->(b:{link.label}) WHERE a.id IN $ids DELETE r"


def delete_nodes(node: NodeMap) -> str:
    """Remove the nodes of ``$rows`` of {id column}; refused where a relation is left to one."""
    return f"UNWIND $rows AS row MATCH (n:{node.label} {{id: row.{node.id_column}}}) DELETE n"


def delete_relations(rel: RelationMap) -> str:
    """Remove the relations of ``$rows`` of {both ids, identity}."""
    where = " AND ".join(f"r.{name} = row.{name}" for name in rel.identity)
    return (
        f"UNWIND $rows AS row MATCH (a:{rel.source} {{id: row.{rel.source_column}}})"
        f"-[r:{rel.type}]->(b:{rel.target} {{id: row.{rel.target_column}}})"
        f"{f' WHERE {where}' if where else ''} DELETE r"
    )


def count_learner_records(node: NodeMap) -> str:
    """Relations that learners have to the nodes ``$ids``, as ``id`` and ``n``."""
    return (
        f"MATCH (n:{node.label})<-[r]-(:Learner) WHERE n.id IN $ids "
        "RETURN n.id AS id, count(r) AS n"
    )


def select_nodes(node: NodeMap, *, by_ids: bool) -> str:
    """The nodes' own columns (links not among them), all or those of ``$ids``."""
    match = f"MATCH (n:{node.label})"
    if by_ids:
        match = f"UNWIND $ids AS wanted MATCH (n:{node.label} {{id: wanted}})"
    columns = [f"n.id AS {node.id_column}", *(f"n.{p} AS {p}" for p in node.properties)]
    return f"{match} RETURN {', '.join(columns)}"


def select_relations(relations: Sequence[RelationMap], *, where: str = "") -> str:
    """Both ids, every property but ``key``, and the type where a table has several.

    Args:
        relations: Those of one table.
        where: "" for all, else ``BY_ID`` or ``BY_IDS``.
    """
    rel = relations[0]
    columns = [
        f"a.id AS {rel.source_column}",
        f"b.id AS {rel.target_column}",
        *(f"r.{name} AS {name}" for name in (*rel.identity, *rel.properties) if name != "key"),
    ]
    if len(relations) > 1:
        columns.append("type(r) AS type")
    types = "|".join(r.type for r in relations)
    return (
        f"MATCH (a:{rel.source})-[r:{types}]->(b:{rel.target}){where} RETURN {', '.join(columns)}"
    )


def collect_relations(relations: Sequence[RelationMap]) -> str:
    """As ``select_relations``, all, but a row a source node: its id and a list of the rest."""
    head, _, columns = select_relations(relations).partition(" RETURN ")
    source, *rest = [column.partition(" AS ")[0] for column in columns.split(", ")]
    return f"{head} RETURN {source}, collect([{', '.join(rest)}])"


def dangling(name: str, count: int) -> StoreError:
    """The refusal of rows that name an id which is not in the graph."""
    return StoreError(
        f"{count} rows of {name} name an id that is not in the graph.",
        remedy="Write the nodes they refer to first.",
    )


BY_ID = " WHERE a.id = $id"
"""Relations of one source node."""

BY_IDS = " WHERE a.id IN $ids"
"""Relations of several source nodes."""


def count_relations(rel: RelationMap) -> str:
    """How many relations of a type there are, as ``n``."""
    return f"MATCH (a:{rel.source})-[r:{rel.type}]->(b:{rel.target}) RETURN count(*) AS n"


def count_nodes(node: NodeMap) -> str:
    """How many nodes of a label there are, as ``n``."""
    return f"MATCH (n:{node.label}) RETURN count(*) AS n"


def _set(variable: str, table: str, properties: tuple[str, ...]) -> str:
    if not properties:
        return ""
    pairs = (f"{variable}.{p} = {_cast(table, p)}" for p in properties)
    return f" SET {', '.join(pairs)}"


def _cast(table: str, name: str) -> str:
    """A nullable number needs its type said where a whole batch is null."""
    kind = property_type(table, name)
    if pa.types.is_floating(kind):
        return f"toFloat(row.{name})"
    if pa.types.is_integer(kind):
        return f"toInteger(row.{name})"
    if pa.types.is_boolean(kind):
        return f"toBoolean(row.{name})"
    return f"row.{name}"

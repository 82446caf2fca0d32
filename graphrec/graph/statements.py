"""Stage 2, GRAPH: the write, look-up and export texts of both engines, one a table.

These are the mapping, spelled out: every name in them comes from ``mapping``, every value
travels as a parameter. Queries that answer questions are files in ``cypher/`` instead.
"""

from __future__ import annotations

import pyarrow as pa

from graphrec.graph.mapping import NODES, Link, NodeMap, RelationMap, property_type


def upsert_node(node: NodeMap) -> str:
    """``$rows`` of {id column, properties} become nodes; returns how many as ``written``."""
    text = f"UNWIND $rows AS row MERGE (n:{node.label} {{id: row.{node.id_column}}})"
    return text + _set("n", node.table, node.properties) + " RETURN count(*) AS written"


def upsert_relation(rel: RelationMap) -> str:
    """``$rows`` of {both ids, identity, properties} become relations."""
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


def select_nodes(node: NodeMap, *, by_ids: bool) -> str:
    """The nodes' own columns (links not among them), all or those of ``$ids``."""
    where = " WHERE n.id IN $ids" if by_ids else ""
    columns = [f"n.id AS {node.id_column}", *(f"n.{p} AS {p}" for p in node.properties)]
    return f"MATCH (n:{node.label}){where} RETURN {', '.join(columns)}"


def select_relations(rel: RelationMap, *, by_ids: bool) -> str:
    """Both ids and every property but ``key``, all or those whose source is in ``$ids``."""
    where = " WHERE a.id IN $ids" if by_ids else ""
    columns = [
        f"a.id AS {rel.source_column}",
        f"b.id AS {rel.target_column}",
        *(f"r.{name} AS {name}" for name in (*rel.identity, *rel.properties) if name != "key"),
    ]
    return (
        f"MATCH (a:{rel.source})-[r:{rel.type}]->(b:{rel.target}){where} "
        f"RETURN {', '.join(columns)}"
    )


def count_relations(rel: RelationMap) -> str:
    """How many relations of a type there are, as ``n``."""
    return f"MATCH (a:{rel.source})-[r:{rel.type}]->(b:{rel.target}) RETURN count(*) AS n"


def count_nodes(node: NodeMap) -> str:
    """How many nodes of a label there are, as ``n``."""
    return f"MATCH (n:{node.label}) RETURN count(*) AS n"


def known_learners() -> str:
    """Which of ``$ids`` are learners."""
    return select_nodes(NODES["learners"], by_ids=True)


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

"""Stage 2, GRAPH: native rows into nodes and relations, inside a transaction of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from graphrec.graph import statements
from graphrec.graph.mapping import NODES, RELATIONS, NodeMap, RelationMap
from graphrec.graph.rows import batches, for_engine, relation_keys, row_keys
from graphrec.schema import TABLES

if TYPE_CHECKING:
    from graphrec.graph.engine import EngineSession

ID_BATCH = 10_000
"""Ids that travel in one parameter."""


def write_nodes(session: EngineSession, node: NodeMap, rows: pa.Table) -> None:
    """Insert or replace nodes and the relations that their link columns are."""
    session.put_nodes(node, for_engine(rows.select([node.id_column, *node.properties])))
    for link in node.links:
        for ids in _id_batches(rows[node.id_column]):
            session.rows(statements.delete_links(node, link), {"ids": ids})
        linked = rows.select([node.id_column, link.column]).filter(pc.is_valid(rows[link.column]))
        if linked.num_rows:
            session.put_relations(statements.link_relation(node, link), linked)


def write_relations(
    session: EngineSession, relations: tuple[RelationMap, ...], rows: pa.Table
) -> None:
    """Insert or replace the relations of one table, learners being created where missing."""
    if relations[0].source == "Learner":
        _ensure_learners(session, rows["learner_id"])
    if relations[0].table != "interactions":
        session.put_relations(relations[0], for_engine(rows))
        return
    _remove_moved_events(session, relations, rows)
    keyed = rows.append_column("key", relation_keys(rows))
    for rel in relations:
        part = keyed.filter(pc.equal(keyed["type"], rel.type.lower())).drop_columns("type")
        if part.num_rows:
            session.put_relations(rel, for_engine(part))


def change_rows(
    session: EngineSession, removed: Mapping[str, pa.Table], written: Mapping[str, pa.Table]
) -> None:
    """Remove rows by their key, relations before nodes, then write others."""
    for table in reversed(TABLES):
        for rows in batches(_keys(table, removed), ID_BATCH):
            if table in NODES:
                session.rows(statements.delete_nodes(NODES[table]), {"rows": rows})
            else:
                session.rows(statements.delete_relations(RELATIONS[table][0]), {"rows": rows})
    for table in TABLES:
        if table not in written or not written[table].num_rows:
            continue
        if table in NODES:
            write_nodes(session, NODES[table], written[table])
        else:
            write_relations(session, RELATIONS[table], written[table])


def _keys(table: str, removed: Mapping[str, pa.Table]) -> pa.Table:
    names = list(TABLES[table].key)
    rows = removed.get(table, TABLES[table].schema.empty_table())
    return for_engine(rows.select(names))


def _ensure_learners(session: EngineSession, learner_ids: pa.ChunkedArray) -> None:
    node = NODES["learners"]
    wanted = pc.unique(learner_ids)
    schema = pa.schema([(node.id_column, pa.string())])
    known_learners = statements.select_nodes(node, by_ids=True)
    missing: list[str] = []
    for ids in _id_batches(wanted):
        known = session.fetch(known_learners, {"ids": ids}, schema)[0]
        found = set(known.to_pylist())
        missing += [learner_id for learner_id in ids if learner_id not in found]
    if missing:
        session.put_nodes(node, pa.table({node.id_column: pa.array(missing, pa.string())}))


def _remove_moved_events(
    session: EngineSession, relations: tuple[RelationMap, ...], rows: pa.Table
) -> None:
    """An event that now names another course or type leaves its old place first."""
    from graphrec.graph.engine import stored_under

    events = rows.filter(pc.is_valid(rows["event_id"]))
    if not events.num_rows:
        return
    stored = stored_under(session, "interactions", events)
    if not stored.num_rows:
        return
    places = dict(zip(row_keys("interactions", events).to_pylist(), _places(events), strict=True))
    keys = row_keys("interactions", stored).to_pylist()
    by_type = {rel.type.lower(): rel for rel in relations}
    for key, place, row in zip(keys, _places(stored), stored.to_pylist(), strict=True):
        if places[key] != place:
            text = statements.delete_interaction(by_type[row["type"]])
            session.rows(text, {"learner_id": row["learner_id"], "key": row["event_id"]})


def _places(rows: pa.Table) -> list[tuple[str, str]]:
    return list(zip(rows["course_id"].to_pylist(), rows["type"].to_pylist(), strict=True))


def _id_batches(ids: pa.ChunkedArray | pa.Array) -> list[list[str]]:
    return [ids.slice(n, ID_BATCH).to_pylist() for n in range(0, len(ids), ID_BATCH)]

"""The plan of an edit: what a file would add, change and remove, and why it may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import networkx as nx
import pyarrow as pa

from graphrec.curriculum.text import CURRICULUM_TABLES, CurriculumFile, Key, Rows, rows_of
from graphrec.errors import ParameterError
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

_KEYS: Final = {name: TABLES[name].key for name in CURRICULUM_TABLES}
_LABELS: Final = {"courses": "course", "skills": "skill", "roles": "role"}


@dataclass(frozen=True)
class Change:
    """One row that would be other than it is.

    Attributes:
        action: What becomes of it.
        table: Native table.
        key: Its key.
        before: Values that are changed or lost, by column.
        after: Values that are new, by column.
    """

    action: Literal["add", "change", "remove"]
    table: str
    key: Key
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def told_key(self) -> str:
        """The key in one line."""
        return " → ".join(str(part) for part in self.key if part is not None)


@dataclass(frozen=True)
class Refusal:
    """Why a plan may not be carried out.

    Attributes:
        kind: What it would bring about.
        where: File and line.
        message: One sentence.
        proof: The cycle's ids, each requiring the next and the last the first; or the role
            and the skill; or the id whose records would be lost.
    """

    kind: Literal["cycle", "orphaned_skill", "learner_records"]
    where: str
    message: str
    proof: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What applying a file would do.

    Attributes:
        changes: Sorted by table, then key.
        refusals: Empty where it may be done.
    """

    changes: tuple[Change, ...]
    refusals: tuple[Refusal, ...]


def read_graph(store: GraphStore) -> Rows:
    """The curriculum of a graph."""
    return rows_of(store.export_snapshot(CURRICULUM_TABLES), _KEYS)


def plan_edit(store: GraphStore, file: CurriculumFile) -> Plan:
    """Compare a file with a graph; nothing is written."""
    before = read_graph(store)
    changes = tuple(_changes(before, file.rows))
    refusals = (
        *_new_cycles(before, file),
        *_orphaned(before, file),
        *_lost_records(store, file, changes),
    )
    return Plan(changes, refusals)


def apply_edit(store: GraphStore, plan: Plan) -> None:
    """Carry a plan out, in one transaction.

    Raises:
        ParameterError: The plan is refused; the message holds every proof.
    """
    if plan.refusals:
        told = "\n".join(f"{one.where}: {one.message}" for one in plan.refusals)
        raise ParameterError(
            f"nothing was changed, the edit is refused:\n{told}",
            remedy="\nMend the file; graphrec curriculum diff FILE shows the plan.",
        )
    removed = _tables(plan, {"remove"})
    written = _tables(plan, {"add", "change"})
    store.change(removed, written)


def _tables(plan: Plan, actions: set[str]) -> Mapping[str, pa.Table]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for change in plan.changes:
        if change.action in actions:
            key = dict(zip(_KEYS[change.table], change.key, strict=True))
            rows.setdefault(change.table, []).append({**change.after, **key})
    schemas = {name: TABLES[name].schema for name in rows}
    return {
        name: pa.Table.from_pylist(
            [{c: row.get(c) for c in schemas[name].names} for row in listed], schema=schemas[name]
        )
        for name, listed in rows.items()
    }


def _changes(before: Rows, after: Rows) -> Iterator[Change]:
    for table in CURRICULUM_TABLES:
        old, new = before[table], after[table]
        for key in sorted(old.keys() | new.keys(), key=lambda k: tuple(part or "" for part in k)):
            if key not in new:
                yield Change("remove", table, key, _values(table, old[key]), {})
            elif key not in old:
                yield Change("add", table, key, {}, _values(table, new[key]))
            elif old[key] != new[key]:
                yield Change("change", table, key, old[key], new[key])


def _values(table: str, row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k not in _KEYS[table] and v is not None}


def _new_cycles(before: Rows, file: CurriculumFile) -> Iterator[Refusal]:
    """Every cycle that is not there yet runs over an edge that is not there yet."""
    for table, word in (("requires", "courses"), ("skill_prerequisites", "skills")):
        old = {key[:2] for key in before[table]}
        graph = nx.DiGraph([key[:2] for key in file.rows[table]])
        told: set[frozenset[str]] = set()
        group = {
            n: i for i, part in enumerate(nx.strongly_connected_components(graph)) for n in part
        }
        for key in file.rows[table]:
            first, second = key[:2]
            if (first, second) in old or group[first] != group[second]:
                continue
            path = [first] if first == second else nx.shortest_path(graph, second, first)
            cycle = (first, *path[:-1])
            if frozenset(cycle) in told:
                continue
            told.add(frozenset(cycle))
            way = " requires ".join(f"'{one}'" for one in (*cycle, first))
            message = f"would make a cycle of {word}: {way}."
            yield Refusal("cycle", file.where(table, key), message, cycle)


def _taught(rows: Rows) -> set[str]:
    """Skills that a course teaches which is not hidden."""
    return {skill for course, skill in rows["teaches"] if not rows["courses"][course,]["hidden"]}


def _orphaned(before: Rows, file: CurriculumFile) -> Iterator[Refusal]:
    lost = _taught(before) - _taught(file.rows)
    for key in file.rows["needs"]:
        role_id, skill_id = key
        if skill_id in lost:
            courses = [course for course, skill in sorted(before["teaches"]) if skill == skill_id]
            message = (
                f"would orphan the skill '{skill_id}', which the role '{role_id}' needs: no "
                f"visible course would teach it any more (until now: {_few(courses)})."
            )
            yield Refusal("orphaned_skill", file.where("needs", key), message, (role_id, skill_id))


def _few(ids: list[str], most: int = 5) -> str:
    shown = ", ".join(f"'{one}'" for one in ids[:most])
    return f"{shown} and {len(ids) - most} more" if len(ids) > most else shown


def _lost_records(
    store: GraphStore, file: CurriculumFile, changes: tuple[Change, ...]
) -> Iterator[Refusal]:
    """Learners' records are history; an edit of the curriculum never takes them away."""
    for table, word in _LABELS.items():
        gone = [one.key[0] for one in changes if one.action == "remove" and one.table == table]
        for node_id, records in sorted(store.learner_records(table, gone).items()):
            message = (
                f"would remove the {word} '{node_id}' with {records:,} records of learners; keep it"
                + (" and say 'hidden: true'." if table == "courses" else ".")
            )
            yield Refusal("learner_records", file.name, message, (node_id,))

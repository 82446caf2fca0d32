"""Who a learner is to the recommender: history, what is barred, state, target.

Read from the graph, one learner at a time for the service and in bulk for batches, by the
same code; kept until an event of that learner arrives or the time to live is over.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graphrec.dataset import Histories
from graphrec.features.dataset import interaction_arrays
from graphrec.features.histories import build_histories, split_signals
from graphrec.graph.store import GraphStore
from graphrec.ids import IdMap
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import ANONYMOUS, LearnerState, learner_state
from graphrec.schema import TABLES

MAX_KEPT = 100_000
"""Learners kept in memory, some 2 kB each."""

_BULK = 200
"""From so many learners on, one export is cheaper than a look-up each."""


@dataclass(frozen=True)
class Learner:
    """One learner as of the moment of reading.

    Attributes:
        learner_id: As asked; None for an anonymous one.
        is_known: Whether the graph has the learner.
        rows: Interaction rows: course_id, type, at, seq.
        state: Completed, enrolled, mastered.
        target_role_id: The role aimed at, or None.
        encoded: Cache of the recommender, by bundle id.
    """

    learner_id: str | None
    is_known: bool = False
    rows: tuple[Mapping[str, Any], ...] = ()
    state: LearnerState = ANONYMOUS
    target_role_id: str | None = None
    encoded: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def taken(self) -> frozenset[str]:
        """Courses never to be recommended: completed or being taken."""
        return self.state.completed | self.state.enrolled


class LearnerReader:
    """Reads learners from the graph and keeps the recent ones.

    Args:
        store: The graph.
        catalogue: Whose courses teach the skills.
        has_completions: Whether any interaction of the graph is a completion.
        ttl_s: Seconds a learner is kept; None: until ``forget`` (one process owns the graph).
    """

    def __init__(
        self,
        store: GraphStore,
        catalogue: Catalogue,
        *,
        has_completions: bool,
        ttl_s: float | None,
    ) -> None:
        self._store = store
        self.catalogue = catalogue
        self.has_completions = has_completions
        self._ttl_s = ttl_s
        self._kept: OrderedDict[str, tuple[float, Learner]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, learner_id: str) -> Learner:
        """One learner; an unknown one has ``is_known`` False."""
        now = time.monotonic()
        kept = self._kept.get(learner_id)
        if kept is not None and (self._ttl_s is None or now - kept[0] < self._ttl_s):
            return kept[1]
        learner = self._read(learner_id)
        with self._lock:
            self._kept[learner_id] = (now, learner)
            self._kept.move_to_end(learner_id)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return learner

    def get_many(self, learner_ids: Sequence[str]) -> list[Learner]:
        """Learners in the order asked."""
        if len(learner_ids) < _BULK:
            return [self.get(learner_id) for learner_id in learner_ids]
        wanted = pa.array(sorted(set(learner_ids)), pa.string())
        tables = self._store.export_snapshot(["learners", "interactions", "holds"])
        picked = {
            name: table.filter(pc.is_in(table["learner_id"], wanted))
            for name, table in tables.items()
        }
        profiles = {row["learner_id"]: row for row in picked["learners"].to_pylist()}
        rows, holds = (_by_learner(picked[name]) for name in ("interactions", "holds"))
        return [
            self._build(i, i in profiles, rows.get(i, ()), holds.get(i, ()), profiles.get(i))
            for i in learner_ids
        ]

    def forget(self, learner_ids: Iterable[str]) -> None:
        """Read these learners anew next time: something happened to them."""
        with self._lock:
            for learner_id in learner_ids:
                self._kept.pop(learner_id, None)

    def _read(self, learner_id: str) -> Learner:
        profile = self._store.run("learner_profile", learner_id=learner_id)
        if not profile:
            return Learner(learner_id)
        rows = self._store.run("learner_history", learner_id=learner_id)
        holds = self._store.run("learner_holds", learner_id=learner_id)
        return self._build(learner_id, True, rows, holds, profile[0])

    def _build(
        self,
        learner_id: str,
        is_known: bool,
        rows: Iterable[Mapping[str, Any]],
        holds: Iterable[Mapping[str, Any]],
        profile: Mapping[str, Any] | None,
    ) -> Learner:
        rows = tuple(rows)
        state = learner_state(rows, self.catalogue, self.has_completions, holds)
        target = (profile or {}).get("target_role_id") or None
        return Learner(learner_id, is_known, rows, state, target)


def _by_learner(table: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Rows of a table grouped by learner."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        grouped.setdefault(row["learner_id"], []).append(row)
    return grouped


def histories_of(
    learners: Sequence[Learner], items: IdMap, *, committed: bool
) -> tuple[Histories, Histories | None]:
    """Histories and views of learners, by the transform that training used.

    Args:
        learners: As read.
        items: Dense rows of the bundle; courses it does not know are left out.
        committed: The bundle's ``has_commitments``.
    """
    names = [str(number) for number in range(len(learners))]
    flat = [
        {**row, "learner_id": name}
        for name, learner in zip(names, learners, strict=True)
        for row in learner.rows
    ]
    columns = {
        column: [row.get(column) for row in flat]
        for column in ("learner_id", "course_id", "type", "at", "seq")
    }
    schema = TABLES["interactions"].schema
    table = pa.table({name: pa.array(v, schema.field(name).type) for name, v in columns.items()})
    taken, viewed = split_signals(
        interaction_arrays(table, IdMap(names), items), committed=committed
    )
    views = None if viewed is None else build_histories(viewed, len(learners))
    return build_histories(taken, len(learners)), views

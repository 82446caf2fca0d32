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
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.dataset import Histories
from graphrec.features.histories import (
    TYPE_CODES,
    UNKNOWN,
    InteractionArrays,
    build_histories,
    split_signals,
)
from graphrec.graph.store import GraphStore
from graphrec.ids import IdMap
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.learner_table import MAX_ROWS, LearnerTable
from graphrec.recommend.mastery import LearnerState, learner_state, taken_courses

MAX_KEPT = 20_000
"""Learners kept in memory with their candidates, some 15 kB each."""

_TABLES = ("learners", "interactions", "holds")

_BULK = 200
"""From so many learners on, one export is cheaper than a look-up each."""


@dataclass(frozen=True)
class Learner:
    """One learner as of the moment of reading; what costs more is worked out when asked for.

    Attributes:
        learner_id: As asked; None for an anonymous one.
        catalogue: Whose courses teach the skills.
        is_known: Whether the graph has the learner.
        rows: Interaction rows: course_id, type, at, seq.
        holds: Assessed skills: skill_id, level.
        target_role_id: The role aimed at, or None.
        role_id: The role held, or None.
        has_completions: Whether the graph records completions at all.
        sessions: Cache of the engine, by bundle id.
        table: The table it was read from in bulk, or None.
    """

    learner_id: str | None
    catalogue: Catalogue
    is_known: bool = False
    rows: tuple[Mapping[str, Any], ...] = ()
    holds: tuple[Mapping[str, Any], ...] = ()
    target_role_id: str | None = None
    role_id: str | None = None
    has_completions: bool = True
    sessions: dict[str, Any] = field(default_factory=dict, compare=False)
    table: LearnerTable | None = field(default=None, compare=False, repr=False)

    @cached_property
    def history(self) -> list[str]:
        """Courses met, as stored."""
        return [row["course_id"] for row in self.rows]

    @cached_property
    def completed(self) -> frozenset[str]:
        """Courses that satisfy prerequisites."""
        return self._courses[0]

    @cached_property
    def taken(self) -> frozenset[str]:
        """Courses never to be recommended: completed or being taken."""
        return self._courses[0] | self._courses[1]

    @cached_property
    def state(self) -> LearnerState:
        """What the learner holds."""
        return learner_state(self.rows, self.catalogue, self.has_completions, self.holds)

    @cached_property
    def _courses(self) -> tuple[frozenset[str], frozenset[str]]:
        return taken_courses(self.rows, self.has_completions)


class LearnerReader:
    """Reads learners from the graph and keeps the recent ones.

    Args:
        store: The graph.
        catalogue: Whose courses teach the skills.
        has_completions: Whether any interaction of the graph is a completion.
        ttl_s: Seconds a learner is kept; None: until ``forget`` (one process owns the graph).

    Attributes:
        table: All learners, once they were preloaded.
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
        self._generation = 0
        self.table: LearnerTable | None = None
        self._changed: set[str] = set()

    def get(self, learner_id: str) -> Learner:
        """One learner; an unknown one has ``is_known`` False."""
        now = time.monotonic()
        kept = self._kept.get(learner_id)
        if kept is not None and (self._ttl_s is None or now - kept[0] < self._ttl_s):
            return kept[1]
        generation = self._generation
        learner = self.from_table(learner_id) or self._read(learner_id)
        with self._lock:
            if generation != self._generation:
                return learner  # an event may have arrived while it was read: do not keep it
            self._kept[learner_id] = (now, learner)
            self._kept.move_to_end(learner_id)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        return learner

    def get_many(self, learner_ids: Sequence[str]) -> list[Learner]:
        """Learners in the order asked."""
        if len(learner_ids) < _BULK or self.table is not None:
            return [self.get(learner_id) for learner_id in learner_ids]
        wanted = pa.array(sorted(set(learner_ids)), pa.string())
        tables = self._store.export_snapshot(_TABLES)
        table = LearnerTable(
            {name: t.filter(pc.is_in(t["learner_id"], wanted)) for name, t in tables.items()}
        )
        return [
            self._build(i, table.rows(i), table.holds(i), table.profile(i)) for i in learner_ids
        ]

    def forget(self, learner_ids: Iterable[str]) -> None:
        """Read these learners anew next time: something happened to them."""
        with self._lock:
            self._generation += 1
            for learner_id in learner_ids:
                self._changed.add(learner_id)
                self._kept.pop(learner_id, None)

    def preload(self) -> None:
        """Read everybody at once, where this process alone writes and memory allows."""
        if self._ttl_s is not None or self._store.counts()["interactions"] > MAX_ROWS:
            return
        with self._lock:
            self.table = None
            self._changed.clear()  # whoever changes from here on is read from the graph
        self.table = LearnerTable(self._store.export_snapshot(_TABLES))

    def from_table(self, learner_id: str) -> Learner | None:
        """One learner as preloaded; None for one unknown then, or changed since."""
        table = self.table
        if table is None or learner_id in self._changed:
            return None
        profile = table.profile(learner_id)
        if profile is None:
            return None
        rows, holds = table.rows(learner_id), table.holds(learner_id)
        return self._build(learner_id, rows, holds, profile, table)

    def anonymous(self) -> Learner:
        """Somebody of whom nothing is stored."""
        return Learner(None, self.catalogue)

    def _read(self, learner_id: str) -> Learner:
        profile = self._store.run("learner_profile", learner_id=learner_id)
        if not profile:
            return Learner(learner_id, self.catalogue)
        rows = self._store.run("learner_history", learner_id=learner_id)
        holds = self._store.run("learner_holds", learner_id=learner_id)
        return self._build(learner_id, rows, holds, profile[0])

    def _build(
        self,
        learner_id: str,
        rows: Iterable[Mapping[str, Any]],
        holds: Iterable[Mapping[str, Any]],
        profile: Mapping[str, Any] | None,
        table: LearnerTable | None = None,
    ) -> Learner:
        return Learner(
            learner_id,
            self.catalogue,
            is_known=profile is not None,
            rows=tuple(rows),
            holds=tuple(holds),
            target_role_id=(profile or {}).get("target_role_id") or None,
            role_id=(profile or {}).get("role_id") or None,
            has_completions=self.has_completions,
            table=table,
        )


def histories_of(
    learners: Sequence[Learner], items: IdMap, *, committed: bool
) -> tuple[Histories, Histories | None]:
    """Histories and views of learners, by the transform that training used.

    Args:
        learners: As read.
        items: Dense rows of the bundle; courses it does not know are left out.
        committed: The bundle's ``has_commitments``.
    """
    owners = [n for n, learner in enumerate(learners) for _ in learner.rows]
    flat = [row for learner in learners for row in learner.rows]
    arrays = InteractionArrays(
        np.array(owners, np.int64),
        items.indices(row["course_id"] for row in flat),
        np.array([TYPE_CODES[row["type"]] for row in flat], np.int8),
        np.array([_or_unknown(row.get("at")) for row in flat], np.int64),
        np.array([_or_unknown(row.get("seq")) for row in flat], np.int64),
    )
    taken, viewed = split_signals(arrays.take(arrays.items >= 0), committed=committed)
    views = None if viewed is None else build_histories(viewed, len(learners))
    return build_histories(taken, len(learners)), views


def _or_unknown(value: int | None) -> int:
    return UNKNOWN if value is None else value

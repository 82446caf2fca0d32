"""Facts of the graph as it stands, to hold reasons against: nothing here knows how they are found.

In come the graph store (its tables), the champion bundle and the rules file; a fact that a
reason states (``Evidence``) goes in, and what is wrong with it comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from graphrec.bundle import CHAMPION, BundleStore
from graphrec.errors import BundleError
from graphrec.graph.store import GraphStore
from graphrec.models.content import ContentModel
from graphrec.recommend.catalogue import CATALOGUE_TABLES
from graphrec.recommend.model_io import read_pipeline
from graphrec.recommend.reason_codes import Evidence
from graphrec.rules.load import load_rules
from graphrec.settings import Settings

_TOLERANCE = 1e-4
"""Of a cosine told with six digits and worked out in another order."""

_EDGES: Final[Mapping[str, tuple[str, str, str]]] = {
    "TEACHES": ("teaches", "course_id", "skill_id"),
    "NEEDS": ("needs", "role_id", "skill_id"),
    "REQUIRES": ("requires", "course_id", "requires_course_id"),
    "PREREQUISITE_OF": ("skill_prerequisites", "requires_skill_id", "skill_id"),
}
"""Relation -> native table, column where it begins, column where it ends."""

Likeness = Callable[[str, str], float | None]


class Facts:
    """What a reason may state, looked up in tables exported from the graph.

    Args:
        store: The graph.
        likeness: Cosine of two courses' contents; None where one has none.
        rulings: (rule id, course id) of all that must be taken.
    """

    def __init__(
        self,
        store: GraphStore,
        likeness: Likeness = lambda one, other: None,
        rulings: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        tables = store.export_snapshot([*CATALOGUE_TABLES, "interactions"])
        self._edges = {
            relation: set(
                zip(tables[name][start].to_pylist(), tables[name][end].to_pylist(), strict=True)
            )
            for relation, (name, start, end) in _EDGES.items()
        }
        self._events = _Events(tables["interactions"])
        self._likeness = likeness
        self._rulings = rulings

    @classmethod
    def read(cls, settings: Settings, store: GraphStore) -> Facts:
        """The facts of a store folder: graph, champion and rules.

        Raises:
            SourceError: The rules file is broken.
        """
        return cls(store, _likeness(settings), _rulings(settings))

    def why_not(self, fact: Evidence) -> str | None:
        """What speaks against a fact; None: it holds."""
        if fact.relation in self._edges:
            is_true = (fact.from_id, fact.to_id) in self._edges[fact.relation]
            return None if is_true else "the graph has no such edge"
        if fact.relation in ("COMPLETED", "ENROLLED", "MET"):
            return self._why_no_event(fact)
        if fact.relation.endswith("_COUNT"):
            return self._why_no_count(fact)
        if fact.relation == "ALIKE":
            return self._why_not_alike(fact)
        is_true = (fact.from_id, fact.to_id) in self._rulings
        return None if is_true else "no rule says so"

    def _why_no_event(self, fact: Evidence) -> str | None:
        kinds = _MET if fact.relation == "MET" else frozenset({fact.relation.lower()})
        is_true = fact.from_id is not None and self._events.has(fact.from_id, fact.to_id, kinds)
        return None if is_true else "the graph has no such event"

    def _why_not_alike(self, fact: Evidence) -> str | None:
        score = self._likeness(fact.from_id or "", fact.to_id)
        if score is None or fact.score is None:
            return "the bundle has no content of one of them"
        return None if abs(score - fact.score) <= _TOLERANCE else f"the bundle says {score:.6f}"

    def _why_no_count(self, fact: Evidence) -> str | None:
        """Learners only come to a graph, so that it may have more than a bundle counted."""
        number = self.count(fact)
        if fact.count is None or fact.count > number:
            return f"the graph counts {number}"
        return f"the graph counts {number} by now" if fact.count == 0 < number else None

    def count(self, fact: Evidence) -> int:
        """Learners that a count is about, as the graph stands."""
        kinds = _TOOK if "TOOK" in fact.relation else _MET
        learners = self._events.learners(fact.to_id, kinds)
        if fact.relation.startswith("CO_"):
            others = self._events.learners(fact.from_id or "", kinds)
            return len(np.intersect1d(learners, others, assume_unique=True))
        return len(learners)


_MET: Final = frozenset({"enrolled", "completed", "viewed", "rated", "dropped"})
_TOOK: Final = _MET - {"viewed"}


class _Events:
    """Who did what with which course.

    Args:
        table: learner_id, course_id, type.
    """

    def __init__(self, table: pa.Table) -> None:
        learners = table["learner_id"].combine_chunks().dictionary_encode()
        courses = table["course_id"].combine_chunks().dictionary_encode()
        self._learners = {one: n for n, one in enumerate(learners.dictionary.to_pylist())}
        self._courses = {one: n for n, one in enumerate(courses.dictionary.to_pylist())}
        who, what = learners.indices.to_numpy(), courses.indices.to_numpy()
        order = np.argsort(what, kind="stable")
        self._who = who[order]
        self._types = np.asarray(table["type"].to_pylist(), dtype=str)[order]
        self._starts = np.searchsorted(what[order], np.arange(len(self._courses) + 1))
        self.learners = lru_cache(maxsize=4_096)(self._learners_of)

    def _learners_of(self, course_id: str, kinds: frozenset[str]) -> np.ndarray:
        """Distinct learners with an event of these kinds, int, sorted."""
        course = self._courses.get(course_id)
        if course is None:
            return np.zeros(0, np.int64)
        rows = slice(self._starts[course], self._starts[course + 1])
        return np.unique(self._who[rows][np.isin(self._types[rows], sorted(kinds))])

    def has(self, learner_id: str, course_id: str, kinds: frozenset[str]) -> bool:
        """Whether a learner did any of these with a course."""
        learner = self._learners.get(learner_id)
        return learner is not None and learner in self.learners(course_id, kinds)


def _likeness(settings: Settings) -> Likeness:
    """Cosines by the champion's content model; None for all where there is none."""
    with suppress(BundleError):
        trained = read_pipeline(BundleStore(settings.bundles_dir).load(CHAMPION))
        content = trained.pipeline.models.get("content")
        if isinstance(content, ContentModel):
            vectors: Any = content.item_vectors()

            def likeness(one: str, other: str) -> float | None:
                rows = trained.items.indices([one, other])
                return None if rows.min() < 0 else float(vectors[rows[0]] @ vectors[rows[1]])

            return likeness
    return lambda one, other: None


def _rulings(settings: Settings) -> frozenset[tuple[str, str]]:
    """Rule and course of everything that must be taken; empty without a rules file."""
    if settings.rules_path is None:
        return frozenset()
    must = [r for r in load_rules(settings.rules_path).rules if r.kind == "must_take"]
    return frozenset((rule.id, course_id) for rule in must for course_id in rule.courses)

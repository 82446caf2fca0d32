"""The native tables as the references of the questions read them."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import Any

from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

BEGUN = frozenset({"enrolled", "completed", "dropped"})
TAKEN = BEGUN | {"viewed", "rated"}
MET = frozenset({"enrolled", "completed", "viewed"})


class World(dict[str, list[dict[str, Any]]]):
    """Rows by table, as a store exports them."""

    def __init__(self, store: GraphStore) -> None:
        super().__init__({t: store.export(t).to_pylist() for t in TABLES})
        self.titles = {r["course_id"]: r["title"] or "" for r in self["courses"]}
        self.skill_names = {r["skill_id"]: r["name"] or "" for r in self["skills"]}
        self.role_names = {r["role_id"]: r["name"] or "" for r in self["roles"]}
        self.visible = {r["course_id"] for r in self["courses"] if not r["hidden"]}
        enrolled, completed = (
            sum(r["type"] == kind for r in self["interactions"])
            for kind in ("enrolled", "completed")
        )
        self.done = {"completed"} | ({"enrolled"} if completed * 100 < enrolled else set())

    __hash__ = object.__hash__  # type: ignore[assignment]

    def course_edges(self) -> list[tuple[str, str]]:
        return [(r["course_id"], r["requires_course_id"]) for r in self["requires"]]

    def skill_edges(self) -> list[tuple[str, str]]:
        return [(r["skill_id"], r["requires_skill_id"]) for r in self["skill_prerequisites"]]

    @cache  # noqa: B019 - a world lives as long as its test
    def taught(self) -> list[tuple[str, str]]:
        return [(r["course_id"], r["skill_id"]) for r in self["teaches"]]

    def visibly_taught(self) -> list[tuple[str, str]]:
        return [(c, s) for c, s in self.taught() if c in self.visible]

    def needed(self, role_id: str) -> set[str]:
        return {r["skill_id"] for r in self["needs"] if r["role_id"] == role_id}

    @cache  # noqa: B019
    def kinds(self, among: frozenset[str]) -> dict[tuple[str, str], set[str]]:
        """(learner, course) -> what they did with it, of ``among``."""
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for r in self["interactions"]:
            if r["type"] in among:
                found[r["learner_id"], r["course_id"]].add(r["type"])
        return dict(found)

    def finished(self, among: frozenset[str]) -> dict[tuple[str, str], bool]:
        """(learner, course) -> whether they completed it."""
        return {pair: "completed" in kinds for pair, kinds in self.kinds(among).items()}

    @cache  # noqa: B019
    def first(self, among: frozenset[str]) -> dict[tuple[str, str], tuple[Any, Any]]:
        """(learner, course) -> its first time and first place, each None where unknown."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for r in self["interactions"]:
            if r["type"] in among:
                found[r["learner_id"], r["course_id"]].append(r)
        return {
            pair: tuple(
                min((r[c] for r in rows if r[c] is not None), default=None) for c in ("at", "seq")
            )
            for pair, rows in found.items()
        }  # type: ignore[return-value]


def order(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
    """-1: one comes first, 1: the other, 0: nobody knows. By time, else by place."""
    for a, b in zip(one, other, strict=True):
        if a is not None and b is not None:
            return (a > b) - (a < b)
    return 0

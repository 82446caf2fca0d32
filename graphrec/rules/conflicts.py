"""Finds what is wrong with rules before anybody is served by them.

Rules are compared where they can meet: on a day of both, for a role of both. Without a
catalogue only what a file says by course id is compared; with one, what it selects by
provider, level, language and skill too, and ids that do not exist are found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from difflib import get_close_matches

import networkx as nx

from graphrec.rules.active import CatalogueView
from graphrec.rules.clashes import clashes
from graphrec.rules.scene import Conflict, Scene, listed
from graphrec.rules.schema import (
    MAX_FACTOR,
    Boost,
    Licence,
    Price,
    Quota,
    Rule,
    RuleSet,
    Selecting,
    Sequence,
)

__all__ = ["EXPIRES_SOON_DAYS", "Conflict", "find_conflicts"]

EXPIRES_SOON_DAYS = 30
"""Days before its end from which a rule is warned about."""


def find_conflicts(
    rules: RuleSet, today: date, catalogue: CatalogueView | None = None
) -> list[Conflict]:
    """All conflicts, errors first.

    Args:
        rules: As loaded.
        today: UTC; rules that are over conflict with nothing.
        catalogue: What there is; None: ids are not checked.
    """
    scene = Scene(rules, today, catalogue)
    found = [*clashes(scene), *_cycles(scene), *_products(scene), *_shares(scene), *_ends(scene)]
    if catalogue is not None:
        found += [*_unknown(scene, catalogue), *_empty(scene)]
    return sorted(dict.fromkeys(found), key=lambda one: not one.is_error)


def _cycles(scene: Scene) -> Iterator[Conflict]:
    """Sequences that send each other round in a circle."""
    for rules in scene.together(Sequence):
        graph = nx.DiGraph()
        for rule in rules:
            for first, then in zip(rule.courses, rule.courses[1:], strict=False):
                graph.add_edge(first, then, rule=rule.id)
        for circle in sorted(nx.strongly_connected_components(graph), key=sorted):
            if len(circle) < 2:
                continue
            inner = graph.subgraph(circle)
            way = nx.find_cycle(inner, min(circle))
            ids = {inner.edges[edge]["rule"] for edge in way}
            told = " → ".join([*(first for first, _ in way), way[-1][1]])
            message = f"{listed(sorted(ids))}: {told} is a circle, none of it could be given."
            yield scene.conflict("sequence_cycle", ids, message)


def _products(scene: Scene) -> Iterator[Conflict]:
    """Boosts that together go beyond what one may."""
    for rules in scene.together(Boost):
        by_course: dict[str, list[Boost]] = {}
        for rule in rules:
            for course_id in scene.courses[rule.id]:
                by_course.setdefault(course_id, []).append(rule)
        told: set[tuple[str, ...]] = set()
        for course_id, boosts in sorted(by_course.items()):
            product = math.prod(boost.factor for boost in boosts)
            ids = tuple(boost.id for boost in boosts)
            if ids in told or 1 / MAX_FACTOR - 1e-9 <= product <= MAX_FACTOR + 1e-9:
                continue
            told.add(ids)
            message = (
                f"{listed(ids)} multiply to {product:g} for '{course_id}'; the bound is "
                f"{1 / MAX_FACTOR:g} to {MAX_FACTOR:g}."
            )
            yield scene.conflict("boost_bound", ids, message)


def _shares(scene: Scene) -> Iterator[Conflict]:
    """Quotas of more places than there are."""
    for rules in scene.together(Quota):
        total = sum(rule.share for rule in rules)
        if total > 1 + 1e-9:
            ids = [rule.id for rule in rules]
            message = f"The quotas {listed(ids)} ask for {total:.0%} of the places together."
            yield scene.warning("quota_share", ids, message)


def _ends(scene: Scene) -> Iterator[Conflict]:
    """Rules that are over, or soon will be."""
    for rule in scene.rules:
        told = f"on {rule.expires}; {rule.owner} renews or removes it."
        if rule.expires < scene.today:
            yield scene.warning("expired", [rule.id], f"'{rule.id}' expired {told}")
        elif rule.expires <= scene.today + timedelta(EXPIRES_SOON_DAYS):
            yield scene.warning("expires_soon", [rule.id], f"'{rule.id}' expires {told}")


def _unknown(scene: Scene, catalogue: CatalogueView) -> Iterator[Conflict]:
    """Ids and names that the catalogue does not have."""
    values: dict[str, set[str]] = {}
    for name in ("provider", "level", "language"):
        found = (getattr(course, name) for course in catalogue.courses.values())
        values[f"{name}s"] = {value.casefold() for value in found if value is not None}
    for rule in scene.rules:
        for kind, word, named, known in _names(rule, catalogue, values):
            if word not in known:
                near = get_close_matches(word, known, n=1, cutoff=0.7)
                hint = f"; did you mean '{near[0]}'?" if near else "."
                message = f"'{rule.id}': the catalogue has no {kind} '{named}'{hint}"
                yield scene.conflict("unknown_id", [rule.id], message)


def _names(
    rule: Rule, catalogue: CatalogueView, values: Mapping[str, set[str]]
) -> Iterator[tuple[str, str, str, Iterable[str]]]:
    """What a rule names: its kind, as compared, as written, and all that there is."""
    courses = rule.prices if isinstance(rule, Price) else rule.courses
    yield from (("course", c, c, catalogue.courses) for c in courses)
    roles = (*rule.roles, *(rule.licensed_roles if isinstance(rule, Licence) else ()))
    yield from (("role", r, r, catalogue.roles) for r in roles)
    if isinstance(rule, Selecting):
        yield from (("skill", s, s, catalogue.skills) for s in rule.skills)
        for field, known in values.items():
            kind = field.removesuffix("s")
            yield from ((kind, n.casefold(), n, known) for n in getattr(rule, field))


def _empty(scene: Scene) -> Iterator[Conflict]:
    """Rules over nothing."""
    for rule in scene.live:
        if isinstance(rule, Selecting) and not scene.courses[rule.id]:
            message = f"'{rule.id}' selects no course."
            yield scene.warning("selects_nothing", [rule.id], message)

"""Two rules that contradict each other about a course."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from graphrec.rules.scene import Conflict, Scene, can_meet, listed
from graphrec.rules.schema import (
    Blackout,
    Cap,
    Licence,
    MustTake,
    Price,
    Quota,
    Rule,
    Sequence,
)


def clashes(scene: Scene) -> Iterator[Conflict]:
    """Between any two rules that can be in force together."""
    for first, second in combinations(scene.live, 2):
        if not can_meet(first, second):
            continue
        for one, other in ((first, second), (second, first)):
            if isinstance(one, MustTake):
                yield from _against_must(scene, one, other)
            elif isinstance(one, Quota):
                yield from _against_quota(scene, one, other)
        if isinstance(first, Price) and isinstance(second, Price):
            yield from _prices(scene, first, second)


def _against_must(scene: Scene, must: MustTake, other: Rule) -> Iterator[Conflict]:
    shared = [c for c in must.courses if c in scene.courses[other.id]]
    if not shared:
        return
    demand, ids = f"'{must.id}' demands {listed(shared)}", (must.id, other.id)
    if isinstance(other, Blackout):
        message = f"{demand}, which '{other.id}' blacks out."
        yield scene.conflict("must_take_blackout", ids, message)
    elif isinstance(other, Price) and other.limit is not None:
        dear = [c for c in shared if other.prices[c] > other.limit]
        if dear:
            message = f"'{must.id}' demands {listed(dear)}, dearer than '{other.id}' allows."
            yield scene.conflict("must_take_price", ids, message)
    elif isinstance(other, Licence) and _is_unlicensed(must, other):
        message = f"{demand}; not all of its roles have the licence of '{other.id}' to its end."
        yield scene.conflict("must_take_licence", ids, message)
    elif isinstance(other, Cap):
        yield from _against_cap(scene, must, other, shared)
    elif isinstance(other, Sequence):
        last = max(other.courses.index(c) for c in shared)
        ahead = [c for c in other.courses[:last] if c not in must.courses]
        if ahead:
            message = (
                f"{demand}, but not {listed(ahead)}, which '{other.id}' puts ahead: what must "
                "be taken does not wait."
            )
            yield scene.warning("must_take_sequence", ids, message)


def _is_unlicensed(must: MustTake, licence: Licence) -> bool:
    if licence.licensed_until is not None and licence.licensed_until < must.expires:
        return True
    has_it = set(licence.licensed_roles)
    return bool(has_it) and (not must.roles or not has_it.issuperset(must.roles))


def _against_cap(scene: Scene, must: MustTake, cap: Cap, shared: list[str]) -> Iterator[Conflict]:
    groups: dict[str, list[str]] = {}
    for course_id in shared:
        groups.setdefault(_group(scene, cap, course_id), []).append(course_id)
    for group, courses in groups.items():
        if len(courses) > cap.at_most:
            of = f" of {group}" if group else ""
            message = (
                f"'{must.id}' demands {len(courses)} courses{of} ({listed(courses)}), "
                f"'{cap.id}' lets at most {cap.at_most} stand in a list."
            )
            yield scene.conflict("must_take_cap", (must.id, cap.id), message)


def _group(scene: Scene, cap: Cap, course_id: str) -> str:
    if cap.per is None or scene.catalogue is None:
        return ""
    value: str | None = getattr(scene.catalogue.courses[course_id], cap.per)
    return value or ""


def _against_quota(scene: Scene, quota: Quota, other: Rule) -> Iterator[Conflict]:
    courses = scene.courses[quota.id]
    is_shut = isinstance(other, Blackout) or (isinstance(other, Cap) and not other.at_most)
    if is_shut and courses and courses <= scene.courses[other.id]:
        message = f"'{quota.id}' keeps places for courses that '{other.id}' never gives."
        yield scene.conflict("quota_empty", (quota.id, other.id), message)


def _prices(scene: Scene, first: Price, second: Price) -> Iterator[Conflict]:
    shared = sorted(first.prices.keys() & second.prices.keys())
    unlike = [c for c in shared if first.prices[c] != second.prices[c]]
    ids = (first.id, second.id)
    if first.currency != second.currency:
        message = (
            f"'{first.id}' counts in {first.currency}, '{second.id}' in {second.currency}: "
            "amounts could not be added up."
        )
        yield scene.conflict("currencies", ids, message)
    elif unlike:
        message = f"{listed(ids)} give {listed(unlike)} different prices."
        yield scene.conflict("two_prices", ids, message)

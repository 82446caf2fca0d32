"""The courses that can matter to one path: which may be planned, at what cost, after what.

In come a catalogue, a learner's state and the request's bounds; out goes a ``Universe`` of
takeable courses as dense indices, with REQUIRES groups as bit masks. All costs are integers,
so that sums compare exactly and equal requests give equal plans.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from graphrec.recommend.path_rules import Rules, Scorer

# One cost is, from the highest bits down: courses in progress, hours, number of courses, fit.
_FIT_BITS, _COUNT_BITS, _HOURS_BITS = 30, 64, 112
_MILLI: Final = 1000


@dataclass(frozen=True)
class Universe:
    """Takeable courses as dense indices 0..n-1, in order of their ids.

    Attributes:
        ids: Index -> course id.
        index: Course id -> index.
        weight: Index -> cost; every cost is positive.
        groups: Index -> unmet REQUIRES groups as bit masks over takeable courses.
        must: Index -> bit mask of the course and all it REQUIRES without alternative.
        closure: Index -> bit mask of the course and a cheap choice of all it REQUIRES.
        ahead: Index -> bit mask of courses that come in earlier steps where the plan has both.
    """

    ids: tuple[str, ...]
    index: Mapping[str, int]
    weight: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    must: tuple[int, ...]
    closure: tuple[int, ...]
    ahead: tuple[int, ...] = ()

    def weigh(self, mask: int) -> int:
        """Cost of a set of courses."""
        return sum(self.weight[course] for course in bits(mask))

    def is_closed(self, mask: int) -> bool:
        """Whether every REQUIRES group of each course of the set meets the set."""
        return all(group & mask for course in bits(mask) for group in self.groups[course])

    def names(self, mask: int) -> list[str]:
        """Course ids of a set, sorted."""
        return [self.ids[course] for course in bits(mask)]


def bits(mask: int) -> Iterator[int]:
    """Positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def build_universe(rules: Rules, seeds: Iterable[str], scorer: Scorer | None = None) -> Universe:
    """Everything that the courses ``seeds`` could be reached with, and only what can be taken.

    Args:
        rules: What may be planned.
        seeds: Course ids that could be in the plan for their own sake; barred ones are left out.
        scorer: Breaks ties among courses of equal hours.
    """
    groups = _expand(rules, seeds)
    weight = _weights(rules, sorted(groups), scorer)
    derived = _derive(groups, weight)
    ids = tuple(sorted(derived.order))
    index = {course: i for i, course in enumerate(ids)}
    masks = {
        course: tuple(sum(1 << index[o] for o in group if o in index) for group in groups[course])
        for course in ids
    }
    must, closure = _closures(derived, masks, index)
    return Universe(
        ids,
        index,
        tuple(weight[course] for course in ids),
        tuple(masks[course] for course in ids),
        tuple(must[course] for course in ids),
        tuple(closure[course] for course in ids),
        _ahead(rules, ids, index),
    )


def _ahead(rules: Rules, ids: tuple[str, ...], index: Mapping[str, int]) -> tuple[int, ...]:
    """Orders that business rules want, as bit masks; () where none concerns these courses."""
    masks = dict.fromkeys(ids, 0)
    for first, then in rules.before:
        if first in index and then in index:
            masks[then] |= 1 << index[first]
    return tuple(masks.values()) if any(masks.values()) else ()


def _expand(rules: Rules, seeds: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """Course -> unmet groups, for the seeds and all that REQUIRES leads to."""
    catalogue, completed = rules.catalogue, rules.state.completed
    is_open: dict[str, bool] = {}
    stack: list[str] = []

    def look(course: str) -> bool:
        if course not in is_open:
            is_open[course] = rules.barrier(course) is None
            if is_open[course]:
                stack.append(course)
        return is_open[course]

    for seed in seeds:
        look(seed)
    found: dict[str, list[tuple[str, ...]]] = {}
    while stack:
        course = stack.pop()
        found[course] = [
            tuple([option for option in group if look(option)])
            for group in catalogue.missing_groups(course, completed)
        ]
    return found


def _weights(rules: Rules, courses: list[str], scorer: Scorer | None) -> dict[str, int]:
    """Cost of each course; see the order of the bits above."""
    fit = scorer(courses) if scorer else {}
    low, high = min(fit.values(), default=0.0), max(fit.values(), default=0.0)
    span = (high - low) or 1.0
    weights = {}
    for course in courses:
        penalty = round((high - fit.get(course, low)) / span * ((1 << _FIT_BITS) - 1))
        milli = round(rules.hours(course) * _MILLI)
        in_progress = int(course in rules.state.enrolled) << _HOURS_BITS
        if course in rules.pinned:  # nothing but its fit, and that it is a course at all
            weights[course] = in_progress + 1 + penalty
        else:
            weights[course] = in_progress + (milli << _COUNT_BITS) + (1 << 44) + penalty
    return weights


@dataclass
class _Derivation:
    """Courses in an order in which they can be taken, each with its cheapest options."""

    order: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)


def _derive(groups: Mapping[str, list[tuple[str, ...]]], weight: Mapping[str, int]) -> _Derivation:
    """Knuth's generalisation of Dijkstra: cheapest first, a course once its groups are met.

    What never comes up lies behind a cycle or a barred course.
    """
    derived = _Derivation()
    unmet = {course: len(groups[course]) for course in groups}
    waiting: dict[str, list[tuple[str, int]]] = {}
    for course, alternatives in groups.items():
        for number, group in enumerate(alternatives):
            for option in group:
                waiting.setdefault(option, []).append((course, number))
    cost = dict(weight)
    met: set[tuple[str, int]] = set()
    heap = [(cost[course], course) for course in groups if not unmet[course]]
    heapq.heapify(heap)
    while heap:
        _, course = heapq.heappop(heap)
        derived.order.append(course)
        for key in waiting.get(course, ()):
            if key in met:
                continue
            met.add(key)
            other = key[0]
            derived.options.setdefault(other, []).append(course)
            cost[other] += cost[course]
            unmet[other] -= 1
            if not unmet[other]:
                heapq.heappush(heap, (cost[other], other))
    return derived


def _closures(
    derived: _Derivation, masks: Mapping[str, tuple[int, ...]], index: Mapping[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    """What each course drags along: without alternative, and by the cheapest options."""
    must: dict[str, int] = {}
    closure: dict[str, int] = {}
    for course in derived.order:
        must[course] = closure[course] = 1 << index[course]
        for option in derived.options.get(course, ()):
            closure[course] |= closure[option]
            if 1 << index[option] in masks[course]:
                must[course] |= must[option]
    return must, closure

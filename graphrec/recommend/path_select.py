"""Chooses the cheapest set of courses that adds the needed skills and meets all REQUIRES.

In comes a ``Cover``; out goes a set of courses (bit mask) that can be put in order and from
which no course can be taken away. The search is exact while its effort lasts (small targets)
and otherwise the better of a greedy choice and what the search found; both count work, not
time, so equal requests give equal plans on any machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from graphrec.recommend.path_arrange import Arrangement, Cover, DeadEnd, arrange
from graphrec.recommend.path_universe import bits

EFFORT: Final = 12_000
"""Options looked at before the exact search stops: about ten milliseconds."""
MAX_EXACT_ITEMS: Final = 150
"""Skills beyond which only the greedy choice is made (the search nests a call for each)."""
MAX_DEPTH: Final = 300
"""Choices nested within each other before a branch is given up."""


@dataclass(frozen=True)
class Selection:
    """Courses as a bit mask, with their cost."""

    courses: int
    cost: int


def select(cover: Cover, fixed: int = 0, effort: int = EFFORT) -> Selection | DeadEnd:
    """The cheapest courses that add every item of ``cover``.

    Args:
        cover: Items, each with at least one provider.
        fixed: Bit mask of courses that must stand in the plan.
        effort: Options to look at before settling for the best found.
    """
    search = _Search(cover, fixed, effort)
    search.accept(_greedy(cover, fixed))
    start = 0
    for course in bits(fixed):
        start |= cover.universe.must[course]
    if len(cover.skills) <= MAX_EXACT_ITEMS:
        search.explore(start, 0)
    if search.best is None:
        return DeadEnd(search.lost)
    courses = prune(cover, search.best, fixed)
    return Selection(courses, cover.universe.weigh(courses))


def prune(cover: Cover, chosen: int, fixed: int) -> int:
    """Take away, dearest first, every course without which the rest still does."""
    weight = cover.universe.weight
    before = 0
    while before != chosen:
        before = chosen
        for course in sorted(bits(chosen & ~fixed), key=lambda c: (-weight[c], c)):
            rest = chosen & ~(1 << course)
            if _is_enough(cover, rest):
                chosen = rest
    return chosen


def _is_enough(cover: Cover, courses: int) -> bool:
    return (
        cover.added(courses) == cover.everything
        and cover.universe.is_closed(courses)
        and isinstance(arrange(cover, courses), Arrangement)
    )


def _greedy(cover: Cover, fixed: int) -> int:
    """Again and again the course that, with all it drags along, adds a skill most cheaply."""
    universe = cover.universe
    chosen = 0
    for course in bits(fixed):
        chosen |= universe.closure[course]
    missing = cover.everything & ~cover.added(chosen)
    closure_adds: dict[int, int] = {}
    while missing:
        best: tuple[int, int, int] | None = None
        for course in _providers(cover, missing):
            extra = universe.closure[course] & ~chosen
            if course not in closure_adds:
                closure_adds[course] = cover.added(universe.closure[course])
            gain = (closure_adds[course] & missing).bit_count()
            key = (universe.weigh(extra) // gain, -gain, course)
            best = key if best is None else min(best, key)
        if best is None:
            raise AssertionError("every item has a provider")
        chosen |= universe.closure[best[2]]
        missing = cover.everything & ~cover.added(chosen)
    return chosen


def _providers(cover: Cover, items: int) -> Iterable[int]:
    mask = 0
    for item in bits(items):
        mask |= cover.providers[item]
    return bits(mask)


class _Search:
    """Branch and bound over what still lacks a course: a skill, or a REQUIRES group."""

    def __init__(self, cover: Cover, fixed: int, effort: int) -> None:
        self.cover, self.fixed, self.effort = cover, fixed, effort
        self.best: int | None = None
        self.best_cost = 0
        self.lost = 0

    def accept(self, chosen: int) -> int:
        """Take a complete set if it can be put in order and is the cheapest so far.

        Returns:
            The items that come too early in it (bit mask); 0 where it can be ordered.
        """
        found = arrange(self.cover, chosen)
        if isinstance(found, DeadEnd):
            self.lost = self.lost or found.lost
            return found.lost
        chosen = prune(self.cover, chosen, self.fixed)
        cost = self.cover.universe.weigh(chosen)
        if self.best is None or cost < self.best_cost:
            self.best, self.best_cost = chosen, cost
        return 0

    def explore(self, chosen: int, forbidden: int, depth: int = 0) -> None:
        """Complete ``chosen`` in every way that could be cheaper than the best."""
        cost = self.cover.universe.weigh(chosen)
        if self._is_beaten(cost) or depth > MAX_DEPTH:
            return
        lacking = self._lacking(chosen)
        if lacking:
            options, rest = self._narrowest(lacking, chosen, forbidden)
            if self._is_beaten(cost + rest):
                return
        else:
            options = self._extra(self.accept(chosen), chosen)
        self._branch(options & ~forbidden, chosen, forbidden, depth + 1)

    def _branch(self, options: int, chosen: int, forbidden: int, depth: int) -> None:
        must = self.cover.universe.must
        for course in self._ranked(options, chosen):
            if self.effort <= 0:
                return
            if not must[course] & forbidden:
                self.explore(chosen | must[course], forbidden, depth)
            forbidden |= 1 << course

    def _is_beaten(self, cost: int) -> bool:
        return self.best is not None and cost >= self.best_cost

    def _lacking(self, chosen: int) -> list[int]:
        """What lacks a course, each as the bit mask of courses that would do."""
        cover = self.cover
        items = bits(cover.everything & ~cover.added(chosen))
        lacking = [cover.providers[item] for item in items]
        for course in bits(chosen):
            lacking.extend(g for g in cover.universe.groups[course] if not g & chosen)
        return lacking

    def _narrowest(self, lacking: list[int], chosen: int, forbidden: int) -> tuple[int, int]:
        """The lack with the fewest options, and a lower bound of what all lacks cost.

        The bound splits a course's cost evenly over the lacks it would fill.
        """
        fills: dict[int, int] = {}
        open_options = [mask & ~forbidden for mask in lacking]
        for mask in open_options:
            for course in bits(mask):
                fills[course] = fills.get(course, 0) + 1
                self.effort -= 1
        weight = self.cover.universe.weight
        share = {course: weight[course] // count for course, count in fills.items()}
        bound = sum(min((share[c] for c in bits(m)), default=0) for m in open_options)
        return min(open_options, key=lambda m: (m.bit_count(), m)), bound

    def _extra(self, lost: int, chosen: int) -> int:
        """Further providers of items that come too early in a complete set."""
        mask = 0
        for item in bits(lost):
            mask |= self.cover.providers[item]
        return mask & ~chosen

    def _ranked(self, options: int, chosen: int) -> list[int]:
        """Options, the most promising first."""
        cover = self.cover
        missing = cover.everything & ~cover.added(chosen)

        def key(course: int) -> tuple[int, int, int]:
            extra = cover.universe.closure[course] & ~chosen
            gain = max(1, (cover.adds[course] & missing).bit_count())
            return cover.universe.weigh(extra) // gain, -gain, course

        return sorted(bits(options), key=key)

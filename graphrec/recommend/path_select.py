"""Chooses the cheapest set of courses that adds the needed skills and meets all REQUIRES.

In comes a ``Cover``; out goes a set of courses (bit mask) that can be put in order and from
which no course can be taken away. The search is exact while its effort lasts (small targets)
and otherwise the better of a greedy choice and what the search found; both count work, not
time, so equal requests give equal plans on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from graphrec.recommend.path_arrange import Arrangement, Cover, DeadEnd, arrange
from graphrec.recommend.path_universe import bits

EFFORT: Final = 12_000
"""Options looked at before the exact search stops: some ten milliseconds."""
MAX_EXACT_ITEMS: Final = 150
"""Skills beyond which only the greedy choice is made (the search nests a call for each)."""
MAX_DEPTH: Final = 300
"""Choices nested within each other before a branch is given up."""


@dataclass(frozen=True)
class Selection:
    """Courses as a bit mask, with their cost."""

    courses: int
    cost: int


def select(
    cover: Cover, fixed: int = 0, effort: int = EFFORT, most: int | None = None
) -> Selection | DeadEnd:
    """The cheapest courses that add every item of ``cover``.

    Args:
        cover: Items, each with at least one provider.
        fixed: Bit mask of courses that must stand in the plan.
        effort: Options to look at before settling for the best found.
        most: Courses that there may be; None: any number. A dead end that has lost nothing
            then means that so few were not found to do.
    """
    search = _Search(cover, fixed, effort, most)
    search.accept(_greedy(cover, fixed, cover.universe.weight))
    if most is not None:
        search.accept(_greedy(cover, fixed, [1] * len(cover.adds)))
    if len(cover.skills) <= MAX_EXACT_ITEMS:
        start = 0
        for course in bits(fixed):
            start |= cover.universe.must[course]
        search.explore(_Partial().joined(cover, start), 0)
    if search.best is None:
        return DeadEnd(search.lost)
    return Selection(search.best, search.best_cost)


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


def _greedy(cover: Cover, fixed: int, weight: Sequence[int]) -> int:
    """Again and again the course that, with all it drags along, adds a skill most cheaply."""
    universe = cover.universe
    chosen = 0
    for course in bits(fixed):
        chosen |= universe.closure[course]
    taken = set(bits(chosen))
    candidates = set().union(*(bits(mask) for mask in cover.providers))
    drags = {course: tuple(bits(universe.closure[course])) for course in sorted(candidates)}
    gives = {course: cover.added(universe.closure[course]) for course in drags}
    missing = cover.everything & ~cover.added(chosen)
    while missing:
        best: tuple[int, int, int] | None = None
        for course, drag in drags.items():
            gain = (gives[course] & missing).bit_count()
            if gain:
                cost = sum([weight[c] for c in drag if c not in taken])
                key = (cost // gain, -gain, course)
                best = key if best is None or key < best else best
        if best is None:
            raise AssertionError("every item has a provider")
        chosen |= universe.closure[best[2]]
        taken.update(drags[best[2]])
        missing = cover.everything & ~cover.added(chosen)
    return chosen


@dataclass(frozen=True, slots=True)
class _Partial:
    """A set of courses not yet complete: its cost, the items it adds, the groups it leaves."""

    chosen: int = 0
    cost: int = 0
    added: int = 0
    open_groups: tuple[int, ...] = ()

    def joined(self, cover: Cover, courses: int) -> _Partial:
        """This set with ``courses`` (bit mask)."""
        universe = cover.universe
        chosen, cost, added = self.chosen | courses, self.cost, self.added
        groups = list(self.open_groups)
        for course in bits(courses & ~self.chosen):
            cost += universe.weight[course]
            added |= cover.adds[course]
            groups += universe.groups[course]
        return _Partial(chosen, cost, added, tuple(g for g in groups if not g & chosen))


class _Search:
    """Branch and bound over what still lacks a course: a skill, or a REQUIRES group."""

    def __init__(self, cover: Cover, fixed: int, effort: int, most: int | None) -> None:
        self.cover, self.fixed, self.effort, self.most = cover, fixed, effort, most
        self.best: int | None = None
        self.best_cost = 0
        self.best_shared = 0
        self.lost = 0
        self._useful = _undominated(cover)
        self._options: dict[int, tuple[int, ...]] = {}

    def accept(self, chosen: int) -> int:
        """Take a complete set if it can be put in order and is the cheapest so far.

        Returns:
            The items that come too early in it (bit mask); 0 where it can be ordered.
        """
        # Ordering costs about as much as looking at so many options.
        self.effort -= 20 * chosen.bit_count()
        found = arrange(self.cover, chosen)
        if isinstance(found, DeadEnd):
            self.effort -= 200
            self.lost = self.lost or found.lost
            return found.lost
        chosen = prune(self.cover, chosen, self.fixed)
        if self._is_too_many(chosen):
            return 0
        pruned = arrange(self.cover, chosen)
        shared = sum(map(len, pruned.mutual)) if isinstance(pruned, Arrangement) else 0
        self.effort -= 100 * shared
        cost = self.cover.universe.weigh(chosen)
        if self.best is None or (cost, shared) < (self.best_cost, self.best_shared):
            self.best, self.best_cost, self.best_shared = chosen, cost, shared
        return 0

    def explore(self, partial: _Partial, forbidden: int, depth: int = 0) -> None:
        """Complete a set in every way that could be cheaper than the best."""
        if self._is_beaten(partial.cost) or depth > MAX_DEPTH:
            return
        if self._is_too_many(partial.chosen):
            return
        items = self.cover.everything & ~partial.added
        if items or partial.open_groups:
            lacking = [self.cover.providers[item] & self._useful for item in bits(items)]
            options, rest = self._narrowest([*lacking, *partial.open_groups], forbidden)
            if self._is_beaten(partial.cost + rest):
                return
        else:
            lost = self.accept(partial.chosen)
            options = self._listed(self._extra(lost, partial.chosen), forbidden)
        for course in self._ranked(options, partial):
            if self.effort <= 0:
                return
            must = self.cover.universe.must[course]
            if not must & forbidden:
                self.explore(partial.joined(self.cover, must), forbidden, depth + 1)
            forbidden |= 1 << course

    def _is_too_many(self, courses: int) -> bool:
        return self.most is not None and courses.bit_count() > self.most

    def _is_beaten(self, cost: int) -> bool:
        """Whether nothing of this cost betters the best; equals do if they share no step."""
        if self.best is None:
            return False
        return cost > self.best_cost or (cost == self.best_cost and not self.best_shared)

    def _listed(self, mask: int, forbidden: int) -> Sequence[int]:
        """A bit mask of options as indices, less the forbidden ones."""
        if mask not in self._options:
            self._options[mask] = tuple(bits(mask))
        listed = self._options[mask]
        if mask & forbidden:
            return [course for course in listed if not forbidden >> course & 1]
        return listed

    def _narrowest(self, lacking: list[int], forbidden: int) -> tuple[Sequence[int], int]:
        """The lack with the fewest options, and a lower bound of what all lacks cost.

        The bound splits a course's cost evenly over the lacks it would fill.
        """
        fills: dict[int, int] = {}
        options = [self._listed(mask, forbidden) for mask in lacking]
        for listed in options:
            self.effort -= len(listed)
            for course in listed:
                fills[course] = fills.get(course, 0) + 1
        weight = self.cover.universe.weight
        share = {course: weight[course] // count for course, count in fills.items()}
        bound = sum([min([share[c] for c in listed]) for listed in options if listed])
        return min(options, key=len), bound

    def _extra(self, lost: int, chosen: int) -> int:
        """Further providers of items that come too early in a complete set."""
        mask = 0
        for item in bits(lost):
            mask |= self.cover.providers[item]
        return mask & ~chosen

    def _ranked(self, options: Sequence[int], partial: _Partial) -> list[int]:
        """Options, the most promising first."""
        cover = self.cover

        def key(course: int) -> tuple[int, int, int]:
            extra = cover.universe.closure[course] & ~partial.chosen
            gain = max(1, (cover.adds[course] & ~partial.added).bit_count())
            return cover.universe.weigh(extra) // gain, -gain, course

        return sorted(options, key=key)


def _undominated(cover: Cover) -> int:
    """Courses (bit mask) but those that another replaces at no higher cost.

    Only courses apart from all REQUIRES are compared: there, adding as much for as little is
    all that counts.
    """
    universe = cover.universe
    options = 0
    for groups in universe.groups:
        for group in groups:
            options |= group
    apart = [
        course
        for course, adds in enumerate(cover.adds)
        if adds and not universe.groups[course] and not options >> course & 1
    ]
    apart.sort(key=lambda c: (universe.weight[c], -cover.adds[c].bit_count(), c))
    kept: list[int] = []
    dominated = 0
    for course in apart:
        adds = cover.adds[course]
        if any(adds & ~other == 0 for other in kept):
            dominated |= 1 << course
        else:
            kept.append(adds)
    return (1 << len(universe.ids)) - 1 & ~dominated

"""Puts a chosen set of courses in order, or says why it cannot be put in one.

In come courses and the skills they must add (bit masks); out go steps in which REQUIRES lies
in earlier steps and prerequisite skills in earlier steps, or, where courses need each other's
skills both ways, in the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from graphrec.recommend.path_universe import Universe, bits

MAX_TRIES: Final = 32
"""Ways tried out of a dead end (a course whose skill comes too early) before giving up."""

Defer = Callable[[Sequence[int]], Sequence[int]]
"""Of courses that could stand in one step, those that should (never none)."""


@dataclass(frozen=True)
class Cover:
    """The skills a plan must add, and which takeable course adds which.

    Attributes:
        universe: The takeable courses.
        skills: Item -> skill id.
        adds: Course index -> bit mask of items it teaches at a sufficient level.
        needs: Item -> bit mask of items that come before it (or with it).
        providers: Item -> bit mask of courses that add it.
    """

    universe: Universe
    skills: tuple[str, ...]
    adds: tuple[int, ...]
    needs: tuple[int, ...]
    providers: tuple[int, ...]

    @property
    def everything(self) -> int:
        """Bit mask of all items."""
        return (1 << len(self.skills)) - 1

    def added(self, courses: int) -> int:
        """Items that a set of courses teaches, order aside."""
        mask = 0
        for course in bits(courses):
            mask |= self.adds[course]
        return mask


@dataclass(frozen=True)
class Arrangement:
    """Steps of course indices; ``mutual`` are sets that share a step for each other's sake."""

    steps: tuple[tuple[int, ...], ...] = ()
    mutual: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class DeadEnd:
    """No order exists; ``lost`` are the items (bit mask) that come too early in any."""

    lost: int


@dataclass(frozen=True)
class _Run:
    """A partial order: what is placed, what is held, what courses are let off teaching."""

    remaining: tuple[int, ...]
    done: int = 0
    got: int = 0
    so_far: Arrangement = Arrangement()
    waived: Mapping[int, int] = field(default_factory=dict)
    ahead: tuple[int, ...] = ()

    def ready(self, cover: Cover) -> list[int]:
        """Courses whose REQUIRES are done, and whatever else has to come before them."""
        groups, ahead = cover.universe.groups, self.ahead
        ready = [c for c in self.remaining if all(g & self.done for g in groups[c])]
        if not ahead:
            return ready
        waiting = sum(1 << course for course in self.remaining)
        return [course for course in ready if not ahead[course] & waiting]


def arrange(cover: Cover, chosen: int, defer: Defer | None = None) -> Arrangement | DeadEnd:
    """Order the courses ``chosen`` (bit mask) so that all items of ``cover`` are gained.

    A course waits until all it adds can be gained properly; where all wait for each other,
    the smallest sets that satisfy each other share a step; where REQUIRES forbids that, a
    course is let off a skill that a later one adds as well. The order of business rules
    (``Universe.ahead``) is kept where prerequisites allow one that keeps it.
    """
    begin = _Run(tuple(bits(chosen)), ahead=cover.universe.ahead)
    found = _run(cover, begin, defer, [MAX_TRIES])
    if begin.ahead and isinstance(found, DeadEnd):
        return _run(cover, replace(begin, ahead=()), defer, [MAX_TRIES])
    return found


def _run(cover: Cover, run: _Run, defer: Defer | None, tries: list[int]) -> Arrangement | DeadEnd:
    while run.remaining:
        ready = run.ready(cover)
        clean = [c for c in ready if not _early(cover, run, c, run.got | _gain(cover, run, c))]
        mutual: list[tuple[int, ...]] = []
        if clean:
            step = list(defer(clean)) if defer else clean
        else:
            mutual = _mutual(cover, run, ready)
            step = [course for group in mutual for course in group]
        if not step:
            return _way_out(cover, run, ready, defer, tries)
        run = _placed(cover, run, sorted(step), mutual)
    lost = cover.everything & ~run.got
    return DeadEnd(lost) if lost else run.so_far


def _gain(cover: Cover, run: _Run, course: int) -> int:
    """Items a course would add now."""
    return cover.adds[course] & ~run.waived.get(course, 0) & ~run.got


def _early(cover: Cover, run: _Run, course: int, held: int) -> int:
    """Of the items a course would add, those whose prerequisites are not all in ``held``."""
    early, needs, gain = 0, cover.needs, _gain(cover, run, course)
    while gain:
        low = gain & -gain
        gain ^= low
        if needs[low.bit_length() - 1] & ~held:
            early |= low
    return early


def _placed(cover: Cover, run: _Run, step: list[int], mutual: list[tuple[int, ...]]) -> _Run:
    got, done = run.got, run.done
    for course in step:
        got |= _gain(cover, run, course)
        done |= 1 << course
    return replace(
        run,
        remaining=tuple(c for c in run.remaining if c not in step),
        done=done,
        got=got,
        so_far=Arrangement(
            (*run.so_far.steps, tuple(step)), (*run.so_far.mutual, *(sorted(mutual)))
        ),
    )


def _mutual(cover: Cover, run: _Run, ready: Sequence[int]) -> list[tuple[int, ...]]:
    """Sets of ready courses, as small as can be, whose skills satisfy each other."""
    found = []
    rest = _satisfied(cover, run, ready)
    while rest:
        group = rest
        for course in rest:
            smaller = _satisfied(cover, run, [c for c in group if c != course])
            group = smaller or group
        found.append(tuple(group))
        rest = _satisfied(cover, run, [course for course in rest if course not in group])
    return found


def _satisfied(cover: Cover, run: _Run, courses: Sequence[int]) -> list[int]:
    """The largest set among ``courses`` that can be taken together without a skill too early."""
    together = list(courses)
    while True:
        held = run.got
        for course in together:
            held |= _gain(cover, run, course)
        kept = [course for course in together if not _early(cover, run, course, held)]
        if len(kept) == len(together):
            return kept
        together = kept


def _way_out(
    cover: Cover, run: _Run, ready: list[int], defer: Defer | None, tries: list[int]
) -> Arrangement | DeadEnd:
    """Let one ready course off one skill that another remaining course can still add."""
    culprits = 0
    for course in ready:
        for item in bits(_early(cover, run, course, run.got | _gain(cover, run, course))):
            culprits |= 1 << item
            others = any(
                cover.adds[o] >> item & 1 and not run.waived.get(o, 0) >> item & 1
                for o in run.remaining
                if o != course
            )
            if not others or tries[0] <= 0:
                continue
            tries[0] -= 1
            waived = {**run.waived, course: run.waived.get(course, 0) | 1 << item}
            found = _run(cover, replace(run, waived=waived), defer, tries)
            if isinstance(found, Arrangement):
                return found
    return DeadEnd(culprits)

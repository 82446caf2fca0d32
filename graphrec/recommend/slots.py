"""Where a list explores: some of its places go to courses that too few learners took."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Slots:
    """One learner's list with exploration.

    Attributes:
        items: Dense rows, best first.
        places: Where each stood among the best; of an explored one, the place it took, so
            that ``scores[places]`` still fall.
        explored: Positions of what is explored in ``items``, ascending.
    """

    items: list[int]
    places: list[int]
    explored: list[int]


def num_slots(k: int, share: float) -> int:
    """Places of the first ``k`` that explore.

    >>> [num_slots(k, 0.1) for k in (5, 9, 10, 19, 20)], num_slots(10, 0.3), num_slots(5, 0.0)
    ([0, 0, 1, 1, 2], 3, 0)
    """
    return int(k * share + 1e-9)  # .3 is a little less than three tenths


def explore(best: Sequence[int], fresh: Sequence[int], is_fresh: Set[int], share: float) -> Slots:
    """Give a share of a list's places to ``fresh`` courses.

    The last place of every ``1 / share`` explores, where it costs least and where a
    shorter list is the beginning of a longer one. A fresh course that is among the best
    anyhow counts towards the share, so that no better one has to go for another.

    Args:
        best: Dense rows, best first.
        fresh: Courses to explore, best first; -1: there are no more.
        is_fresh: All courses that count as explored.
        share: Of the places, 0 .. 1.
    """
    found = Slots([], [], [])
    given: set[int] = set()
    place = num_fresh = 0
    waiting = iter(fresh)
    while len(found.items) < len(best):
        item = -1
        is_slot = num_fresh < num_slots(len(found.items) + 1, share)
        if is_slot:
            item = next((one for one in waiting if one >= 0 and one not in given), -1)
        if item >= 0:
            found.explored.append(len(found.items))
            found.places.append(place)
        else:
            while best[place] in given:
                place += 1
            item = best[place]
            found.places.append(place)
            place += 1
        num_fresh += item in is_fresh
        given.add(item)
        found.items.append(item)
    return found

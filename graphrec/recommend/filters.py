"""What may be recommended: hard rules before any score is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Set

import numpy as np

from graphrec.ids import IdMap
from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.recommend.schemas import CourseFilters


class Eligibility:
    """Masks over the dense items of one catalogue.

    Args:
        catalogue: Courses with their prerequisites.
        items: Dense rows; an item that the catalogue no longer has is never eligible.
    """

    def __init__(self, catalogue: Catalogue, items: IdMap) -> None:
        self._catalogue = catalogue
        self._items = items
        self.visible = np.array(
            [i in catalogue.courses and not catalogue.courses[i].hidden for i in items], bool
        )
        self._gated = [
            (row, item)
            for row, item in enumerate(items)
            if self.visible[row] and catalogue.required_groups(item)
        ]

    def allowed(
        self,
        *,
        taken: Set[str],
        completed: Set[str],
        exclude: Iterable[str] = (),
        filters: CourseFilters | None = None,
    ) -> np.ndarray:
        """What one learner may be given, bool [num_items].

        Args:
            taken: Courses completed or being taken.
            completed: Courses that satisfy prerequisites.
            exclude: Course ids ruled out by the request.
            filters: What the course itself must satisfy.
        """
        mask = self.visible.copy()
        for row, item in self._gated:
            if not self._catalogue.is_eligible(item, completed):
                mask[row] = False
        barred = self._items.indices((*taken, *exclude))
        mask[barred[barred >= 0]] = False
        if filters is not None and not filters.is_empty:
            open_rows = np.flatnonzero(mask)
            courses = (self._catalogue.courses[item] for item in self._items.ids(open_rows))
            mask[open_rows] = [matches(course, filters) for course in courses]
        return mask


def matches(course: Course, filters: CourseFilters) -> bool:
    """Whether a course satisfies the filters; what it does not say satisfies none of them."""
    return (
        _is_one_of(course.level, filters.level)
        and _is_one_of(course.language, filters.language)
        and _is_one_of(course.provider, filters.provider)
        and _is_between(course.hours, filters.min_hours, filters.max_hours)
    )


def _is_one_of(value: str | None, wanted: list[str]) -> bool:
    return not wanted or (
        value is not None and value.casefold() in {one.casefold() for one in wanted}
    )


def _is_between(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)

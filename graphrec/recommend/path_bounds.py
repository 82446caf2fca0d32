"""From a request to what it allows: the learner's state with it, the rules, the budget.

In come a request, the catalogue and the state of the learner's history; out go ``Rules`` and a
``Budget``, and a warning for everything in the request that could not be applied.
"""

from __future__ import annotations

import math
from collections.abc import Set
from datetime import datetime, timedelta

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import (
    FROM_COMPLETION,
    LearnerState,
    with_completed,
    with_mastered,
    with_waived,
)
from graphrec.recommend.path_budget import Budget
from graphrec.recommend.path_goals import known
from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import PathRequest


def state_with(
    request: PathRequest, catalogue: Catalogue, state: LearnerState, warnings: list[str]
) -> LearnerState:
    """The state with what the request says of the learner; unknown ids become warnings.

    What is waived is done, yet gives no skill.
    """
    warnings.extend(state.warnings)
    found = {}
    for field in ("completed", "exclude", "waive", "pin"):
        found[field], unknown = known(getattr(request, field), catalogue.courses.keys())
        warnings.extend(f"{field}: there is no course '{c}'; ignored." for c in unknown)
    mastered, unknown = known(request.mastered, catalogue.skills.keys())
    warnings.extend(f"mastered: there is no skill '{s}'; ignored." for s in unknown)
    state = with_completed(state, found["completed"], catalogue, FROM_COMPLETION)
    state = with_waived(state, found["waive"])
    return with_mastered(state, dict.fromkeys(mastered))


def rules_of(
    request: PathRequest,
    catalogue: Catalogue,
    state: LearnerState,
    completed: Set[str],
    warnings: list[str],
) -> Rules:
    """What may be planned; a filter on something that no course names is not applied.

    Args:
        request: With its filters.
        catalogue: All courses.
        state: With what the request says.
        completed: Courses completed in earnest, waived ones not among them.
        warnings: Grows by what is not applied.
    """
    courses = catalogue.courses.values()
    asked = {
        "language": frozenset([request.language.casefold()] if request.language else []),
        "provider": frozenset(one.casefold() for one in request.providers),
        "level": frozenset(one.casefold() for one in request.levels),
    }
    for column, field in (("language", "language"), ("provider", "providers"), ("level", "levels")):
        if asked[column] and not any(getattr(course, column) for course in courses):
            warnings.append(f"{field}: no course names its {column}; not applied.")
            asked[column] = frozenset()
    return Rules(
        catalogue,
        state,
        frozenset(request.exclude),
        next(iter(asked["language"]), None),
        providers=asked["provider"],
        levels=asked["level"],
        waived=frozenset(request.waive) - completed,
        pinned=frozenset(request.pin),
    )


def budget_of(
    request: PathRequest, catalogue: Catalogue, start: datetime, warnings: list[str]
) -> Budget | None:
    """The tightest of the bounds on hours, and that on courses; None where there is none."""
    bounds = []
    if request.max_total_hours is not None:
        bounds.append(Budget(request.max_total_hours, "max_total_hours"))
    if request.deadline is not None:
        weeks = max(0.0, (request.deadline - start) / timedelta(weeks=1))
        if request.hours_per_week is not None:
            hours = weeks * request.hours_per_week
            bounds.append(Budget(hours, f"hours_per_week until the deadline {request.deadline:%F}"))
        elif not weeks:
            bounds.append(Budget(0.0, f"the deadline {request.deadline:%F}, which is past"))
        else:
            warnings.append("deadline: not applied, since hours_per_week is missing.")
    if bounds and catalogue.median_hours is None:
        warnings.append("No course has hours: max_total_hours and deadline are not applied.")
        bounds = []
    tightest = min(bounds, key=lambda bound: bound.hours, default=Budget(math.inf))
    if not bounds and request.max_courses is None:
        return None
    return Budget(tightest.hours, tightest.bound, request.max_courses)

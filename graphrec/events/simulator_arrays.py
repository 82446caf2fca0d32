"""Stage 1, EVENTS: rows of catalogue tables as padded arrays, for the learner simulator.

Unknown ids are passed over: importing reports them, simulating need not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from graphrec.events.simulator_config import SimulatorConfig
from graphrec.ids import IdMap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rows = list[dict[str, Any]]

LEVELS: Final = {"beginner": 1.0, "intermediate": 2.0, "advanced": 3.0, "expert": 4.0}
UNKNOWN_LEVEL: Final = 2.0
UNKNOWN_HOURS: Final = 12.0
OPTIONAL_NEED: Final = 0.6
"""Worth of a skill that a role only wishes for, against one it insists on."""
INHERITED: Final = 0.85
"""Worth of a prerequisite against the course it leads to."""
ROLE_EXPONENT: Final = -0.3
"""Zipf exponent of how often roles are aimed at: some are fashionable, none is rare."""
RETIRED_AFTER: Final = 0.3
"""Share of the window in which courses that are hidden today could still be taken."""


def level_number(text: str | None) -> float:
    """A course level as 1..4, by its name or number; the middle where it is unknown."""
    if text is None:
        return UNKNOWN_LEVEL
    try:
        return LEVELS.get(text.lower()) or min(max(float(text), 1.0), 4.0)
    except ValueError:
        return UNKNOWN_LEVEL


def codes(values: Iterable[Hashable]) -> tuple[list[Hashable], Ints]:
    """Distinct values in order of appearance, and int [n], each value's position among them."""
    positions: dict[Hashable, int] = {}
    positions_of = [positions.setdefault(value, len(positions)) for value in values]
    return list(positions), np.array(positions_of, dtype=np.int64)


def padded(lists: Sequence[Sequence[int]], fill: int) -> Ints:
    """Int [n, longest], at least one column wide: lists of unequal length, filled up."""
    width = max((len(row) for row in lists), default=0) or 1
    out = np.full((len(lists), width), fill, dtype=np.int64)
    for row, values in enumerate(lists):
        out[row, : len(values)] = values
    return out


def taught_skills(rows: Rows, courses: IdMap, skills: IdMap) -> tuple[Ints, Floats]:
    """Int and float [C, T]: skills each course teaches (padded with S) and their levels (0)."""
    by_course: list[list[int]] = [[] for _ in range(len(courses))]
    levels: dict[tuple[int, int], float] = {}
    for row in rows:
        course, skill = courses.index(row["course_id"]), skills.index(row["skill_id"])
        if course is None or skill is None:
            continue
        by_course[course].append(skill)
        levels[course, skill] = row["level"] or 1.0
    taught = padded(by_course, len(skills))
    level = np.array([[levels.get((c, int(s)), 0.0) for s in row] for c, row in enumerate(taught)])
    return taught, level


def skills_leaned_on(taught: Ints, rows: Rows, skills: IdMap) -> Ints:
    """Int [C, L]: prerequisites of the taught skills that the course does not teach (or S)."""
    before: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        skill, required = skills.index(row["skill_id"]), skills.index(row["requires_skill_id"])
        if skill is not None and required is not None:
            before[skill].add(required)
    needed = [set().union(*(before[int(s)] for s in row)) - set(row.tolist()) for row in taught]
    return padded([sorted(n) for n in needed], len(skills))


def requirement_groups(rows: Rows, courses: IdMap) -> tuple[Ints, Ints, Bools]:
    """``World.alternatives``, ``World.requirements`` and ``World.follows``."""
    groups: dict[tuple[int, str], list[int]] = {}
    follows = np.zeros((len(courses) + 1, len(courses)), dtype=np.bool_)
    for row in rows:
        course = courses.index(row["course_id"])
        required = courses.index(row["requires_course_id"])
        if course is None or required is None:
            continue
        name = f"any {row['any_of']}" if row["any_of"] else f"all {required}"
        groups.setdefault((course, name), []).append(required)
        follows[required, course] = True
    of_course: list[list[int]] = [[] for _ in range(len(courses))]
    for number, (course, _) in enumerate(groups):
        of_course[course].append(number)
    return padded(list(groups.values()), len(courses)), padded(of_course, len(groups)), follows


def direct_relevance(
    taught: Ints, taught_level: Floats, needs: Rows, roles: IdMap, skills: IdMap
) -> Floats:
    """Float [R + 1, C]: how much of what a role needs a course teaches, 1 for its best course."""
    level = np.zeros((len(roles) + 1, len(skills) + 1))
    worth = np.zeros_like(level)
    for row in needs:
        role, skill = roles.index(row["role_id"]), skills.index(row["skill_id"])
        if role is None or skill is None:
            continue
        level[role, skill] = row["level"] or 1.0
        worth[role, skill] = OPTIONAL_NEED if row["essential"] is False else 1.0
    useful = np.minimum(taught_level, level[:, taught]) * worth[:, taught]  # [R + 1, C, T]
    value: Floats = useful.sum(axis=2)
    best = value.max(axis=1, keepdims=True)
    share: Floats = value / np.where(best > 0, best, 1.0)
    return share


def inherited_relevance(direct: Floats, follows: Bools) -> Floats:
    """Float [R + 1, C]: a course is worth at least most of what it is a prerequisite of."""
    relevance = direct.copy()
    required, course = np.nonzero(follows)
    for _ in range(len(follows)):
        before = relevance.copy()
        np.maximum.at(relevance.T, required, INHERITED * before.T[course])
        if np.array_equal(before, relevance):  # cycles end too: each round loses a share
            break
    return relevance


def draw_appeal(
    rng: np.random.Generator, difficulty: Floats, num_roles: int, config: SimulatorConfig
) -> tuple[Floats, Floats, Floats]:
    """Float [C] log popularity, [C] quality, and [R + 1] cumulative odds of target roles."""
    num_courses = len(difficulty)
    luck = rng.gumbel(size=num_courses) - 0.4 * difficulty  # easier courses find more takers
    rank = np.empty(num_courses)
    rank[np.argsort(-luck, kind="stable")] = np.arange(1, num_courses + 1)
    appeal: Floats = -config.popularity_exponent * np.log(rank)
    quality = rng.standard_normal(num_courses)
    odds = np.arange(1.0, num_roles + 1.0) ** ROLE_EXPONENT
    odds = np.append(rng.permutation(odds), 0.0) if num_roles else np.ones(1)
    return appeal, quality, np.cumsum(odds / odds.sum())


def availability(courses: Rows, config: SimulatorConfig) -> tuple[Ints, Ints]:
    """Int [C] twice: epoch ms at which courses open, and at which they can be taken no more."""
    opens = np.array([c["published_at"] or 0 for c in courses], dtype=np.int64)
    retired = config.start_at + int(RETIRED_AFTER * (config.end_at - config.start_at))
    closes = [retired if c["hidden"] else config.end_at for c in courses]
    return opens, np.array(closes, dtype=np.int64)


def has_english_twin(taught: Ints, languages: list[str], num_skills: int) -> Bools:
    """Bool [C]: some English course teaches one of the same skills."""
    english = np.zeros(num_skills + 1, dtype=np.bool_)
    english[taught[np.array([x == "en" for x in languages])].ravel()] = True
    english[num_skills] = False
    return np.asarray(english[taught].any(axis=1))

"""Stage 1, EVENTS: a catalogue as arrays, the way the learner simulator looks at it.

In come native tables, out comes a ``World``: what courses teach and require, how relevant
each is to each role (prerequisites inherit relevance from what they lead to), and the
seeded appeal of every course.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphrec.errors import InputError
from graphrec.events.simulator_config import SimulatorConfig
from graphrec.ids import IdMap

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEVELS: Final = {"beginner": 1.0, "intermediate": 2.0, "advanced": 3.0, "expert": 4.0}
UNKNOWN_LEVEL: Final = 2.0
UNKNOWN_HOURS: Final = 12.0
OPTIONAL_NEED: Final = 0.6
"""Worth of a skill that a role only wishes for, against one it insists on."""
INHERITED: Final = 0.85
"""Worth of a prerequisite against the course it leads to."""
RETIRED_AFTER: Final = 0.3
"""Share of the window in which courses that are hidden today could still be taken."""


@dataclass(frozen=True)
class World:
    """C courses, S skills, R roles, P providers as arrays; ids by position.

    Index S stands for "no skill", C for "no course", R for "no role" wherever rows are padded.

    Attributes:
        taught: int [C, T], skills a course teaches, padded with S.
        taught_level: float [C, T], to which level, 1..5, padded with 0.
        leans_on: int [C, L], skills those build upon and the course does not teach itself.
        alternatives: int [G, A], courses of which one fulfils requirement g, padded with C.
        requirements: int [C, Q], requirements of a course, padded with G (always fulfilled).
        follows: bool [C + 1, C], row: a course; true where it is a prerequisite of the column.
        relevance: float [R + 1, C], 0..1, what a course is worth on the way to a role.
        entry: bool [R + 1, C], beginner courses that teach what the role needs.
        difficulty: float [C], 1..4. hours: float [C]. appeal: float [C], log popularity.
        quality: float [C], standard normal. role_odds: float [R + 1], cumulative.
        opens_at, closes_at: int [C], epoch ms between which the course can be taken.
        provider, language: int [C]. has_english: bool [C], an English course teaches the like.
    """

    course_ids: list[str]
    skill_ids: list[str]
    role_ids: list[str]
    languages: list[str]
    num_providers: int
    taught: Ints
    taught_level: Floats
    leans_on: Ints
    alternatives: Ints
    requirements: Ints
    follows: Bools
    relevance: Floats
    entry: Bools
    difficulty: Floats
    hours: Floats
    appeal: Floats
    quality: Floats
    role_odds: Floats
    opens_at: Ints
    closes_at: Ints
    provider: Ints
    language: Ints
    has_english: Bools


Rows = list[dict[str, Any]]


def build_world(catalogue: Mapping[str, pa.Table], config: SimulatorConfig) -> World:
    """Turn the native tables of a catalogue into arrays.

    Args:
        catalogue: Native tables by name; all but ``courses`` may be missing.
        config: Gives the seed, the window and the popularity exponent.

    Returns:
        The world in which learners of this config live.

    Raises:
        InputError: There is no course, or none is published before the window ends.
    """
    rows: defaultdict[str, Rows] = defaultdict(list)
    rows.update({name: table.to_pylist() for name, table in catalogue.items()})
    courses = rows["courses"]
    _check(courses, config)
    course_map = IdMap(c["course_id"] for c in courses)
    skill_map = IdMap(s["skill_id"] for s in rows["skills"])
    role_map = IdMap(r["role_id"] for r in rows["roles"])
    taught, taught_level = _taught(rows["teaches"], course_map, skill_map)
    alternatives, requirements, follows = _requirements(rows["requires"], course_map)
    difficulty = np.array([_level(c["level"]) for c in courses])
    direct = _direct_relevance(taught, taught_level, rows["needs"], role_map, skill_map)
    rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(0,)))
    appeal, quality, role_odds = _appeal(rng, difficulty, len(role_map), config)
    opens_at, closes_at = _availability(courses, config)
    languages, language = _codes(c["language"] or "en" for c in courses)
    providers, provider = _codes(c["provider"] for c in courses)
    return World(
        course_ids=list(course_map),
        skill_ids=list(skill_map),
        role_ids=list(role_map),
        languages=[str(x) for x in languages],
        num_providers=len(providers),
        taught=taught,
        taught_level=taught_level,
        leans_on=_leans_on(taught, rows["skill_prerequisites"], skill_map),
        alternatives=alternatives,
        requirements=requirements,
        follows=follows,
        relevance=_inherited_relevance(direct, follows[:-1]),
        entry=(direct > 0) & (difficulty <= 1),
        difficulty=difficulty,
        hours=np.array([c["hours"] or UNKNOWN_HOURS for c in courses], dtype=np.float64),
        appeal=appeal,
        quality=quality,
        role_odds=role_odds,
        opens_at=opens_at,
        closes_at=closes_at,
        provider=provider,
        language=language,
        has_english=_has_english(taught, [c["language"] or "en" for c in courses], len(skill_map)),
    )


def _check(courses: Rows, config: SimulatorConfig) -> None:
    if not courses:
        raise InputError(
            "the catalogue has no course.",
            where="courses",
            remedy="Give a catalogue in the native layout with at least one course.",
        )
    if all((c["published_at"] or 0) >= config.end_at for c in courses):
        raise InputError(
            "no course is published before the window ends.",
            where="end_at",
            remedy="Choose a later end_at, or courses with an earlier published_at.",
        )


def _level(text: str | None) -> float:
    if text is None:
        return UNKNOWN_LEVEL
    try:
        return LEVELS.get(text.lower()) or min(max(float(text), 1.0), 4.0)
    except ValueError:
        return UNKNOWN_LEVEL


def _codes(values: Iterable[Hashable]) -> tuple[list[Hashable], Ints]:
    positions: dict[Hashable, int] = {}
    codes = [positions.setdefault(value, len(positions)) for value in values]
    return list(positions), np.array(codes, dtype=np.int64)


def _padded(lists: Sequence[Sequence[int]], fill: int) -> Ints:
    width = max((len(row) for row in lists), default=0) or 1
    out = np.full((len(lists), width), fill, dtype=np.int64)
    for row, values in enumerate(lists):
        out[row, : len(values)] = values
    return out


def _taught(rows: Rows, courses: IdMap, skills: IdMap) -> tuple[Ints, Floats]:
    by_course: list[list[int]] = [[] for _ in range(len(courses))]
    levels: dict[tuple[int, int], float] = {}
    for row in rows:
        course, skill = courses.index(row["course_id"]), skills.index(row["skill_id"])
        if course is None or skill is None:
            continue
        by_course[course].append(skill)
        levels[course, skill] = row["level"] or 1.0
    taught = _padded(by_course, len(skills))
    level = np.array([[levels.get((c, int(s)), 0.0) for s in row] for c, row in enumerate(taught)])
    return taught, level


def _leans_on(taught: Ints, rows: Rows, skills: IdMap) -> Ints:
    before: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        skill, required = skills.index(row["skill_id"]), skills.index(row["requires_skill_id"])
        if skill is not None and required is not None:
            before[skill].add(required)
    needed = [set().union(*(before[int(s)] for s in row)) - set(row.tolist()) for row in taught]
    return _padded([sorted(n) for n in needed], len(skills))


def _requirements(rows: Rows, courses: IdMap) -> tuple[Ints, Ints, Bools]:
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
    return _padded(list(groups.values()), len(courses)), _padded(of_course, len(groups)), follows


def _direct_relevance(
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
    return np.divide(value, best, out=np.zeros_like(value), where=best > 0)


def _inherited_relevance(direct: Floats, follows: Bools) -> Floats:
    """Float [R + 1, C]: a course is worth at least most of what it is a prerequisite of."""
    relevance = direct.copy()
    required, course = np.nonzero(follows)
    for _ in range(len(follows)):
        before = relevance.copy()
        np.maximum.at(relevance.T, required, INHERITED * before.T[course])
        if np.array_equal(before, relevance):  # cycles end too: each round loses a share
            break
    return relevance


def _appeal(
    rng: np.random.Generator, difficulty: Floats, num_roles: int, config: SimulatorConfig
) -> tuple[Floats, Floats, Floats]:
    num_courses = len(difficulty)
    luck = rng.gumbel(size=num_courses) - 0.7 * difficulty  # easier courses find more takers
    rank = np.empty(num_courses)
    rank[np.argsort(-luck, kind="stable")] = np.arange(1, num_courses + 1)
    appeal: Floats = -config.popularity_exponent * np.log(rank)
    quality = rng.standard_normal(num_courses)
    odds = np.arange(1.0, num_roles + 1.0) ** -0.5
    odds = np.append(rng.permutation(odds), 0.0) if num_roles else np.ones(1)
    return appeal, quality, np.cumsum(odds / odds.sum())


def _availability(courses: Rows, config: SimulatorConfig) -> tuple[Ints, Ints]:
    opens = np.array([c["published_at"] or 0 for c in courses], dtype=np.int64)
    retired = config.start_at + int(RETIRED_AFTER * (config.end_at - config.start_at))
    closes = [retired if c["hidden"] else config.end_at for c in courses]
    return opens, np.array(closes, dtype=np.int64)


def _has_english(taught: Ints, languages: list[str], num_skills: int) -> Bools:
    english = np.zeros(num_skills + 1, dtype=np.bool_)
    english[taught[np.array([x == "en" for x in languages])].ravel()] = True
    english[num_skills] = False
    found: Bools = english[taught].any(axis=1)
    return found

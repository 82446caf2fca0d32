"""Stage 1, EVENTS: a catalogue as arrays, the way the learner simulator looks at it.

In come native tables, out comes a ``World``: what courses teach and require, how relevant
each is to each role (prerequisites inherit relevance from what they lead to), and the
seeded appeal of every course.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphrec.errors import InputError
from graphrec.events.simulator_arrays import (
    UNKNOWN_HOURS,
    Bools,
    Floats,
    Ints,
    Rows,
    availability,
    codes,
    direct_relevance,
    draw_appeal,
    has_english_twin,
    inherited_relevance,
    level_number,
    requirement_groups,
    skills_leaned_on,
    taught_skills,
)
from graphrec.events.simulator_config import SimulatorConfig
from graphrec.ids import IdMap


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
    taught, taught_level = taught_skills(rows["teaches"], course_map, skill_map)
    alternatives, requirements, follows = requirement_groups(rows["requires"], course_map)
    difficulty = np.array([level_number(c["level"]) for c in courses])
    direct = direct_relevance(taught, taught_level, rows["needs"], role_map, skill_map)
    rng = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(0,)))
    appeal, quality, role_odds = draw_appeal(rng, difficulty, len(role_map), config)
    opens_at, closes_at = availability(courses, config)
    languages, language = codes(c["language"] or "en" for c in courses)
    providers, provider = codes(c["provider"] for c in courses)
    return World(
        course_ids=list(course_map),
        skill_ids=list(skill_map),
        role_ids=list(role_map),
        languages=[str(x) for x in languages],
        num_providers=len(providers),
        taught=taught,
        taught_level=taught_level,
        leans_on=skills_leaned_on(taught, rows["skill_prerequisites"], skill_map),
        alternatives=alternatives,
        requirements=requirements,
        follows=follows,
        relevance=inherited_relevance(direct, follows[:-1]),
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
        has_english=has_english_twin(
            taught, [c["language"] or "en" for c in courses], len(skill_map)
        ),
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

"""Made catalogues and learners for the path benchmarks, of any size, by a seed.

Areas of forty skills in tiers: a skill builds on one or two of the tier below, now and then on
another area's. A course teaches one to four skills of an area that lie near each other, the
first areas have far more courses than the last, half of the courses REQUIRE others of a lower
tier (half of these with alternatives), and roles ask 6 to 25 skills of up to four areas, at
levels. Learners have a history that REQUIRES allows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import ANONYMOUS, FROM_COMPLETION, LearnerState, with_completed
from graphrec.schema import TABLES

AREA: Final = 40
TIERS: Final = 6


@dataclass(frozen=True)
class Spot:
    """Where a skill or course stands: its area and tier."""

    area: int
    tier: int


@dataclass(frozen=True)
class MadeWorld:
    """A catalogue with the areas of its courses and roles."""

    catalogue: Catalogue
    course_spots: dict[str, Spot]
    role_areas: dict[str, tuple[int, ...]]


def made_world(num_courses: int, num_skills: int, seed: int) -> MadeWorld:
    """A catalogue of this size; equal arguments, equal catalogue."""
    rng = random.Random(seed)
    spots = {
        f"s{n:05}": Spot(n // AREA, min(TIERS - 1, n % AREA * TIERS // AREA))
        for n in range(num_skills)
    }
    by_spot: dict[Spot, list[str]] = {}
    for skill, spot in spots.items():
        by_spot.setdefault(spot, []).append(skill)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    rows["skills"] = [{"skill_id": s, "name": f"Skill {s[1:]}"} for s in spots]
    for skill, spot in spots.items():
        for before in _before(rng, spot, by_spot):
            row = {"skill_id": skill, "requires_skill_id": before}
            rows["skill_prerequisites"].append(row)
    course_spots = _courses(rng, num_courses, spots, rows)
    areas = _roles(rng, max(3, num_courses // 25), spots, rows)
    tables = {
        name: pa.Table.from_pylist(found, schema=TABLES[name].schema)
        for name, found in rows.items()
        if found
    }
    return MadeWorld(Catalogue.from_tables(tables), course_spots, areas)


def _before(rng: random.Random, spot: Spot, by_spot: dict[Spot, list[str]]) -> list[str]:
    """Prerequisites of a skill: of the tier below, one in ten of another area."""
    if not spot.tier:
        return []
    found = set()
    for _ in range(rng.choice((0, 1, 1, 2))):
        areas = 1 + max(s.area for s in by_spot)
        area = rng.randrange(areas) if rng.random() < 0.1 else spot.area
        found.add(rng.choice(by_spot.get(Spot(area, spot.tier - 1), by_spot[Spot(0, 0)])))
    return sorted(found)


def _courses(
    rng: random.Random,
    num_courses: int,
    spots: dict[str, Spot],
    rows: dict[str, list[dict[str, Any]]],
) -> dict[str, Spot]:
    skills, found = list(spots), dict[str, Spot]()
    lower: dict[Spot, list[str]] = {}
    for n in range(num_courses):
        area = _popular(rng, 1 + spots[skills[-1]].area)
        first = min(len(skills) - 1, area * AREA + rng.randrange(AREA))
        near = range(first, min(first + 6, len(skills)))
        near = [k for k in near if spots[skills[k]].area == spots[skills[first]].area]
        taught = sorted({first, *rng.sample(near, min(len(near), rng.choice((1, 2, 3, 4))))})
        course, spot = f"c{n:05}", spots[skills[taught[-1]]]
        level = rng.choice((1.0, 1.0, 2.0, 2.0, 3.0, None))
        hours = min(80.0, max(0.5, round(rng.lognormvariate(2.0, 0.8) * 2) / 2))
        rows["courses"].append(
            {
                "course_id": course,
                "title": f"Course {n}",
                "hours": hours if rng.random() < 0.95 else None,
                "language": rng.choice(("en", "en", "en", "fr", "de")),
                "provider": rng.choice(("north", "south", "east")),
            }
        )
        rows["teaches"] += [
            {"course_id": course, "skill_id": skills[k], "level": level} for k in taught
        ]
        below = [c for tier in range(spot.tier) for c in lower.get(Spot(spot.area, tier), [])]
        if below and rng.random() < 0.5:
            for group in range(rng.choice((1, 1, 2))):
                options = rng.sample(below, min(len(below), rng.choice((1, 1, 2, 3))))
                name = f"g{group}" if len(options) > 1 else None
                rows["requires"] += [
                    {"course_id": course, "requires_course_id": c, "any_of": name} for c in options
                ]
        found[course] = spot
        lower.setdefault(spot, []).append(course)
    return found


def _popular(rng: random.Random, num_areas: int) -> int:
    """An area, the first ones far more often: courses crowd where the demand is."""
    return int(num_areas * rng.random() ** 2)


def _roles(
    rng: random.Random,
    num_roles: int,
    spots: dict[str, Spot],
    rows: dict[str, list[dict[str, Any]]],
) -> dict[str, tuple[int, ...]]:
    num_areas = 1 + max(spot.area for spot in spots.values())
    found = {}
    for n in range(num_roles):
        role = f"r{n:03}"
        chosen = {_popular(rng, num_areas) for _ in range(rng.choice((2, 3, 4)))}
        areas = tuple(sorted(chosen))
        skills = [s for s, spot in spots.items() if spot.area in areas]
        rows["roles"].append({"role_id": role, "name": f"Role {n}"})
        for skill in sorted(rng.sample(skills, min(len(skills), rng.randint(6, 25)))):
            level, essential = rng.choice((1.0, 2.0, 3.0, None)), rng.random() < 0.8
            row = {"role_id": role, "skill_id": skill, "level": level, "essential": essential}
            rows["needs"].append(row)
        found[role] = areas
    return found


def made_learner(rng: random.Random, world: MadeWorld, areas: Sequence[int]) -> LearnerState:
    """Somebody with up to thirty courses completed and two under way, mostly of these areas."""
    catalogue = world.catalogue
    near = [c for c, spot in world.course_spots.items() if spot.area in areas]
    num_taken = rng.choice((0, 0, 2, 5, 10, 20, 30))
    wanted = rng.sample(near, min(len(near), num_taken))
    wanted += rng.sample(sorted(world.course_spots), min(len(catalogue), num_taken // 3))
    completed: set[str] = set()
    for course in sorted(wanted):  # ids rise with what they may REQUIRE
        if catalogue.is_eligible(course, completed):
            completed.add(course)
    state = with_completed(ANONYMOUS, sorted(completed), catalogue, FROM_COMPLETION)
    started = rng.sample(near, min(len(near), rng.choice((0, 0, 1, 2))))
    return replace(state, enrolled=frozenset(started) - completed)


def made_request(rng: random.Random, world: MadeWorld) -> tuple[dict[str, Any], LearnerState]:
    """A request as a service gets them, and who asks: roles, skills and courses as targets."""
    catalogue = world.catalogue
    role = rng.choice(sorted(catalogue.roles))
    state = made_learner(rng, world, world.role_areas[role])
    skills = sorted(catalogue.role_needs(role))
    targets: list[dict[str, Any]] = [{"role_id": role}, {"role_id": role}]
    targets.append({"skill_ids": rng.sample(skills, min(len(skills), rng.randint(1, 4)))})
    near = [c for c, s in world.course_spots.items() if s.area in world.role_areas[role]]
    targets.append({"course_id": rng.choice(near or sorted(world.course_spots))})
    request: dict[str, Any] = {"target": rng.choice(targets), "start_at": "2027-01-04"}
    if rng.random() < 0.5:
        request["hours_per_week"] = rng.choice((2.0, 5.0, 8.0))
    if rng.random() < 0.15:
        request["max_total_hours"] = rng.choice((40.0, 100.0, 200.0))
    if rng.random() < 0.1:
        request["language"] = "en"
    if rng.random() < 0.1 and near:
        request["exclude"] = rng.sample(near, 1)
    return request, state

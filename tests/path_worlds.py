"""Random worlds for learning paths: cycles, alternatives, levels and gaps, and requests."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st
from path_checker import World

Question = tuple[World, dict[str, Any]]

LEVELS = (None, 1.0, 2.0, 3.0)


def random_world(rng: random.Random, num_courses: int, num_skills: int) -> World:
    """Dense enough that most targets take several courses, and some cannot be had."""
    courses = [f"c{i}" for i in range(num_courses)]
    skills = [f"s{i}" for i in range(num_skills)]
    hours = rng.choice([(None,), (1.0,), (None, 0.0, 1.0, 2.0), (1.0, 2.0, 3.5, 5.0, 8.0)])
    has_levels, is_tidy = rng.random() < 0.4, rng.random() < 0.5
    has_more = rng.random() < 0.5
    world = World(
        {
            course: {
                "hours": rng.choice(hours),
                "language": rng.choice([None, "en", "EN", "en", "fr"]),
                "hidden": rng.random() < 0.07 or None,
                "provider": rng.choice([None, "x", "X", "y"]) if has_more else None,
                "level": rng.choice([None, "1", "2"]) if has_more else None,
            }
            for course in courses
        },
        skills,
    )
    for course in courses if skills else []:
        taught = rng.sample(skills, min(num_skills, rng.choice([0, 1, 1, 2, 2, 3])))
        world.teaches[course] = {s: rng.choice(LEVELS) if has_levels else None for s in taught}
    for _ in range(rng.randint(0, num_skills + 1) if skills else 0):
        skill, before = rng.choice(skills), rng.choice(skills)
        # A tidy world has a DAG of skills; the others have cycles and loops.
        if not is_tidy or skill > before:
            world.before.add((skill, before))
    for _ in range(rng.randint(0, num_courses)):
        row = (rng.choice(courses), rng.choice(courses), rng.choice([None, "", "a", "a", "b"]))
        if row not in world.requires and (not is_tidy or row[0] > row[1]):
            world.requires.append(row)
    some = rng.sample(skills, min(num_skills, rng.randint(0, 5)))
    world.needs = {
        "r": {
            s: (rng.choice(LEVELS) if has_levels else None, rng.choice([None, True, False]))
            for s in some
        }
    }
    return world


def random_request(rng: random.Random, world: World, *, is_steered: bool = False) -> dict[str, Any]:
    courses = list(world.courses)
    targets: list[dict[str, Any]] = [{"course_id": rng.choice(courses)}]
    if world.skills:
        some = rng.sample(world.skills, min(len(world.skills), rng.randint(1, 5)))
        levels = {skill: rng.choice(LEVELS[1:]) for skill in some}
        targets += [{"role_id": "r"}, {"skill_ids": some}, {"skill_levels": levels}]
    request: dict[str, Any] = {"target": rng.choice(targets)}
    for field in ("completed", "exclude"):
        if rng.random() < 0.3:
            request[field] = rng.sample(courses, 1)
    if world.skills and rng.random() < 0.3:
        request["mastered"] = rng.sample(world.skills, 1)
    if rng.random() < 0.15:
        request["language"] = rng.choice(["en", "Fr"])
    return _steered(rng, courses, request) if is_steered else request


def _steered(rng: random.Random, courses: list[str], request: dict[str, Any]) -> dict[str, Any]:
    """The request with any of the wishes that do not contradict each other."""
    free = [c for c in courses if c not in request.get("exclude", [])]
    if rng.random() < 0.3:
        request["waive"] = rng.sample(courses, 1)
        free = [c for c in free if c not in request["waive"]]
    for field, most in (("must_take", 2), ("pin", 3)):
        if rng.random() < 0.4:
            request[field] = rng.sample(free, min(len(free), rng.randint(1, most)))
    if rng.random() < 0.1:
        request["providers"] = rng.choice([["X"], ["x", "y"], ["z"]])
    if rng.random() < 0.1:
        request["levels"] = rng.choice([["1"], ["1", "2"]])
    if rng.random() < 0.3:
        request["max_courses"] = rng.randint(0, 5)
    if rng.random() < 0.5:
        request |= {"hours_per_week": rng.choice([0.5, 3.0, 40.0]), "start_at": "2026-03-02"}
    return request


def questions(
    max_courses: int, max_skills: int, *, is_steered: bool = False
) -> st.SearchStrategy[Question]:
    def draw(seed: int) -> Question:
        rng = random.Random(seed)
        world = random_world(rng, rng.randint(1, max_courses), rng.randint(0, max_skills))
        return world, random_request(rng, world, is_steered=is_steered)

    return st.integers(0, 2**40).map(draw)

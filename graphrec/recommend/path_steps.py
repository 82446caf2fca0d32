"""What each step of an ordered plan adds, counted the way a learner would gain it.

In comes the order of courses; out go the skills each course adds. A skill counts only where
all its prerequisites are held before, or gained in the same or an earlier step, so whatever
is listed is truly gained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

from graphrec.recommend.catalogue import Levels
from graphrec.recommend.path_arrange import Cover, Defer
from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import GainedSkill

Offers = dict[str, tuple[float | None, str]]
"""Skill id -> level and the course that adds it."""


def gain_by_step(
    steps: Sequence[Sequence[str]],
    together: Sequence[Sequence[str]],
    rules: Rules,
    wanted: Set[str],
) -> list[dict[str, list[GainedSkill]]]:
    """Course -> skills it adds (or raises to a higher level), for each step.

    Args:
        steps: Course ids by step.
        together: Sets of courses that share a step for each other's skills; all others count
            on nothing that another course of their step teaches.
        rules: Whose state says what is held before the first step.
        wanted: Skills that the plan is for: an unknown level counts as a rise for them only.
    """
    held = dict(rules.state.mastered)
    found = []
    for step in steps:
        grouped = [group for group in together if group[0] in step]
        single = [[course] for course in step if not any(course in group for group in grouped)]
        units = [_offers(unit, rules, held, wanted) for unit in (*grouped, *single)]
        best = _best_of(units)
        found.append(_share_out(step, units, best, rules))
        held.update((skill, level) for skill, (level, _) in best.items())
    return found


def _offers(unit: Sequence[str], rules: Rules, held: Levels, wanted: Set[str]) -> Offers:
    """What some courses add together: the greatest set that has all its prerequisites."""
    catalogue = rules.catalogue
    offers: Offers = {}
    for course in sorted(unit):
        for skill, level in catalogue.skills_of(course).items():
            if skill in held and level is None and skill not in wanted:
                continue
            before = offers[skill][0] if skill in offers else held.get(skill, -math.inf)
            if _rank(level) > _rank(before):
                offers[skill] = (level, course)
    gone = list(offers)
    while gone:
        gone = [
            skill
            for skill in offers
            if skill not in held
            and any(p not in held and p not in offers for p in catalogue.prerequisites_of(skill))
        ]
        for skill in gone:
            del offers[skill]
    return offers


def _best_of(units: Sequence[Offers]) -> Offers:
    """Each skill from the course that takes it furthest, the first by id among equals."""
    best: Offers = {}
    for offers in units:
        for skill, (level, course) in offers.items():
            key = (-_rank(level), course)
            if skill not in best or key < (-_rank(best[skill][0]), best[skill][1]):
                best[skill] = (level, course)
    return best


def _share_out(
    step: Sequence[str], units: Sequence[Offers], best: Offers, rules: Rules
) -> dict[str, list[GainedSkill]]:
    """Each skill under its best course, and again where courses beside that one build on it."""
    shares: dict[str, list[GainedSkill]] = {course: [] for course in step}
    for offers in units:
        listed = [skill for skill in offers if best[skill] == offers[skill]]
        for skill in listed:  # grows while it is read
            for before in rules.catalogue.prerequisites_of(skill):
                if before in offers and before not in listed:
                    listed.append(before)
        for skill in sorted(listed):
            level, course = offers[skill]
            shares[course].append(GainedSkill(skill_id=skill, level=level))
    return shares


def _rank(level: float | None) -> float:
    """An unknown level is enough for anything, so it ranks highest."""
    return math.inf if level is None else level


def defer_to(cover: Cover, rules: Rules) -> Defer:
    """Within one step, courses that others there could use the skills of go first.

    Skills beside the target do not decide which courses are planned; where they would be
    gained only in one order, that order costs nothing.
    """
    catalogue, ids, held = rules.catalogue, cover.universe.ids, rules.state.mastered

    def defer(step: Sequence[int]) -> Sequence[int]:
        taught = {course: catalogue.skills_of(ids[course]).keys() for course in step}
        first = []
        for course in step:
            before = {
                p
                for skill in taught[course]
                if skill not in held
                for p in catalogue.prerequisites_of(skill)
                if p not in held and p not in taught[course]
            }
            if not any(before & taught[other] for other in step if other != course):
                first.append(course)
        return first or step

    return defer

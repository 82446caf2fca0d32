"""Stage 1, EVENTS: what simulated learners know and have done, and how both change.

A ``Cohort`` is the state of B learners as arrays. Everything is element by element along
learners, so that a learner's life is the same alone as among a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.events.simulator_arrays import Bools, Floats, Ints
from graphrec.events.simulator_config import DAY_MS, SimulatorConfig
from graphrec.events.simulator_traits import Traits
from graphrec.events.simulator_world import World

CLAIMED = 0.7
"""Share of a taught level from which a learner feels no need to take the course again."""
RELEARNED = 1.6
"""What each refresh multiplies the half-life of a skill by (the spacing effect)."""


@dataclass
class Cohort:
    """State of B learners; the last column of skills and courses is padding.

    Attributes:
        now: int [B], epoch ms. active: bool [B].
        level: float [B, S + 1], skill level when last practised. half_life_days: the same shape.
        practised_at: int [B, S + 1], epoch ms. source: int [B, S + 1], course that taught it.
        done: bool [B, C + 1], completed or known before. dropped: bool [B, C + 1].
        num_done: int [B]. last_done: int [B], course completed last, C where none.
    """

    now: Ints
    active: Bools
    level: Floats
    half_life_days: Floats
    practised_at: Ints
    source: Ints
    done: Bools
    dropped: Bools
    num_done: Ints
    last_done: Ints


def new_cohort(world: World, config: SimulatorConfig, traits: Traits) -> Cohort:
    """Learners on the day they join; those with a past know its beginner courses."""
    size, courses, skills = len(traits.numbers), len(world.course_ids), len(world.skill_ids)
    half_life = config.forgetting_half_life_days * np.exp(0.25 * traits.ability)
    cohort = Cohort(
        now=traits.joined_at.copy(),
        active=np.ones(size, dtype=np.bool_),
        level=np.zeros((size, skills + 1)),
        half_life_days=np.repeat(half_life[:, None], skills + 1, axis=1),
        practised_at=np.repeat(traits.joined_at[:, None], skills + 1, axis=1),
        source=np.full((size, skills + 1), courses, dtype=np.int64),
        done=np.zeros((size, courses + 1), dtype=np.bool_),
        dropped=np.zeros((size, courses + 1), dtype=np.bool_),
        num_done=np.zeros(size, dtype=np.int64),
        last_done=np.full(size, courses, dtype=np.int64),
    )
    cohort.done[:, :-1] = world.entry[traits.past]
    rows, known = np.nonzero(cohort.done)
    taught, level = world.taught[known], world.taught_level[known]
    np.maximum.at(cohort.level, (rows[:, None], taught), level)
    cohort.level[:, -1] = 0.0
    return cohort


def strength(cohort: Cohort, rows: Ints, skills: Ints, at: Ints) -> Floats:
    """Level that is left of skills at a time.

    Args:
        cohort: The learners.
        rows: int [A], learners.
        skills: int [A, n], skills of each.
        at: int [A], epoch ms.

    Returns:
        float [A, n], the level when last practised, halved each half-life since.
    """
    cell = (rows[:, None], skills)
    days = (at[:, None] - cohort.practised_at[cell]) / DAY_MS
    left: Floats = cohort.level[cell] * np.exp2(-days / cohort.half_life_days[cell])
    return left


def preparedness(world: World, cohort: Cohort, rows: Ints, courses: Ints, at: Ints) -> Floats:
    """Float [A], 0..1: how much of what a course builds upon is still held; 1 without any."""
    skills = world.leans_on[courses]
    real = skills < len(world.skill_ids)
    held = np.minimum(strength(cohort, rows, skills, at), 1.0) * real
    count = real.sum(axis=1)
    return np.where(count > 0, held.sum(axis=1) / np.maximum(count, 1), 1.0)


def novelty(world: World, cohort: Cohort, rows: Ints) -> Floats:
    """Float [A, C], 0..1: share of what each course teaches that a learner does not claim yet."""
    claimed = CLAIMED * world.taught_level
    missing = np.maximum(claimed - cohort.level[rows][:, world.taught], 0.0).sum(axis=2)
    total = claimed.sum(axis=1)
    return np.where(total > 0, missing / np.maximum(total, 1e-9), 1.0)


def readiness(world: World, cohort: Cohort, rows: Ints) -> Bools:
    """Bool [A, C]: every requirement of the course is fulfilled by a completed course."""
    fulfilled = cohort.done[rows][:, world.alternatives].any(axis=2)  # [A, G]
    always = np.ones((len(rows), 1), dtype=np.bool_)
    return np.asarray(np.hstack([fulfilled, always])[:, world.requirements].all(axis=2))


def practise(cohort: Cohort, rows: Ints, skills: Ints, level: Floats, at: Ints) -> None:
    """Raise skills to a level, or refresh them where they are above it already.

    Args:
        cohort: Changed in place.
        rows: int [A], learners.
        skills: int [A, n], padded with S.
        level: float [A, n], level reached now.
        at: int [A], epoch ms.
    """
    cell = (rows[:, None], skills)
    left = strength(cohort, rows, skills, at)
    known = cohort.level[cell] > 0
    cohort.level[cell] = np.maximum(left, level)
    cohort.practised_at[cell] = at[:, None]
    cohort.half_life_days[cell] *= np.where(known, RELEARNED, 1.0)
    cohort.level[:, -1] = 0.0

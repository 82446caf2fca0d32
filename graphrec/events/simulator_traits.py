"""Stage 1, EVENTS: who the simulated learners are, each drawn from a seed of their own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from scipy.special import ndtri

from graphrec.events.simulator_arrays import Bools, Floats, Ints
from graphrec.events.simulator_config import SimulatorConfig
from graphrec.events.simulator_world import World

LANGUAGE_BARRIER = 4.0
"""Log-odds against a course in a foreign language where an English one teaches the like."""
MOTHER_TONGUE = 2.5
"""Log-odds for a course in one's own language."""


class Trait(IntEnum):
    """Columns of the uniform draws that make a learner; provider tastes follow."""

    ROLE = 0
    SIDE_ROLE = auto()
    PAST_ROLE = auto()
    HAS_PAST = auto()
    STATES_GOAL = auto()
    JOINS = auto()
    LANGUAGE = auto()
    ABILITY = auto()
    PACE = auto()


class Draw(IntEnum):
    """Columns of the uniform draws that decide one step (a pause and a course) of a learner."""

    IGNORES_GOAL = 0
    IGNORES_ORDER = auto()
    CHOICE = auto()
    PAUSE = auto()
    NUM_VIEWS = auto()
    VIEW_1 = auto()
    VIEW_2 = auto()
    VIEW_3 = auto()
    REFRESH = auto()
    MOMENT = auto()
    DURATION = auto()
    DROP = auto()
    PROGRESS = auto()
    MARK = auto()
    RATES = auto()
    RATING = auto()
    RATED_AFTER = auto()
    QUIT = auto()


@dataclass(frozen=True)
class Traits:
    """What B learners are; index R stands for "no role".

    Attributes:
        numbers: int [B], 1-based numbers of the learners.
        target, side, past: int [B], roles aimed at, of side interest, and held already.
        states_goal: bool [B], whether the target is on record.
        joined_at: int [B], epoch ms. ability: float [B], standard normal.
        hours_per_week: float [B]. liking: float [B, C], log-odds for each course, goal aside.
        draws: float [B, max_courses, len(Draw)], uniform in (0, 1).
    """

    numbers: Ints
    target: Ints
    side: Ints
    past: Ints
    states_goal: Bools
    joined_at: Ints
    ability: Floats
    hours_per_week: Floats
    liking: Floats
    draws: Floats


def draw_traits(world: World, config: SimulatorConfig, numbers: Ints) -> Traits:
    """Draw learners by their numbers; a learner's draws depend on seed and number alone.

    Args:
        world: The catalogue as arrays.
        config: Rates and spreads.
        numbers: int [B], 1-based numbers of learners.
    """
    width = len(Trait) + world.num_providers
    uniform = np.empty((len(numbers), width))
    draws = np.empty((len(numbers), config.max_courses, len(Draw)))
    for row, number in enumerate(numbers.tolist()):
        # Key (0,) is the world's: two-part keys can never meet it.
        seeds = np.random.SeedSequence(config.seed, spawn_key=(1, number))
        rng = np.random.Generator(np.random.PCG64(seeds))
        rng.random(out=uniform[row])
        rng.random(out=draws[row])
    np.maximum(uniform, 1e-12, out=uniform)  # a zero would be minus infinity as a normal
    no_role = len(world.role_ids)
    role = np.searchsorted(world.role_odds, uniform[:, :3], side="right").clip(max=no_role)
    has_past = uniform[:, Trait.HAS_PAST] < config.prior_knowledge_rate
    span = config.end_at - config.start_at
    # The academy grows: more learners join late than early.
    joined = config.start_at + (uniform[:, Trait.JOINS] ** 0.75 * 0.95 * span).astype(np.int64)
    return Traits(
        numbers=numbers,
        target=role[:, Trait.ROLE],
        side=role[:, Trait.SIDE_ROLE],
        past=np.where(has_past, role[:, Trait.PAST_ROLE], no_role),
        states_goal=uniform[:, Trait.STATES_GOAL] < config.stated_goal_rate,
        # Before the first course opens there is nothing to join.
        joined_at=np.maximum(joined, world.opens_at.min()),
        ability=ndtri(uniform[:, Trait.ABILITY]),
        hours_per_week=config.hours_per_week * np.exp(0.5 * ndtri(uniform[:, Trait.PACE])),
        liking=_liking(world, config, uniform),
        draws=np.maximum(draws, 1e-12),
    )


def _liking(world: World, config: SimulatorConfig, uniform: Floats) -> Floats:
    """Float [B, C]: appeal, taste for the provider and language, as log-odds."""
    taste = config.taste_strength * ndtri(uniform[:, len(Trait) :])  # [B, P]
    speaks = _languages(world, config, uniform[:, Trait.LANGUAGE])[:, None]
    own = world.language == speaks
    is_english = np.array([x == "en" for x in world.languages])
    foreign = ~own & ~is_english[world.language] & world.has_english
    tongue = np.where(own & ~is_english[world.language], MOTHER_TONGUE, 0.0)
    liking: Floats = world.appeal + taste[:, world.provider] + tongue - LANGUAGE_BARRIER * foreign
    return liking


def _languages(world: World, config: SimulatorConfig, uniform: Floats) -> Ints:
    """Int [B]: position of each learner's language; English takes its share, others the rest."""
    share = np.array([0.0 if x == "en" else 1.0 for x in world.languages])
    rest = 1.0 - config.english_rate if share.any() and not share.all() else 1.0
    share = share * (rest / max(share.sum(), 1.0)) if share.any() else share
    share = np.where([x == "en" for x in world.languages], 1.0 - share.sum(), share)
    found = np.searchsorted(np.cumsum(share), uniform, side="right")
    return found.clip(max=len(world.languages) - 1)

"""Stage 1, EVENTS: runs the learner simulator, one batch of learners after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graphrec.events.simulator_arrays import Ints
from graphrec.events.simulator_cohort import new_cohort, strength
from graphrec.events.simulator_config import SimulatorConfig
from graphrec.events.simulator_events import EventLog, learner_ids, learners_table
from graphrec.events.simulator_steps import step
from graphrec.events.simulator_study import Life
from graphrec.events.simulator_traits import draw_traits
from graphrec.events.simulator_world import World, build_world
from graphrec.schema import TABLES

NEGLIGIBLE_LEVEL = 0.01
"""Levels below this are forgotten for good and left out of the truth."""


@dataclass(frozen=True)
class SimulatedBatch:
    """Learners and all they did; ``truth`` holds their skills at the end of the window.

    Attributes:
        learners: Native ``learners``.
        interactions: Native ``interactions``, by learner, then by time.
        truth: Native ``holds``: level (0..5) that is left at ``end_at`` after forgetting.
    """

    learners: pa.Table
    interactions: pa.Table
    truth: pa.Table


def iter_batches(
    catalogue: Mapping[str, pa.Table], config: SimulatorConfig
) -> Iterator[SimulatedBatch]:
    """Yield learners, interactions and truth together, ``batch_learners`` learners at a time."""
    world = build_world(catalogue, config)
    for numbers in number_batches(config):
        yield simulate_batch(world, config, numbers)


def number_batches(config: SimulatorConfig) -> Iterator[Ints]:
    """Numbers of the learners, 1-based, int [<= batch_learners] at a time."""
    for start in range(1, config.num_learners + 1, config.batch_learners):
        stop = min(start + config.batch_learners, config.num_learners + 1)
        yield np.arange(start, stop, dtype=np.int64)


def simulate_batch(world: World, config: SimulatorConfig, numbers: Ints) -> SimulatedBatch:
    """Simulate the learners of these numbers (int [B], 1-based) from joining to the end."""
    traits = draw_traits(world, config, numbers)
    life = Life(world, config, traits, new_cohort(world, config, traits), EventLog())
    for number in range(config.max_courses):
        if not life.cohort.active.any():
            break
        step(life, number)
    return SimulatedBatch(
        learners=learners_table(world, traits),
        interactions=life.events.table(world, config, traits),
        truth=_truth(life),
    )


def _truth(life: Life) -> pa.Table:
    """Native ``holds`` of the batch: what is left of each skill when the window ends."""
    size, num_skills = len(life.traits.numbers), len(life.world.skill_ids)
    skills = np.broadcast_to(np.arange(num_skills), (size, num_skills))
    end = np.full(size, life.config.end_at, dtype=np.int64)
    left = strength(life.cohort, np.arange(size), skills, end)
    rows, held = np.nonzero(left > NEGLIGIBLE_LEVEL)
    columns = [
        learner_ids(life.traits.numbers[rows]),
        pa.array(life.world.skill_ids, pa.string()).take(pa.array(held)),
        pa.array(left[rows, held]),
        pa.array(end[rows]),
    ]
    return pa.table(columns, schema=TABLES["holds"].schema)

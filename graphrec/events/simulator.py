"""Stage 1, EVENTS: simulated learners over a catalogue, as many as wanted, in bounded memory.

In come the native tables of a catalogue and a ``SimulatorConfig``; out go native
``learners`` and ``interactions`` in batches, and what each learner truly knows at the end.

A learner has a target role, abilities, a pace, a language and tastes; chooses courses that
teach what the role still needs (and their prerequisites) with noise and popularity; drops
what is too hard or builds on forgotten skills; looks again at old courses; and leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graphrec.errors import ParameterError
from graphrec.events.simulator_config import SimulatorConfig
from graphrec.events.simulator_events import learners_table
from graphrec.events.simulator_run import (
    SimulatedBatch,
    iter_batches,
    number_batches,
    simulate_batch,
)
from graphrec.events.simulator_traits import draw_traits
from graphrec.events.simulator_world import build_world
from graphrec.schema import TABLES

__all__ = [
    "SimulatedBatch",
    "SimulatedLearner",
    "SimulationSummary",
    "SimulatorConfig",
    "iter_batches",
    "iter_learners",
    "iter_truth",
    "simulate",
    "simulate_learner",
    "write_parquet",
]


@dataclass(frozen=True)
class SimulatedLearner:
    """One learner; ``mastery`` maps skill id to the level (0..5) left at the end."""

    learner_id: str
    role_id: str | None
    target_role_id: str | None
    interactions: pa.Table
    mastery: dict[str, float]


@dataclass(frozen=True)
class SimulationSummary:
    """What ``write_parquet`` wrote."""

    num_learners: int
    num_interactions: int


def simulate(catalogue: Mapping[str, pa.Table], config: SimulatorConfig) -> Iterator[pa.Table]:
    """Yield ``interactions`` of all learners, a native table a batch of learners.

    Args:
        catalogue: Native tables by name; all but ``courses`` may be missing.
        config: How many learners, and of what kind.

    Raises:
        InputError: The catalogue has no course that the window could use.
    """
    return (batch.interactions for batch in iter_batches(catalogue, config))


def iter_learners(catalogue: Mapping[str, pa.Table], config: SimulatorConfig) -> Iterator[pa.Table]:
    """Yield ``learners`` with the role they hold and their target, without simulating lives."""
    world = build_world(catalogue, config)
    for numbers in number_batches(config):
        yield learners_table(world, draw_traits(world, config, numbers))


def iter_truth(catalogue: Mapping[str, pa.Table], config: SimulatorConfig) -> Iterator[pa.Table]:
    """Yield what learners truly hold at ``end_at``, as native ``holds``."""
    return (batch.truth for batch in iter_batches(catalogue, config))


def simulate_learner(
    catalogue: Mapping[str, pa.Table], config: SimulatorConfig, number: int
) -> SimulatedLearner:
    """Simulate one learner alone: exactly as in the whole run.

    Args:
        catalogue: Native tables by name.
        config: The config of the run.
        number: 1-based number, as in ``learner-000001``.

    Raises:
        ParameterError: There is no such number in the run.
    """
    if not 1 <= number <= config.num_learners:
        raise ParameterError(
            f"there is no learner {number}.",
            where="number",
            remedy=f"Choose one from 1 to {config.num_learners}.",
        )
    world = build_world(catalogue, config)
    batch = simulate_batch(world, config, np.array([number], dtype=np.int64))
    row = batch.learners.to_pylist()[0]
    skills, levels = batch.truth["skill_id"].to_pylist(), batch.truth["level"].to_pylist()
    mastery = dict(zip(skills, levels, strict=True))
    return SimulatedLearner(**row, interactions=batch.interactions, mastery=mastery)


def write_parquet(
    catalogue: Mapping[str, pa.Table],
    config: SimulatorConfig,
    directory: Path,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationSummary:
    """Write a folder in the native layout: the catalogue, learners and interactions.

    Memory is bounded by ``batch_learners``, whose rows are one row group. A file appears
    under its name only when it is whole.

    Args:
        catalogue: Native tables by name.
        config: How many learners, and of what kind.
        directory: Made if missing; files of the same names are replaced.
        progress: Called after each batch with learners done and learners in all.

    Raises:
        InputError: The catalogue has no course that the window could use.
        OSError: The folder cannot be written.
    """
    batches = iter_batches(catalogue, config)
    batch: SimulatedBatch | None = next(
        batches
    )  # refuses a bad catalogue before anything is written
    directory.mkdir(parents=True, exist_ok=True)
    for name, table in catalogue.items():
        _write_whole(directory / f"{name}.parquet", table)
    partial = {name: directory / f".{name}.partial" for name in ("learners", "interactions")}
    with (
        pq.ParquetWriter(partial["learners"], TABLES["learners"].schema) as learners,
        pq.ParquetWriter(partial["interactions"], TABLES["interactions"].schema) as interactions,
    ):
        done = rows = 0
        while batch is not None:
            learners.write_table(batch.learners)
            interactions.write_table(batch.interactions)
            done += batch.learners.num_rows
            rows += batch.interactions.num_rows
            if progress:
                progress(done, config.num_learners)
            batch = next(batches, None)
    for name, path in partial.items():
        path.replace(directory / f"{name}.parquet")
    return SimulationSummary(done, rows)


def _write_whole(path: Path, table: pa.Table) -> None:
    partial = path.with_name(f".{path.stem}.partial")
    pq.write_table(table, partial)
    partial.replace(path)

"""Stage 1, EVENTS: collects what simulated learners do and writes it as native rows."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.events.simulator_arrays import Floats, Ints
from graphrec.events.simulator_config import SimulatorConfig
from graphrec.events.simulator_traits import Traits
from graphrec.events.simulator_world import World
from graphrec.schema import INTERACTION_TYPES, TABLES

ENROLLED, COMPLETED, VIEWED, RATED, DROPPED = range(len(INTERACTION_TYPES))
LEARNER_DIGITS: Final = 6


class EventLog:
    """Events of one batch of learners, as pieces of arrays until they are all there."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Ints, Ints, Ints, Ints, Floats, Floats]] = []

    def add(
        self,
        kind: int,
        rows: Ints,
        courses: Ints,
        at: Ints,
        *,
        score: Floats | None = None,
        progress: Floats | None = None,
    ) -> None:
        """Note one event for each of ``rows``; ``score`` and ``progress`` are null if left out.

        Args:
            kind: Position in ``INTERACTION_TYPES``.
            rows: int [n], learners by position in the batch.
            courses: int [n], courses by position.
            at: int [n], epoch ms.
            score: float [n], a mark of 0..1, or a rating of 1..5.
            progress: float [n], 0..1.
        """
        none = np.full(len(rows), np.nan)
        self._pieces.append(
            (
                rows,
                courses,
                at,
                np.full(len(rows), kind, dtype=np.int64),
                none if score is None else score,
                none if progress is None else progress,
            )
        )

    def table(self, world: World, config: SimulatorConfig, traits: Traits) -> pa.Table:
        """All events before the window ends, by learner, then by time."""
        empty = np.empty(0, dtype=np.int64)
        pieces = [*self._pieces, (empty, empty, empty, empty, empty * 0.0, empty * 0.0)]
        rows, courses, at, kind, score, progress = (
            np.concatenate(column) for column in zip(*pieces, strict=True)
        )
        order = np.lexsort((at, rows))
        order = order[at[order] < config.end_at]
        rows = rows[order]
        numbers = traits.numbers[rows]
        first = np.searchsorted(rows, rows, side="left")
        count = np.arange(len(rows)) - first
        columns = {
            "learner_id": learner_ids(numbers),
            "course_id": pa.array(world.course_ids, pa.string()).take(pa.array(courses[order])),
            "type": pa.array(INTERACTION_TYPES, pa.string()).take(pa.array(kind[order])),
            "at": pa.array(at[order]),
            "seq": pa.nulls(len(rows), pa.int64()),
            "score": pa.array(score[order], from_pandas=True),
            "progress": pa.array(progress[order], from_pandas=True),
            "event_id": _joined(f"sim-{config.seed}", _text(numbers), _text(count)),
        }
        return pa.table(columns, schema=TABLES["interactions"].schema)


def learner_ids(numbers: Ints) -> pa.Array:
    """``learner-000001`` and so on, one for each number."""
    padded = pc.utf8_lpad(_text(numbers), LEARNER_DIGITS, "0")
    return _joined("learner", padded)


def learners_table(world: World, traits: Traits) -> pa.Table:
    """Native learners: the role they hold, if any, and the target that is on record."""
    roles = pa.array([*world.role_ids, None], pa.string())
    stated = np.where(traits.states_goal, traits.target, len(world.role_ids))
    columns = [learner_ids(traits.numbers), roles.take(pa.array(traits.past))]
    columns.append(roles.take(pa.array(stated)))
    return pa.table(columns, schema=TABLES["learners"].schema)


def _text(values: Ints) -> pa.Array:
    return pc.cast(pa.array(values), pa.string())


def _joined(*parts: str | pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "-")

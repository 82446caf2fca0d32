"""Makes the shortlists of all learners before anybody asks (``graphrec.recommend.prepared``)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphrec.recommend.engine import Engine
from graphrec.recommend.knobs import EXPLORED, SHORTLISTED
from graphrec.recommend.learners import LearnerReader
from graphrec.recommend.prepared import Prepared

_CHUNK = 256
"""Learners retrieved for at once: a dense row of scores each, and no longer a wait."""


def begun(engine: Engine, learners: LearnerReader) -> Prepared | None:
    """The shortlists of what the learners' table holds now; None before they are begun."""
    found = engine.prepared
    return found if found is not None and found.table is learners.table else None


def is_prepared(engine: Engine, learners: LearnerReader) -> bool:
    """Whether ``prepare`` has nothing to do."""
    if engine.trained is None or learners.table is None:
        return True
    found = begun(engine, learners)
    return found is not None and found.is_complete


def prepare(engine: Engine, learners: LearnerReader, should_stop: Callable[[], bool]) -> int:
    """Make shortlists until all learners have one, or until ``should_stop``.

    Returns:
        How many learners have one now.
    """
    trained, table = engine.trained, learners.table
    if trained is None or table is None:
        return 0
    prepared = begun(engine, learners)
    if prepared is None:
        num_explored = 0 if engine.explorer is None else EXPLORED
        num_columns = len(trained.pipeline.terms) + 1
        prepared = engine.prepared = Prepared(table, SHORTLISTED, num_columns, num_explored)
    while not should_stop():
        chunk = prepared.next(_CHUNK)
        if not chunk:
            break
        found = [learners.from_table(learner_id) for learner_id in chunk]
        known = [learner for learner in found if learner is not None]
        if known:  # all of them may have changed since they were read
            shortlists, is_empty = engine.shortlists(trained, known, SHORTLISTED, EXPLORED)
            kept = np.flatnonzero(~is_empty)
            prepared.add([str(known[n].learner_id) for n in kept], shortlists[kept])
    return len(prepared)

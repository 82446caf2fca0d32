"""Whatever the config: lives are consistent, and a learner's life is the learner's own."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrec.demo.catalogue import load_catalogue
from graphrec.events.simulator import SimulatorConfig, simulate, simulate_learner
from graphrec.events.simulator_config import DAY_MS

CATALOGUE = load_catalogue()
START = 1_600_000_000_000

configs = st.builds(
    SimulatorConfig,
    num_learners=st.integers(100, 130),
    seed=st.integers(0, 2**63 - 1),
    start_at=st.just(START),
    end_at=st.integers(600, 3000).map(lambda days: START + days * DAY_MS),
    choice_noise=st.floats(0, 1),
    order_noise=st.floats(0, 1),
    goal_strength=st.floats(0, 50),
    taste_strength=st.floats(0, 10),
    popularity_exponent=st.floats(0, 3),
    hours_per_week=st.floats(0.1, 80),
    pause_days=st.floats(0.01, 365),
    dropout_rate=st.floats(0.001, 0.999),
    forgetting_half_life_days=st.floats(0.01, 36_500),
    refresh_rate=st.floats(0, 1),
    rating_rate=st.floats(0, 1),
    english_rate=st.floats(0, 1),
    max_courses=st.integers(1, 12),
    batch_learners=st.integers(16, 64),
)


@settings(max_examples=15, deadline=None)
@given(config=configs)
def test_every_life_is_consistent(config: SimulatorConfig) -> None:
    last_at: dict[str, int] = {}
    open_course: dict[str, str | None] = {}
    done: dict[str, set[str]] = {}
    for row in pa.concat_tables(simulate(CATALOGUE, config)).to_pylist():
        learner, course = row["learner_id"], row["course_id"]
        assert last_at.get(learner, config.start_at - 1) < row["at"] < config.end_at
        last_at[learner] = row["at"]
        if row["type"] == "enrolled":
            assert open_course.get(learner) is None  # one at a time
            assert course not in done.get(learner, set())
            open_course[learner] = course
        elif row["type"] in {"completed", "dropped"}:
            assert open_course[learner] == course
            open_course[learner] = None
            if row["type"] == "completed":
                done.setdefault(learner, set()).add(course)


@settings(max_examples=10, deadline=None)
@given(config=configs, number=st.integers(1, 100))
def test_company_changes_nothing(config: SimulatorConfig, number: int) -> None:
    """Alone, or among others in batches of any size: the same events."""
    alone = simulate_learner(CATALOGUE, config, number)
    everyone = pa.concat_tables(simulate(CATALOGUE, config))
    mine = [r for r in everyone.to_pylist() if r["learner_id"] == alone.learner_id]
    assert alone.interactions.to_pylist() == mine
    assert all(0 < level <= 5 for level in alone.mastery.values())

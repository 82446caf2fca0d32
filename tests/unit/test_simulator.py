"""The simulator: exact schema, reproducible, bounded, and lives that look like lives."""

from __future__ import annotations

import hashlib
import weakref
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import InputError, ParameterError
from graphrec.events import simulator_run
from graphrec.events.simulator import (
    SimulatorConfig,
    iter_batches,
    iter_learners,
    iter_truth,
    simulate,
    simulate_learner,
    write_parquet,
)
from graphrec.schema import INTERACTION_TYPES, TABLES

CONFIG = SimulatorConfig(num_learners=1200, seed=3)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def catalogue() -> dict[str, pa.Table]:
    return load_catalogue()


@pytest.fixture(scope="module")
def learners(catalogue: dict[str, pa.Table]) -> pa.Table:
    return pa.concat_tables(iter_learners(catalogue, CONFIG))


@pytest.fixture(scope="module")
def interactions(catalogue: dict[str, pa.Table]) -> pa.Table:
    return pa.concat_tables(simulate(catalogue, CONFIG))


@pytest.fixture(scope="module")
def lives(interactions: pa.Table) -> dict[str, Rows]:
    by_learner: dict[str, Rows] = defaultdict(list)
    for row in interactions.to_pylist():
        by_learner[row["learner_id"]].append(row)
    return by_learner


@pytest.mark.parametrize("num_learners", [0, 99, 1_000_001])
def test_the_number_of_learners_is_bounded(num_learners: int) -> None:
    with pytest.raises(ValidationError, match="num_learners"):
        SimulatorConfig(num_learners=num_learners)


@pytest.mark.parametrize("num_learners", [100, 1_000_000])
def test_the_bounds_themselves_are_allowed(num_learners: int) -> None:
    assert SimulatorConfig(num_learners=num_learners).num_learners == num_learners


def test_config_is_frozen_documented_and_refuses_an_empty_window() -> None:
    assert all(field.description for field in SimulatorConfig.model_fields.values())
    with pytest.raises(ValidationError, match="frozen"):
        CONFIG.seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="30 days"):
        SimulatorConfig(start_at=10, end_at=10)


def test_batches_have_exactly_the_native_schemas(catalogue: dict[str, pa.Table]) -> None:
    batch = next(iter_batches(catalogue, CONFIG))
    assert batch.learners.schema.equals(TABLES["learners"].schema)
    assert batch.interactions.schema.equals(TABLES["interactions"].schema)
    assert batch.truth.schema.equals(TABLES["holds"].schema)
    assert batch.learners.num_rows == CONFIG.batch_learners


def test_learners_are_numbered_and_aim_at_roles(learners: pa.Table) -> None:
    ids = learners["learner_id"].to_pylist()
    assert ids == [f"learner-{n:06d}" for n in range(1, CONFIG.num_learners + 1)]
    stated = pc.count(learners["target_role_id"]).as_py() / len(ids)
    assert stated == pytest.approx(CONFIG.stated_goal_rate, abs=0.05)
    assert len(set(learners["target_role_id"].to_pylist()) - {None}) == 24
    assert 0.1 < pc.count(learners["role_id"]).as_py() / len(ids) < 0.2


def test_references_event_ids_and_values(
    catalogue: dict[str, pa.Table], interactions: pa.Table, learners: pa.Table
) -> None:
    assert set(interactions["type"].to_pylist()) == set(INTERACTION_TYPES)
    assert set(interactions["course_id"].to_pylist()) <= set(
        catalogue["courses"]["course_id"].to_pylist()
    )
    assert set(interactions["learner_id"].to_pylist()) <= set(learners["learner_id"].to_pylist())
    event_ids = interactions["event_id"].to_pylist()
    assert len(set(event_ids)) == len(event_ids)
    assert event_ids[0] == "sim-3-1-0"
    for row in interactions.to_pylist():
        if row["type"] == "completed":
            assert row["progress"] == 1.0
            assert 0.3 <= row["score"] <= 1.0
        elif row["type"] == "dropped":
            assert 0.0 < row["progress"] < 1.0
        elif row["type"] == "rated":
            assert row["score"] in {1.0, 2.0, 3.0, 4.0, 5.0}
        else:
            assert row["score"] is None


def test_times_lie_in_the_window_and_increase_within_a_learner(lives: dict[str, Rows]) -> None:
    for rows in lives.values():
        at = [row["at"] for row in rows]
        assert all(CONFIG.start_at <= moment < CONFIG.end_at for moment in at)
        assert all(before < after for before, after in pairwise(at))


def test_no_course_is_taken_before_it_is_published(
    catalogue: dict[str, pa.Table], interactions: pa.Table
) -> None:
    courses = catalogue["courses"].select(["course_id", "published_at", "hidden"])
    joined = interactions.join(courses, "course_id")
    assert pc.all(pc.greater_equal(joined["at"], joined["published_at"])).as_py()
    hidden = joined.filter(pc.and_(joined["hidden"], pc.equal(joined["type"], "enrolled")))
    third = CONFIG.start_at + (CONFIG.end_at - CONFIG.start_at) / 3
    assert hidden.num_rows > 0  # some hold what is retired by now
    assert pc.max(hidden["at"]).as_py() < third


def test_the_same_seed_gives_the_same_bytes(catalogue: dict[str, pa.Table], tmp_path: Path) -> None:
    config = SimulatorConfig(num_learners=100)
    digests = []
    for name in ("a", "b"):
        write_parquet(catalogue, config, tmp_path / name)
        files = sorted((tmp_path / name).iterdir())
        digests.append([hashlib.sha256(f.read_bytes()).hexdigest() for f in files])
    assert digests[0] == digests[1]
    other = pa.concat_tables(simulate(catalogue, SimulatorConfig(num_learners=100, seed=8)))
    assert not other.equals(pq.read_table(tmp_path / "a" / "interactions.parquet"))


def test_a_larger_run_begins_with_the_smaller_one(
    catalogue: dict[str, pa.Table], interactions: pa.Table
) -> None:
    small = SimulatorConfig(num_learners=130, seed=3, batch_learners=37)
    first = pa.concat_tables(simulate(catalogue, small))
    assert first.num_rows > 1000
    assert first.equals(interactions.slice(0, first.num_rows))


def test_one_learner_alone_lives_as_in_the_whole_run(
    catalogue: dict[str, pa.Table], lives: dict[str, Rows]
) -> None:
    alone = simulate_learner(catalogue, CONFIG, 777)
    assert alone.learner_id == "learner-000777"
    assert alone.interactions.to_pylist() == lives["learner-000777"]
    truth = pa.concat_tables(iter_truth(catalogue, CONFIG))
    mine = truth.filter(pc.equal(truth["learner_id"], alone.learner_id))
    assert alone.mastery == dict(
        zip(mine["skill_id"].to_pylist(), mine["level"].to_pylist(), strict=True)
    )
    assert alone.mastery
    assert all(0 < level <= 5 for level in alone.mastery.values())


def test_an_unknown_learner_number_is_refused(catalogue: dict[str, pa.Table]) -> None:
    with pytest.raises(ParameterError, match="no learner 1201"):
        simulate_learner(catalogue, CONFIG, 1201)


def test_prerequisites_are_mostly_but_not_always_respected(
    catalogue: dict[str, pa.Table], lives: dict[str, Rows]
) -> None:
    groups: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in catalogue["requires"].to_pylist():
        key = row["any_of"] or f"only {row['requires_course_id']}"
        groups[row["course_id"]][key].add(row["requires_course_id"])
    met: Counter[bool] = Counter()
    for rows in lives.values():
        done: set[str] = set()
        for row in rows:
            if row["type"] == "enrolled" and groups[row["course_id"]]:
                met[all(group & done for group in groups[row["course_id"]].values())] += 1
            if row["type"] == "completed":
                done.add(row["course_id"])
    assert 0.80 < met[True] / met.total() < 1.0


def test_without_noise_and_past_prerequisites_are_always_respected(
    catalogue: dict[str, pa.Table],
) -> None:
    config = SimulatorConfig(num_learners=100, order_noise=0, prior_knowledge_rate=0)
    required: dict[str, set[str]] = defaultdict(set)
    for row in catalogue["requires"].to_pylist():
        if row["any_of"] is None:
            required[row["course_id"]].add(row["requires_course_id"])
    done: dict[str, set[str]] = defaultdict(set)
    for row in pa.concat_tables(simulate(catalogue, config)).to_pylist():
        if row["type"] == "enrolled":
            assert required[row["course_id"]] <= done[row["learner_id"]]
        if row["type"] == "completed":
            done[row["learner_id"]].add(row["course_id"])


def test_harder_courses_are_dropped_more(
    catalogue: dict[str, pa.Table], interactions: pa.Table
) -> None:
    courses = catalogue["courses"].select(["course_id", "level"])
    ended = interactions.filter(pc.is_in(interactions["type"], pa.array(["completed", "dropped"])))
    counts = Counter(
        (row["level"], row["type"]) for row in ended.join(courses, "course_id").to_pylist()
    )
    share = {
        level: counts[level, "dropped"] / (counts[level, "dropped"] + counts[level, "completed"])
        for level in ("beginner", "expert")
    }
    assert 0.05 < share["beginner"] < share["expert"] < 0.6


@pytest.mark.parametrize("cause", ["dropout_rate", "dropout_difficulty", "dropout_unprepared"])
def test_each_cause_of_dropping_counts(catalogue: dict[str, pa.Table], cause: str) -> None:
    def share_dropped(value: float) -> float:
        config = SimulatorConfig(num_learners=400, **{"order_noise": 0.5, cause: value})
        types = pa.concat_tables(simulate(catalogue, config))["type"].to_pylist()
        return types.count("dropped") / types.count("enrolled")

    assert share_dropped(0.9) > 1.15 * share_dropped(0.01)


def test_forgetting_lowers_what_is_truly_held(catalogue: dict[str, pa.Table]) -> None:
    def mean_level(half_life_days: float) -> float:
        config = SimulatorConfig(num_learners=100, forgetting_half_life_days=half_life_days)
        levels = pa.concat_tables(iter_truth(catalogue, config))["level"]
        return float(pc.sum(levels).as_py())

    assert mean_level(60) < 0.6 * mean_level(2000)


def test_completing_teaches_and_doing_nothing_does_not(
    catalogue: dict[str, pa.Table], lives: dict[str, Rows]
) -> None:
    taught = defaultdict(set)
    for row in catalogue["teaches"].to_pylist():
        taught[row["course_id"]].add(row["skill_id"])
    config = CONFIG.model_copy(update={"prior_knowledge_rate": 0.0})
    for number in (5, 6, 7):
        alone = simulate_learner(catalogue, config, number)
        rows = alone.interactions.to_pylist()
        ended = [r["course_id"] for r in rows if r["type"] in {"completed", "dropped"}]
        assert set(alone.mastery) <= set().union(*(taught[c] for c in ended))


def test_goals_drive_what_is_taken(
    catalogue: dict[str, pa.Table], interactions: pa.Table, learners: pa.Table
) -> None:
    """Courses teach what the own target needs far more often than what another role needs."""
    needed: dict[str, set[str]] = defaultdict(set)
    for row in catalogue["needs"].to_pylist():
        needed[row["role_id"]].add(row["skill_id"])
    taught: dict[str, set[str]] = defaultdict(set)
    for row in catalogue["teaches"].to_pylist():
        taught[row["course_id"]].add(row["skill_id"])
    roles = sorted(needed)
    target = {r["learner_id"]: r["target_role_id"] for r in learners.to_pylist()}
    own = other = 0
    for row in interactions.filter(pc.equal(interactions["type"], "enrolled")).to_pylist():
        role = target[row["learner_id"]]
        if role:
            skills = taught[row["course_id"]]
            own += bool(skills & needed[role])
            other += bool(skills & needed[roles[(roles.index(role) + 7) % len(roles)]])
    assert own > 3 * other


def test_histories_predict_the_next_course_better_than_popularity(
    catalogue: dict[str, pa.Table], lives: dict[str, Rows]
) -> None:
    ids = {c: i for i, c in enumerate(catalogue["courses"]["course_id"].to_pylist())}
    sequences = [
        list(dict.fromkeys(ids[r["course_id"]] for r in rows if r["type"] == "enrolled"))
        for rows in lives.values()
    ]
    sequences = [s for s in sequences if len(s) >= 4]
    history = np.zeros((len(sequences), len(ids)))
    for row, sequence in enumerate(sequences):
        history[row, sequence[:-1]] = 1
    last = np.array([s[-1] for s in sequences])
    popularity = history.sum(axis=0)
    together = history.T @ history
    np.fill_diagonal(together, 0)
    similar = history @ (together / np.sqrt(np.outer(popularity + 5, popularity + 5)))

    def recall_at_10(scores: np.ndarray) -> float:
        scores = np.where(history > 0, -np.inf, scores)
        rank = (scores > scores[np.arange(len(last)), last][:, None]).sum(axis=1)
        return float((rank < 10).mean())

    popular = recall_at_10(np.broadcast_to(popularity, history.shape))
    assert popular < 0.4  # popularity matters, but is not all
    assert recall_at_10(similar) > 1.3 * popular


def test_write_parquet_streams_one_row_group_a_batch(
    catalogue: dict[str, pa.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is never looked at again, so memory is that of one batch."""
    made: list[weakref.ref[Any]] = []
    alive: list[int] = []
    original = simulator_run.simulate_batch

    def counted(*args: Any) -> Any:
        alive.append(sum(batch() is not None for batch in made))
        batch = original(*args)
        made.append(weakref.ref(batch))
        return batch

    monkeypatch.setattr(simulator_run, "simulate_batch", counted)
    config = SimulatorConfig(num_learners=480, batch_learners=32)
    seen: list[tuple[int, int]] = []
    summary = write_parquet(catalogue, config, tmp_path / "out", lambda *done: seen.append(done))
    file = pq.ParquetFile(tmp_path / "out" / "interactions.parquet")
    assert file.metadata.num_row_groups == 15
    assert file.schema_arrow.equals(TABLES["interactions"].schema)
    assert file.metadata.num_rows == summary.num_interactions
    assert summary.num_learners == 480
    assert seen == [(n, 480) for n in range(32, 481, 32)]
    assert max(alive) <= 1  # the one written last
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {f"{name}.parquet" for name in [*catalogue, "learners", "interactions"]}


def test_a_catalogue_of_courses_alone_is_enough() -> None:
    courses = pa.Table.from_pylist(
        [{"course_id": f"c{i}"} for i in range(30)], schema=TABLES["courses"].schema
    )
    rows = pa.concat_tables(simulate({"courses": courses}, SimulatorConfig(num_learners=100)))
    assert len(set(rows["course_id"].to_pylist())) > 20


def test_a_catalogue_nobody_could_use_is_refused(catalogue: dict[str, pa.Table]) -> None:
    empty = {"courses": TABLES["courses"].schema.empty_table()}
    with pytest.raises(InputError, match="no course"):
        next(simulate(empty, CONFIG))
    early = SimulatorConfig(start_at=0, end_at=10_000_000_000)
    with pytest.raises(InputError, match="published"):
        next(simulate(catalogue, early))

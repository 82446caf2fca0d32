"""What an update is made of: what is new, what is held out, places for new courses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from planted import bare, walks, with_contents

pytest.importorskip("torch", reason="training needs the extra 'train'")

from graphrec.bundle import CHAMPION, Bundle, BundleStore, BundleWriter
from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.features.changes import find_changes
from graphrec.models.carry_over import Growth, Places
from graphrec.models.fitting import create_run, default_config, fit_neural, hold_out_newest
from graphrec.models.training import Outcome
from graphrec.models.warm_start import Trained, WarmStartConfig, fine_tune
from graphrec.recommend.growth import growth, hold_out_new, in_rows, new_entries
from graphrec.recommend.validate import Validated
from graphrec.schema import TABLES
from training.checkpoints import read_outcome
from training.train import decide

EMPTY = {name: spec.schema.empty_table() for name, spec in TABLES.items()}


def rows(name: str, *given: dict[str, object]) -> pa.Table:
    schema = TABLES[name].schema
    full = [{column: one.get(column) for column in schema.names} for one in given]
    return pa.Table.from_pylist(full, schema=schema)


def event(
    learner: str, course: str, at: int | None = None, kind: str = "viewed"
) -> dict[str, object]:
    return {"learner_id": learner, "course_id": course, "type": kind, "at": at}


def test_new_rows_are_told_from_old_ones_whatever_their_time() -> None:
    courses = rows("courses", {"course_id": "a", "title": "A"}, {"course_id": "b"})
    old = EMPTY | {
        "courses": courses,
        "interactions": rows("interactions", event("l", "a", 1000), event("l", "b")),
        "teaches": rows("teaches", {"course_id": "a", "skill_id": "s", "level": 1.0}),
    }
    new = old | {
        # One came late, with an earlier time than all; one is said again; one has another type.
        "interactions": rows(
            "interactions",
            event("m", "a", 5),
            event("l", "b"),
            event("l", "a", 1000),
            event("l", "a", 1000, "completed"),
        ),
        "courses": rows(
            "courses", {"course_id": "c"}, {"course_id": "a", "title": "A!"}, {"course_id": "b"}
        ),
        "teaches": rows(
            "teaches",
            {"course_id": "a", "skill_id": "s", "level": 2.0},
            {"course_id": "c", "skill_id": "s"},
        ),
    }
    found = find_changes(old, new)
    assert (found.interactions, found.courses, found.changed_courses) == (2, 1, 1)
    assert found.edges == {"teaches": 1}
    assert not found.gone_courses
    assert not found.is_nothing
    assert find_changes(new, new).is_nothing
    back = find_changes(new, old)
    assert back.gone_courses == ("c",)
    assert back.gone_interactions == 2


def test_only_what_a_learner_had_not_taken_is_new() -> None:
    old = bare([[0, 1], [2]], 4)
    new = bare([[0, 3, 1, 4], [2], [0]], 5)
    assert new_entries(old, new).tolist() == [False, True, False, True, False, True]
    found = growth(old, new, new_entries(old, new), None)
    assert found.item_rows.tolist() == [0, 1, 2, 3, -1]
    assert found.is_learned.tolist() == [True, True, True, False, False]


def test_the_newest_new_event_of_half_the_learners_is_held_out() -> None:
    histories = Histories.from_lists([[0, 1, 2]] * 40)
    is_new = np.tile([False, True, True], 40)
    is_new[: 3 * 10] = np.tile([True, True, False], 10)  # came late: followed by an old one
    held = hold_out_new(histories, is_new, seed=0)
    assert len(held.rows) == 15
    assert held.rows.min() >= 10
    assert set(held.targets) == {2}
    assert held.train.lengths[held.rows].tolist() == [2] * 15
    assert held.is_new.sum() == is_new.sum() - 15
    again = hold_out_new(histories, is_new, seed=0)
    assert np.array_equal(again.rows, held.rows)
    unordered = replace(histories, is_ordered=np.zeros(40, bool))
    assert set(hold_out_new(unordered, is_new, seed=0).targets) <= {0, 1, 2}
    assert not len(hold_out_new(histories, np.zeros(120, bool), seed=0).rows)


def test_histories_lose_what_the_other_catalogue_lacks() -> None:
    moved = in_rows(Histories.from_lists([[0, 1, 2], [1]]), np.array([5, -1, 3]))
    assert [row.tolist() for row in moved] == [[5, 3], []]


def test_a_new_item_stands_beside_what_it_is_taken_with() -> None:
    data = bare([[0, 1, 4], [0, 1], [2, 3]], 6)
    learned = np.array([True, True, True, True, False, False])
    item_rows = np.array([0, 1, 2, 3, -1, -1])
    grown = Growth(item_rows, np.zeros(0, int), learned, np.zeros(7, bool))
    table = np.eye(6, 4, dtype=np.float32)
    filled = Places(data, grown).fill(table, item_rows < 0)
    assert np.array_equal(filled[:4], table[:4])
    assert filled[4].tolist() == [0.5, 0.5, 0, 0]
    assert filled[5].tolist() == [0.25] * 4  # nothing is known of it


@pytest.fixture(scope="module")
def grown() -> tuple[Dataset, Dataset]:
    """A catalogue before and after ten courses came, all of topics known before."""
    new = with_contents(walks(240, 60), num_topics=2)
    is_old = [row[row < 50][:-1] for row in new.histories]
    return with_contents(bare(is_old[:200], 50), num_topics=2), new


def trained(name: str, old: Dataset) -> Trained:
    small = {"embedding_dim": 16, "max_epochs": 2}
    config = default_config(name, old).model_copy(update=small)
    outcome = fit_neural(name, *hold_out_newest(old), config)
    return Trained(outcome.model, outcome.parameters, config)


def gone_on(
    name: str,
    start: Trained,
    grown: tuple[Dataset, Dataset],
    run_dir: Path | None = None,
    num_asked: int = 1_000,
    **given: int,
) -> Outcome:
    old, new = grown
    held = hold_out_new(new.histories, new_entries(old, new), 0)
    train = new.with_histories(held.train)
    asked = held.train.take(held.rows[:num_asked]), held.targets[:num_asked]
    config = WarmStartConfig(**given)  # type: ignore[arg-type]
    grew = growth(old, train, held.is_new, None)
    return fine_tune(name, start, train, asked, grew, config, run_dir=run_dir)


@pytest.mark.parametrize("name", ["graph", "sequence"])
def test_warm_start(name: str, grown: tuple[Dataset, Dataset]) -> None:
    """No pass changes nothing; passes learn; the same seed gives the same bits."""
    old, _ = grown
    start = trained(name, old)
    as_it_was = gone_on(name, start, grown, passes=0)
    before, after = start.model.score(old.histories), as_it_was.model.score(old.histories)
    np.testing.assert_allclose(after[:, : old.num_items], before, rtol=1e-4, atol=1e-4)
    assert after.shape[1] == old.num_items + 10
    on, again = (gone_on(name, start, grown, passes=3, seed=1) for _ in range(2))
    assert on.state.best_epoch > 0
    assert on.state.history[-1]["loss"] < on.state.history[0]["loss"]
    for key, array in on.model.state().items():
        np.testing.assert_array_equal(array, again.model.state()[key])
    other = gone_on(name, start, grown, passes=3, seed=2)
    assert not np.array_equal(other.model.score(old.histories), on.model.score(old.histories))
    # Its weights are what a next update goes on from.
    assert on.parameters.keys() == start.parameters.keys()


@pytest.mark.parametrize("num_asked", [0, 20])
def test_with_too_few_to_ask_the_last_pass_is_taken(
    grown: tuple[Dataset, Dataset], num_asked: int
) -> None:
    start = trained("graph", grown[0])
    state = gone_on("graph", start, grown, passes=3, num_asked=num_asked).state
    assert (state.epoch, state.best_epoch, state.is_finished) == (3, 3, True)


def test_an_interrupted_one_goes_on(grown: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    start = trained("graph", grown[0])
    whole = gone_on("graph", start, grown, passes=3)
    gone_on("graph", start, grown, passes=1, run_dir=tmp_path)
    state = tmp_path / "state.json"
    state.write_text(state.read_text().replace('"is_finished": true', '"is_finished": false'))
    resumed = gone_on("graph", start, grown, passes=3, run_dir=tmp_path)
    assert resumed.state.epoch == whole.state.epoch == 3
    kept = read_outcome("graph", tmp_path)  # as a Ray worker's checkpoint is read
    assert kept.parameters.keys() == start.parameters.keys()
    np.testing.assert_array_equal(resumed.model.state()["vectors"], whole.model.state()["vectors"])


def test_weights_of_another_shape_are_refused(grown: tuple[Dataset, Dataset]) -> None:
    start = trained("graph", grown[0])
    wide = {name: np.repeat(a, 2, axis=-1) for name, a in start.parameters.items() if a.ndim == 2}
    odd = replace(start, parameters={**start.parameters, **wide})
    with pytest.raises(TrainingError, match="do not fit"):
        gone_on("graph", odd, grown)


@pytest.mark.parametrize("name", ["graph", "sequence"])
def test_every_table_of_items_is_declared(name: str, grown: tuple[Dataset, Dataset]) -> None:
    """Else a new course would have no row in it."""
    data = grown[1]
    train, asked = hold_out_newest(data)
    run = create_run(name, train, asked, default_config(name, train))
    sizes = (data.num_items, data.num_items + 1, len(data.skills))
    tables = {n for n, a in run.parameters().items() if a.ndim == 2 and len(a) in sizes}
    assert tables == {table for table, _ in run.ROWS}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((0.20, 0.02), True),  # the old one finds less of the same events
        ((0.31, 0.02), True),  # more, within the noise of the difference
        ((0.35, 0.02), False),
        (None, False),  # a training: .3 against the .5 of the last training, not of the update
    ],
)
def test_who_serves_after_an_update(
    asked: tuple[float, float] | None, expected: bool, tmp_path: Path
) -> None:
    data = bare([[0, 1]], 10)
    bundles = BundleStore(tmp_path)

    def write(writer: BundleWriter) -> None:
        writer.table("items", data.items.to_arrow("course_id"))

    def publish(snapshot_hash: str, **told: object) -> Bundle:
        info = {"snapshot_hash": snapshot_hash, "metrics": {"pipeline": {"ndcg@10": 0.1}}}
        return bundles.publish(write, info=info | told)

    old = publish("old", update={"trained": {"ndcg@10": 0.5}})
    bundles.set_alias(CHAMPION, old.id)
    new = publish("new")
    found = Validated({"ndcg@10": 0.3, "recall@10": 0.4}, 0.01, 100)
    is_champion, verdict = decide(bundles, new, found, data, asked)
    assert is_champion == expected, verdict
    assert bundles.alias(CHAMPION) == (new.id if expected else old.id)

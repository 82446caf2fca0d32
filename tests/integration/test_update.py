"""``graphrec update``: a new course and new events, learned without a training."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="training needs the extra 'train'")

from graphrec.bundle import Bundle, BundleStore
from graphrec.cli.main import app
from graphrec.dataset import Dataset, Histories
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import SourceError
from graphrec.events.simulator import SimulatorConfig, write_parquet
from graphrec.events.splits import hold_out_last
from graphrec.features.signals import with_signals
from graphrec.graph.snapshot import Snapshot, write_snapshot
from graphrec.graph.store import open_store
from graphrec.models.fitting import fit_neural
from graphrec.models.training import Outcome
from graphrec.recommend.compose import Validation, compose, fit_models, refit_simple
from graphrec.recommend.model_io import TrainedPipeline, read_pipeline, write_pipeline
from graphrec.recommend.validate import validate_pipeline
from graphrec.schema import TABLES
from graphrec.settings import Settings
from training.train import Data, TrainOptions, _info, config_of

pytestmark = pytest.mark.timeout(1800)

Tables = dict[str, pa.Table]

PARTS = ("popularity", "itemknn", "ease", "sequence_rules", "content", "graph", "sequence")
OPTIONS = TrainOptions(models=PARTS, max_epochs=2, min_validation=50)


def simulated(folder: Path) -> Tables:
    """The academy with 250 learners."""
    write_parquet(load_catalogue(), SimulatorConfig(num_learners=250, seed=1), folder)
    return {path.stem: pq.read_table(path) for path in folder.glob("*.parquet")}


def most_taken(tables: Tables) -> str:
    counts = tables["interactions"]["course_id"].value_counts().to_pylist()
    return str(max(counts, key=lambda one: one["counts"])["values"])


def without(tables: Tables, course_id: str) -> Tables:
    """As it was before a course came."""
    cut = dict(tables)
    for name in ("courses", "teaches", "requires", "interactions"):
        for column in ("course_id", "requires_course_id"):
            if column in cut[name].schema.names:
                cut[name] = cut[name].filter(pc.not_equal(cut[name][column], course_id))
    return cut


def older(tables: Tables, share: float) -> Tables:
    """As it was when only a share of the events had come."""
    times = tables["interactions"]["at"]
    moment = int(np.quantile(times.drop_null().to_numpy(), share))
    is_old = pc.fill_null(pc.less_equal(times, moment), True)
    return tables | {"interactions": tables["interactions"].filter(is_old)}


def snapshot(tables: Tables, settings: Settings) -> Snapshot:
    """Written by the graph; the tables may follow one another in one store."""
    with open_store(settings) as graph:
        for name, spec in TABLES.items():
            if name in tables:
                graph.write(name, tables[name].select(spec.schema.names).cast(spec.schema))
        return write_snapshot(graph, settings.snapshots_dir)


def train_here(settings: Settings, taken: Snapshot) -> Bundle:
    """As ``graphrec train``, but in this process."""
    data = Data.of(taken)
    dataset, signals = with_signals(data.tables)
    held = hold_out_last(dataset.histories, min_length=2, seed=0, max_learners=100)
    known = signals.take(held.rows).before(held.times)
    validation = Validation(held.inputs, held.targets, known)
    train = dataset.with_histories(held.train)

    def briefly(name: str, given: Dataset, asked: tuple[Histories, np.ndarray]) -> Outcome:
        return fit_neural(name, given, asked, config_of(name, given, OPTIONS))

    fitted = fit_models(train, validation, fit_neural=briefly, names=PARTS)
    pipeline = compose(fitted.models, validation)
    validated = validate_pipeline(pipeline, validation)
    refit_simple(pipeline, dataset)
    whole = TrainedPipeline(pipeline, dataset.items, True, fitted.parameters)
    info = _info(data, OPTIONS, fitted, validated, train)
    bundles = BundleStore(settings.bundles_dir)
    bundle = bundles.publish(lambda writer: write_pipeline(writer, whole), info=info)
    bundles.set_alias("champion", bundle.id)
    return bundle


class World:
    """A store with a bundle that knows all but one course, and what came since."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(store=folder / "store")
        self.now = simulated(folder / "data")
        self.course_id = most_taken(self.now)
        self.before = snapshot(without(older(self.now, 0.7), self.course_id), self.settings)
        self.bundles = BundleStore(self.settings.bundles_dir)
        self.parent = train_here(self.settings, self.before)
        self.after = snapshot(self.now, self.settings)

    def run(self, *arguments: str) -> dict[str, Any]:
        """What ``graphrec update --json`` prints."""
        store = str(self.settings.store_dir)
        told = ("update", *arguments, "--store", store, "--json")
        done = CliRunner().invoke(app, told, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAPHREC_TEXT_ENCODER", "tfidf")  # a sentence encoder takes half a minute
        yield World(tmp_path_factory.mktemp("update"))


@pytest.fixture(scope="module")
def updated(world: World) -> dict[str, Any]:
    """After the command, with the graph as it is now."""
    return world.run("--passes", "2", "--seed", "3")


def test_what_is_new_is_counted_by_rows(world: World, updated: dict[str, Any]) -> None:
    rows = {name: world.after.rows[name] - world.before.rows[name] for name in TABLES}
    new = updated["new"]
    assert new["interactions"] == rows["interactions"] > 300
    assert new["courses"] == 1
    assert new["learners"] == rows["learners"]
    named = ("teaches", "requires", "skill_prerequisites", "needs")
    assert new["edges"] == {name: rows[name] for name in named if rows[name]}
    assert new["edges"]["teaches"] >= 1
    assert new["gone_interactions"] == new["changed_courses"] == 0


def test_the_manifest_says_how_it_was_made(world: World, updated: dict[str, Any]) -> None:
    manifest = world.bundles.load(updated["bundle"]).manifest
    assert manifest["parent"] == updated["parent"] == world.parent.id
    assert manifest["snapshot_hash"] == world.after.hash
    assert manifest["seed"] == 3
    assert manifest["config"]["update"]["passes"] == 2
    assert manifest["update"]["new"] == updated["new"]
    assert manifest["update"]["since"]["snapshot_hash"] == world.before.hash
    assert manifest["update"]["trained"] == world.parent.manifest["metrics"]["pipeline"]
    assert set(manifest["models"]) == set(PARTS)
    assert updated["held_out"] == manifest["num_validation"] > 20


def test_it_serves_where_it_is_no_worse(world: World, updated: dict[str, Any]) -> None:
    # Half of the new events' learners take the most popular course, which the old one lacks.
    assert updated["metrics"]["pipeline"]["ndcg@10"] > updated["before"]["ndcg@10"]
    assert updated["is_champion"], updated["verdict"]
    assert world.bundles.alias("champion") == updated["bundle"]


def test_the_new_course_is_given_to_whom_it_suits(world: World, updated: dict[str, Any]) -> None:
    trained = read_pipeline(world.bundles.load(updated["bundle"]))
    dataset, _ = with_signals(world.after.tables())
    course = trained.items.index(world.course_id)
    assert course is not None
    has = np.array([course in row for row in dataset.histories])
    rows = np.flatnonzero(has & (dataset.histories.lengths >= 3))
    asked = dataset.histories.take(rows)
    hidden = asked.keep(asked.items != course)
    for name in ("graph", "sequence"):
        scores = trained.pipeline.models[name].score(hidden)
        above = (scores > scores[:, [course]]).sum(axis=1)
        assert np.median(above) < dataset.num_items / 4, name
    ranking = trained.pipeline.rerank(trained.pipeline.shortlist(hidden, 50), 10)
    assert (ranking.items == course).any(axis=1).mean() > 0.3


def test_nothing_new_is_said_and_no_bundle_made(world: World, updated: dict[str, Any]) -> None:
    count = len(world.bundles.list())
    again = world.run()
    assert again["bundle"] is None
    assert again["verdict"] == f"nothing is new since bundle {updated['bundle']}."
    assert len(world.bundles.list()) == count


def test_it_is_made_again_bit_by_bit_from_its_parent(world: World, updated: dict[str, Any]) -> None:
    store = str(world.settings.store_dir)
    told = ("reproduce", updated["bundle"], "--store", store, "--json")
    done = CliRunner().invoke(app, told, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one for one in found["files"] if not one["is_same"]] == []
    assert found["ndcg@10"]["now"] == found["ndcg@10"]["before"] > 0
    assert {"parameters/graph.safetensors", "models/sequence.safetensors"} <= {
        one["name"] for one in found["files"]
    }


def test_without_passes_old_courses_score_as_before(world: World, updated: dict[str, Any]) -> None:
    given = ("--snapshot", str(world.after.directory), "--passes", "0")
    made = world.run(world.parent.id, *given)
    old, new = read_pipeline(world.parent), read_pipeline(world.bundles.load(made["bundle"]))
    rows = new.items.indices(old.items)
    dataset, _ = with_signals(world.before.tables())
    known = dataset.histories
    moved = Histories(known.indptr, rows[known.items].astype(np.int32), None, known.is_ordered)
    for name in ("graph", "sequence"):
        before = old.pipeline.models[name].score(known)
        after = new.pipeline.models[name].score(moved)
        # What nobody has taken is placed anew by its content in each bundle.
        taken = np.unique(known.items)
        np.testing.assert_allclose(after[:, rows[taken]], before[:, taken], rtol=1e-4, atol=1e-4)
        assert np.isfinite(after).all()


def test_a_snapshot_without_known_courses_is_refused(world: World, tmp_path: Path) -> None:
    known = str(world.before.table("courses")["course_id"][0])
    other = snapshot(without(world.now, known), Settings(store=tmp_path))
    with pytest.raises(SourceError, match=r"lacks 1 courses.*graphrec train"):
        world.run(world.parent.id, "--snapshot", str(other.directory))


def test_the_bundles_own_snapshot_must_be_found(world: World, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--since"):
        world.run(
            world.parent.id, "--snapshot", str(world.after.directory), "--since", str(tmp_path)
        )

"""Novelty and exploration as a learner meets them: prepared or not, alone or in a batch."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recommend_checks import Rules, check_reason, takers_of
from typer.testing import CliRunner

from graphrec import Recommender
from graphrec.bundle import BundleStore, BundleWriter
from graphrec.cli.main import app
from graphrec.cli.recommend import _write_batch
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import ParameterError
from graphrec.events.simulator import SimulatorConfig, write_parquet
from graphrec.events.splits import hold_out_last
from graphrec.features.ranking_tables import CourseColumns
from graphrec.features.signals import with_signals
from graphrec.graph.store import GraphStore, open_store
from graphrec.recommend.compose import Validation, compose, fit_models, refit_simple
from graphrec.recommend.explorer import write_explorer
from graphrec.recommend.explorer_fit import Exploration, with_untaken
from graphrec.recommend.model_io import TrainedPipeline, write_pipeline
from graphrec.recommend.ranker_fit import fit_ranking
from graphrec.recommend.schemas import CourseFilters, RecommendedCourse, RecommendRequest
from graphrec.schema import TABLES
from graphrec.settings import Settings, read_settings

pytest.importorskip("sklearn", reason="content is fitted with the extra 'train'")

MODELS = ("popularity", "itemknn", "ease", "sequence_rules", "content")
NUM_UNTAKEN = 12


@dataclass(frozen=True)
class World:
    """What was written, and where; ``hidden`` and ``locked`` are untaken too."""

    settings: Settings
    tables: dict[str, list[dict[str, Any]]]
    learners: list[str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The academy with 250 learners, and copies of its courses that nobody has taken."""
    folder = tmp_path_factory.mktemp("academy")
    write_parquet(load_catalogue(), SimulatorConfig(num_learners=250, seed=2), folder)
    tables = {p.stem: pq.read_table(p).to_pylist() for p in folder.glob("*.parquet")}
    _add_untaken(tables)
    store = tmp_path_factory.mktemp("store")
    settings = Settings(store=store, graph_buffer_mb=64, graph_max_gb=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAPHREC_TEXT_ENCODER", "tfidf")
        with open_store(settings) as graph:
            for name in TABLES:
                rows = pa.Table.from_pylist(tables.get(name, []), schema=TABLES[name].schema)
                graph.write(name, rows)
            publish(settings, graph)
    learners = [row["learner_id"] for row in tables["learners"]]
    return World(settings, tables, learners)


def _add_untaken(tables: dict[str, list[dict[str, Any]]]) -> None:
    teaches = tables["teaches"]
    for number, row in enumerate(tables["courses"][:NUM_UNTAKEN]):
        new = f"new-{number}"
        tables["courses"].append({**row, "course_id": new, "hidden": number == 0})
        tables["teaches"] = tables["teaches"] + [
            {**one, "course_id": new} for one in teaches if one["course_id"] == row["course_id"]
        ]
    lock = {"course_id": "new-1", "requires_course_id": "new-2", "any_of": None}
    tables["requires"].append(lock)


def publish(settings: Settings, store: GraphStore, *, ranks: bool = False) -> None:
    """Publish as ``graphrec train`` does, without the neural models."""
    tables = store.export_snapshot(list(TABLES))
    dataset, signals = with_signals(tables)
    held = hold_out_last(dataset.histories, min_length=2, seed=0, max_learners=150)
    train = dataset.with_histories(held.train)
    known = signals.take(held.rows).before(held.times)
    asked = Validation(held.inputs, held.targets, known, held.times)
    fitted = fit_models(train, asked, fit_neural=None, names=MODELS)  # type: ignore[arg-type]
    pipeline = compose(with_untaken(fitted.models, train), asked)
    told = Exploration.learn(pipeline, train, asked)
    if ranks:
        facts = CourseColumns.from_tables(tables).facts(train)
        assert fit_ranking(pipeline, asked, facts).layer is not None
    refit_simple(pipeline, dataset)
    explorer = told.publish(pipeline, dataset)
    assert explorer is not None
    trained = TrainedPipeline(pipeline, dataset.items, has_commitments=True)

    def write(writer: BundleWriter) -> None:
        write_pipeline(writer, trained)
        write_explorer(writer, explorer)

    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    bundles = BundleStore(settings.bundles_dir)
    bundle = bundles.publish(write, info=info | {"metrics": {}, "models": list(fitted.models)})
    bundles.set_alias("champion", bundle.id)


@pytest.fixture(scope="module")
def recommender(world: World) -> Iterator[Recommender]:
    with Recommender.open(world.settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def prepared(world: World, recommender: Recommender) -> Recommender:
    opened = Recommender.open(world.settings, store=recommender.store)
    opened.preload()
    assert opened.prepare() > 200
    return opened


def ids(courses: list[RecommendedCourse]) -> list[str]:
    return [course.course_id for course in courses]


def ask(recommender: Recommender, learner: str | None, **fields: Any) -> list[RecommendedCourse]:
    return recommender.recommend(RecommendRequest(learner_id=learner, **fields)).courses


KNOBS = list(itertools.product((0.0, 0.3, 1.0), (0.0, 0.1, 0.4)))


@pytest.mark.parametrize(("novelty", "exploration"), KNOBS)
def test_prepared_or_not_the_answer_is_the_same(
    world: World,
    recommender: Recommender,
    prepared: Recommender,
    novelty: float,
    exploration: float,
) -> None:
    knobs = {"novelty": novelty, "exploration": exploration}
    some = world.learners[::9]
    for k in (10, 40):
        batch = [a.courses for a in recommender.recommend_many(some, k, **knobs)]
        for learner, courses in zip(some, batch, strict=True):
            one = ask(prepared, learner, k=k, **knobs)
            other = ask(recommender, learner, k=k, **knobs)
            assert ids(one) == ids(other) == courses
            assert [c.reason for c in one] == [c.reason for c in other]
            assert [c.is_exploration for c in one] == [c.is_exploration for c in other]
            wanted = pytest.approx([c.score for c in other], abs=1e-4)
            assert [c.score for c in one] == wanted
            for course in one:
                assert sum(course.scores.values()) == pytest.approx(course.score, abs=1e-3)


def test_more_novelty_gives_what_is_no_better_known(world: World, prepared: Recommender) -> None:
    takers = takers_of(prepared)
    means = []
    for novelty in (0.0, 0.25, 0.5, 0.75, 1.0):
        given = [
            np.mean([np.log1p(len(takers[c])) for c in ids(courses)])
            for learner in world.learners[:60]
            if (courses := ask(prepared, learner, novelty=novelty, exploration=0))
        ]
        means.append(np.array(given))
    for less, more in itertools.pairwise(means):
        assert (more <= less + 1e-6).all()
    assert means[-1].mean() < means[0].mean() - 0.2


def test_no_novelty_is_the_best_list(world: World, prepared: Recommender) -> None:
    learner = world.learners[5]
    plain = ask(prepared, learner, exploration=0)
    assert plain == ask(prepared, learner, exploration=0, novelty=0)
    assert all("novelty" not in course.scores for course in plain)
    nearly = ask(prepared, learner, exploration=0, novelty=1e-9)
    assert ids(nearly) == ids(plain)
    assert all("novelty" in course.scores for course in nearly)


def test_the_last_of_ten_explores(world: World, recommender: Recommender) -> None:
    rules = Rules(world.tables, frozenset({"new-0"}))
    takers = takers_of(recommender)
    targets = {row["learner_id"]: row["target_role_id"] for row in world.tables["learners"]}
    found = set()
    for learner in world.learners[:40]:
        plain = ask(recommender, learner, k=20, exploration=0)
        courses = ask(recommender, learner, k=20)
        assert ids(ask(recommender, learner, k=10)) == ids(courses)[:10]
        assert [c.score for c in courses] == sorted((c.score for c in courses), reverse=True)
        explored = [c for c in courses if c.is_exploration]
        if not explored:  # courses with few learners are among the best anyhow
            assert ids(courses) == ids(plain)
        kept = [c for c in ids(courses) if c not in set(ids(explored))]
        assert kept == [c for c in ids(plain) if c in set(kept)]
        assert {courses.index(course) for course in explored} <= {9, 19}
        for course in explored:
            assert course.course_id in rules.open_to(learner)
            assert len(takers[course.course_id]) < 5
            assert course.reason.text.startswith("New course")
            assert list(course.scores) == ["exploration"]
            check_reason(recommender, learner, targets[learner], course, takers)
            found.add(course.course_id)
    assert len(found) >= 5
    assert not {"new-0", "new-1"} & found  # hidden, and behind a course that nobody has


@pytest.mark.parametrize("role", [None, "data-analyst"])
def test_newcomers_explore_too(recommender: Recommender, role: str | None) -> None:
    for learner in (None, "nobody-knows-me"):
        courses = ask(recommender, learner, target_role_id=role)
        assert [c.is_exploration for c in courses] == [False] * 9 + [True]
        assert courses[-1].reason.text.startswith("New course")
        plain = ask(recommender, learner, target_role_id=role, exploration=0)
        assert ids(courses)[:9] == ids(plain)[:9]
        assert courses == ask(recommender, learner, target_role_id=role)


def test_filters_hold_for_what_is_explored(world: World, recommender: Recommender) -> None:
    wanted = next(row for row in world.tables["courses"] if row["course_id"] == "new-3")
    level = CourseFilters(level=[wanted["level"]])
    levels = {row["course_id"]: row["level"] for row in world.tables["courses"]}
    explored = set()
    for learner in world.learners[:10]:
        given = ask(recommender, learner, filters=level, exploration=0.5, exclude=["new-3"])
        assert {levels[c] for c in ids(given)} == {wanted["level"]}
        explored |= {c.course_id for c in given if c.is_exploration}
    assert explored
    assert "new-3" not in explored
    none = ask(recommender, world.learners[0], filters=CourseFilters(language=["tlh"]))
    assert none == []


def test_the_settings_are_what_holds_without_a_word(
    world: World, recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = world.settings.model_copy(update={"exploration": 0.0, "novelty": 0.5})
    other = Recommender.open(quiet, store=recommender.store)
    learner = world.learners[3]
    wanted = ask(recommender, learner, exploration=0, novelty=0.5)
    assert ask(other, learner) == wanted
    output = tmp_path / "out.jsonl"
    _write_batch(recommender, [learner], 10, output, novelty=0.5, exploration=0.0)
    assert json.loads(output.read_text())["courses"] == ids(wanted)
    for name in ("GRAPHREC_NOVELTY", "GRAPHREC_EXPLORATION"):
        monkeypatch.setenv(name, "2")
        with pytest.raises(ParameterError, match="less than or equal") as refused:
            read_settings(Settings)
        assert refused.value.where == name
        monkeypatch.delenv(name)


def test_novelty_without_a_history_says_that_it_changes_nothing(recommender: Recommender) -> None:
    answer = recommender.recommend(RecommendRequest(novelty=0.7))
    assert any("novelty" in text for text in answer.warnings)
    assert ids(answer.courses) == ids(ask(recommender, None))


@pytest.mark.parametrize("option", ["--novelty", "--exploration"])
def test_values_out_of_range_are_refused(option: str, tmp_path: Path) -> None:
    for value in ("1.5", "-1", "much", "nan"):
        given = ["recommend", "ada", "--store", str(tmp_path), option, value]
        result = CliRunner().invoke(app, given)
        assert result.exit_code != 0
        assert option in result.output + str(result.exception), value


def test_a_ranker_serves_where_the_bundle_has_one(
    world: World, recommender: Recommender, tmp_path: Path
) -> None:
    pytest.importorskip("lightgbm", reason="the train extra is not installed")
    settings = world.settings.model_copy(update={"store": tmp_path})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("graphrec.recommend.ranker_fit.ERRORS", -1e9)  # on, whether it wins or not
        publish(settings, recommender.store, ranks=True)
    ranked = Recommender.open(settings, store=recommender.store)
    off = settings.model_copy(update={"ranker": "off"})
    plain = Recommender.open(off, store=recommender.store)
    learners = world.learners[:40]
    differs = 0
    for learner in learners:
        courses, without = ask(ranked, learner), ask(plain, learner)
        for course in courses:
            assert course.is_exploration or "ranker" in course.scores
            assert sum(course.scores.values()) == pytest.approx(course.score, abs=1e-4)
        assert all("ranker" not in course.scores for course in without)
        differs += ids(courses) != ids(without)
    assert differs > 0
    opened = Recommender.open(settings, store=recommender.store)
    opened.preload()
    opened.prepare()
    for learner in learners:  # shortlists made before anybody asked are ranked alike
        assert ids(ask(opened, learner)) == ids(ask(ranked, learner))


def test_plans_of_equal_hours_differ_by_what_fits_the_learner(recommender: Recommender) -> None:
    catalogue = recommender.catalogue
    learner = ranked_learner(recommender)
    skill = next(s for s in sorted(catalogue.skills) if len(catalogue.courses_teaching(s)) >= 3)
    courses = list(catalogue.courses_teaching(skill))
    engine = recommender._engine
    known = recommender.learners.get(learner)
    fit = engine.fit(known, (), None, courses)
    assert fit
    assert set(fit) <= set(courses) - known.taken
    assert fit == engine.fit(known, (), None, courses)
    # Of somebody unknown nothing is known but what others took.
    nobody = engine.fit(recommender.learners.anonymous(), (), None, courses)
    assert list(nobody) == courses
    most = max(courses, key=lambda c: engine.num_learners[engine.items.index(c)])
    assert nobody[most] == max(nobody.values())
    # Courses of this session count as taken.
    recent = engine.fit(recommender.learners.anonymous(), (courses[0],), None, courses)
    assert courses[0] not in recent
    assert engine.fit(known, (), None, []) == {}


def ranked_learner(recommender: Recommender) -> str:
    """Some learner with a history."""
    learner = recommender.example_learner()
    assert learner is not None
    return learner

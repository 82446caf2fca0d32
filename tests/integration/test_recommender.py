"""The recommender on a real graph of simulated learners: rules, reasons, cold starts, batches."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recommend_checks import Rules, check_reason, takers_of
from typer.testing import CliRunner

from graphrec import Recommender
from graphrec.bundle import BundleStore
from graphrec.cli.main import app
from graphrec.cli.recommend import _read_ids, _write_batch  # one process owns the graph
from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import UnknownIdError
from graphrec.events.simulator import SimulatorConfig, write_parquet
from graphrec.events.splits import hold_out_last
from graphrec.features.signals import with_signals
from graphrec.graph.store import GraphStore
from graphrec.recommend.compose import Validation, compose, fit_models, refit_simple
from graphrec.recommend.model_io import TrainedPipeline, write_pipeline
from graphrec.recommend.schemas import CourseFilters, RecommendedCourse, RecommendRequest
from graphrec.schema import TABLES
from graphrec.settings import Settings

MODELS = ("popularity", "itemknn", "ease", "sequence_rules")

NEVER_TAKEN, NEWCOMER, RATER = "untaken-course", "learner-new", "learner-rater"


@dataclass(frozen=True)
class World:
    """What was imported, by name of the table, and where it went."""

    settings: Settings
    tables: dict[str, list[dict[str, Any]]]
    hidden: frozenset[str]

    @property
    def learners(self) -> list[str]:
        return [row["learner_id"] for row in self.tables["learners"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The demonstration academy with 300 learners, imported, trained on and published."""
    folder = tmp_path_factory.mktemp("academy")
    write_parquet(load_catalogue(), SimulatorConfig(num_learners=300, seed=1), folder)
    tables = {p.stem: pq.read_table(p).to_pylist() for p in folder.glob("*.parquet")}
    taken = Counter(row["course_id"] for row in tables["interactions"])
    hidden = frozenset(course for course, _ in taken.most_common(2))  # they would be recommended
    for row in tables["courses"]:
        row["hidden"] = row["course_id"] in hidden
    skill = Counter(row["skill_id"] for row in tables["needs"]).most_common(1)[0][0]
    tables["courses"].append(_course(NEVER_TAKEN))
    tables["teaches"].append({"course_id": NEVER_TAKEN, "skill_id": skill, "level": 5.0})
    tables["learners"] += [
        {"learner_id": learner, "role_id": None, "target_role_id": None}
        for learner in (NEWCOMER, RATER)
    ]
    for name, rows in tables.items():
        table = pa.Table.from_pylist(rows, schema=TABLES[name].schema)
        pq.write_table(table, folder / f"{name}.parquet")
    settings = Settings(store=tmp_path_factory.mktemp("store"), graph_buffer_mb=64, graph_max_gb=1)
    arguments = ["import", "native", str(folder), "--store", str(settings.store)]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    with Recommender.open(settings) as recommender:
        publish(settings, recommender.store)
    return World(settings, tables, hidden)


def _course(course_id: str) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(TABLES["courses"].schema.names)
    return empty | {"course_id": course_id, "title": course_id, "hours": 3.0, "language": "en"}


def publish(settings: Settings, store: GraphStore) -> str:
    """Train the simple models as ``graphrec train`` does, and make them champion."""
    dataset, signals = with_signals(store.export_snapshot(list(TABLES)))
    held = hold_out_last(dataset.histories, min_length=2, seed=0, max_learners=150)
    known = signals.take(held.rows).before(held.times)
    validation = Validation(held.inputs, held.targets, known)
    fitted = fit_models(
        dataset.with_histories(held.train),
        validation,
        fit_neural=None,  # type: ignore[arg-type]
        names=MODELS,
    )
    pipeline = compose(fitted.models, validation)
    refit_simple(pipeline, dataset)
    trained = TrainedPipeline(pipeline, dataset.items, has_commitments=True)
    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    info |= {"metrics": {}, "models": list(fitted.models)}
    bundles = BundleStore(settings.bundles_dir)
    bundle = bundles.publish(lambda writer: write_pipeline(writer, trained), info=info)
    bundles.set_alias("champion", bundle.id)
    return bundle.id


@pytest.fixture(scope="module")
def recommender(world: World) -> Iterator[Recommender]:
    with Recommender.open(world.settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def rules(world: World) -> Rules:
    return Rules(world.tables, world.hidden)


def ids(courses: list[RecommendedCourse]) -> list[str]:
    return [course.course_id for course in courses]


@pytest.mark.parametrize("k", [20, 200])
def test_no_learner_is_given_what_is_ruled_out(
    world: World, recommender: Recommender, rules: Rules, k: int
) -> None:
    answers = list(recommender.recommend_many(world.learners, k))
    assert [answer.learner_id for answer in answers] == world.learners
    for answer in answers:
        eligible = rules.open_to(answer.learner_id)
        assert set(answer.courses) <= eligible, answer.learner_id
        assert len(answer.courses) == len(set(answer.courses)) == min(k, len(eligible))
        assert len(answer.scores) == len(answer.courses)
        assert answer.scores == sorted(answer.scores, reverse=True)


def test_a_hundred_reasons_stand_in_the_graph(world: World, recommender: Recommender) -> None:
    takers = takers_of(recommender)
    targets = {row["learner_id"]: row["target_role_id"] for row in world.tables["learners"]}
    codes = Counter[str]()
    for learner in (*world.learners[:24], NEWCOMER):
        for course in recommender.recommend(learner, k=6).courses:
            check_reason(recommender, learner, targets[learner], course, takers)
            codes[course.reason.code] += 1
    assert codes.total() >= 100
    assert {"teaches_needed_skill", "co_taken", "popular"} <= set(codes), codes


def test_without_a_role_reasons_rest_on_the_history(world: World, recommender: Recommender) -> None:
    aimless = [r["learner_id"] for r in world.tables["learners"] if not r["target_role_id"]]
    busy = {row["learner_id"] for row in world.tables["interactions"]}
    takers = takers_of(recommender)
    codes: Counter[str] = Counter()
    for learner in [one for one in aimless if one in busy][:8]:
        for course in recommender.recommend(learner, k=8).courses:
            check_reason(recommender, learner, None, course, takers)
            codes[course.reason.code] += 1
    assert {"unlocked_by", "co_taken"} <= set(codes), codes
    assert "teaches_needed_skill" not in codes


def test_shares_are_named_by_part_and_add_up(world: World, recommender: Recommender) -> None:
    answer = recommender.recommend(world.learners[0], k=10)
    assert answer.source == "pipeline"
    assert not answer.is_cold
    assert answer.bundle == recommender.health().bundle
    for course in answer.courses:
        assert set(course.scores) >= set(MODELS)
        assert sum(course.scores.values()) == pytest.approx(course.score, abs=1e-3)


def test_the_same_question_has_the_same_answer(world: World, recommender: Recommender) -> None:
    learner = world.learners[3]
    one = recommender.recommend(learner, k=20)
    assert recommender.recommend(learner, k=20) == one
    recommender.learners.forget([learner])
    assert recommender.recommend(learner, k=20) == one
    assert ids(recommender.recommend(learner, k=5).courses) == ids(one.courses)[:5]


@pytest.mark.parametrize("learner", ["nobody-knows-me", NEWCOMER, None])
def test_without_a_history_the_answer_is_cold_and_says_so(
    world: World, recommender: Recommender, rules: Rules, learner: str | None
) -> None:
    answer = recommender.recommend(learner, k=10)
    assert answer.is_cold
    assert answer.source == "content"
    assert answer.learner_id == learner
    assert set(ids(answer.courses)) <= rules.open_to("nobody")
    takers = takers_of(recommender)
    given = [len(takers[course]) for course in ids(answer.courses)]
    assert given == sorted(given, reverse=True)  # no role: by popularity alone
    assert any("unknown" in text for text in answer.warnings) == (learner == "nobody-knows-me")


def test_without_a_history_a_role_leads(world: World, recommender: Recommender) -> None:
    role = world.tables["roles"][0]["role_id"]
    needed = {r["skill_id"] for r in world.tables["needs"] if r["role_id"] == role}
    answer = recommender.recommend(RecommendRequest(target_role_id=role, k=3))
    for course in answer.courses:
        taught = {
            r["skill_id"] for r in world.tables["teaches"] if r["course_id"] == course.course_id
        }
        assert taught & needed
        assert course.reason.code == "teaches_needed_skill"
    with pytest.raises(UnknownIdError, match="There is no role 'astronaut'"):
        recommender.recommend(RecommendRequest(target_role_id="astronaut"))


def test_a_course_never_taken_is_reachable(recommender: Recommender) -> None:
    answer = recommender.recommend(NEWCOMER, k=200)
    course = next(c for c in answer.courses if c.course_id == NEVER_TAKEN)
    assert course.reason.code == "new"
    assert [c.course_id for c in recommender.similar(NEVER_TAKEN, 5)]
    assert NEVER_TAKEN in ids(recommender.recommend("learner-000001", k=200).courses)


def test_an_anonymous_session(world: World, recommender: Recommender, rules: Rules) -> None:
    role = world.tables["roles"][0]["role_id"]
    recent = [next(iter(sorted(rules.open_to("nobody"))))]
    request = RecommendRequest(recent_courses=[*recent, "no such course"], target_role_id=role)
    answer = recommender.recommend(request)
    assert answer.source == "pipeline"
    assert not answer.is_cold
    assert answer.warnings == ["Not in the catalogue and ignored: no such course."]
    rules.completed["session"] = set(recent)
    assert set(ids(answer.courses)) <= rules.open_to("session")
    assert len(answer.courses) == 10
    other = next(c for c in sorted(rules.open_to("nobody")) if c not in recent and c != NEVER_TAKEN)
    elsewhere = recommender.recommend(RecommendRequest(recent_courses=[other]))
    here = recommender.recommend(RecommendRequest(recent_courses=recent))
    assert ids(elsewhere.courses) != ids(here.courses)


def test_filters_and_exclusions_rule_out(world: World, recommender: Recommender) -> None:
    rows = {row["course_id"]: row for row in world.tables["courses"]}
    language = Counter(r["language"] for r in rows.values()).most_common(2)[1][0]
    level = rows[ids(recommender.recommend(None, k=1).courses)[0]]["level"]
    provider = rows[ids(recommender.recommend(None, k=1).courses)[0]]["provider"]
    first = ids(recommender.recommend(world.learners[0], k=5).courses)

    def given(**fields: Any) -> list[dict[str, Any]]:
        request = RecommendRequest(learner_id=world.learners[0], k=200, **fields)
        return [rows[course] for course in ids(recommender.recommend(request).courses)]

    assert not set(first) & {row["course_id"] for row in given(exclude=first)}
    for name, value in (("language", language), ("level", level), ("provider", provider)):
        found = given(filters=CourseFilters(**{name: [value]}))
        assert found
        assert {row[name] for row in found} == {value}
        assert given(filters=CourseFilters(**{name: [value.upper()]})) == found
    short = given(filters=CourseFilters(min_hours=5, max_hours=12))
    assert short
    assert all(5 <= row["hours"] <= 12 for row in short)
    assert given(filters=CourseFilters(language=["tlh"])) == []


def test_the_batch_file_says_what_single_answers_say(
    world: World, recommender: Recommender, tmp_path: Path
) -> None:
    asked = ["nobody knows me", *world.learners[:5], world.learners[2], NEWCOMER]
    wanted = {one: recommender.recommend(one, k=7) for one in asked}
    source, output = tmp_path / "ids.txt", tmp_path / "new" / "out.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(asked).encode() + b"\r\n\r\n")
    assert _write_batch(recommender, list(_read_ids(source)), 7, output) == 2
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["learner_id"] for line in lines] == asked
    for line in lines:
        assert list(line) == ["learner_id", "courses", "scores", "cold"]
        one = wanted[line["learner_id"]]
        assert line["courses"] == ids(one.courses)
        assert line["scores"] == pytest.approx([c.score for c in one.courses], abs=1e-5)
        assert line["cold"] == one.is_cold
    assert [path.name for path in output.parent.iterdir()] == ["out.jsonl"]


def test_learners_read_in_bulk_are_those_read_one_by_one(
    world: World, recommender: Recommender
) -> None:
    some = world.learners[:12]
    single = [ids(recommender.recommend(one, k=9).courses) for one in some]
    recommender.learners.forget(world.learners)
    bulk = {a.learner_id: a.courses for a in recommender.recommend_many(world.learners, 9)}
    assert [bulk[one] for one in some] == single


def test_prepared_shortlists_change_no_answer(world: World, recommender: Recommender) -> None:
    prepared = Recommender.open(world.settings, store=recommender.store)
    assert prepared.prepare() == 0, "nobody was preloaded"
    prepared.preload()
    asked_to_stop = iter([False, True])
    some = prepared.prepare(lambda: next(asked_to_stop))
    assert 0 < some < len(world.learners) - 2
    assert prepared.prepare() == prepared.num_prepared == len(world.learners) - 2
    for k in (5, 200):
        for learner in world.learners:
            one, other = (r.recommend(learner, k=k) for r in (prepared, recommender))
            assert ids(one.courses) == ids(other.courses)
            assert [c.reason for c in one.courses] == [c.reason for c in other.courses]
            wanted = pytest.approx([c.score for c in other.courses], abs=1e-4)
            assert [c.score for c in one.courses] == wanted


def test_a_prepared_shortlist_ends_with_an_event(world: World, recommender: Recommender) -> None:
    prepared = Recommender.open(world.settings, store=recommender.store)
    prepared.preload()
    prepared.prepare(lambda: prepared.num_prepared > 0)
    learner = world.learners[7]
    first = ids(prepared.recommend(learner, k=5).courses)[0]
    event = {"event_id": "e0", "type": "enrolled", "learner_id": learner, "course_id": first}
    assert prepared.ingest([event])[0].status == "accepted"
    prepared.prepare()
    answer = prepared.recommend(learner, k=5)
    assert first not in ids(answer.courses)
    fresh = Recommender.open(world.settings, store=recommender.store)
    assert ids(fresh.recommend(learner, k=5).courses) == ids(answer.courses)
    recommender.learners.forget([learner])


def test_nobody_is_prepared_who_changed_before(world: World, recommender: Recommender) -> None:
    prepared = Recommender.open(world.settings, store=recommender.store)
    prepared.preload()
    prepared.learners.forget(world.learners)
    assert not prepared.is_prepared
    assert prepared.prepare() == 0
    assert prepared.is_prepared


def test_an_event_changes_the_next_answer(world: World, recommender: Recommender) -> None:
    first = ids(recommender.recommend(RATER, k=5).courses)[0]
    event = {"event_id": "e1", "type": "completed", "learner_id": RATER, "course_id": first}
    assert recommender.ingest([event])[0].status == "accepted"
    answer = recommender.recommend(RATER, k=200)
    assert not answer.is_cold
    assert answer.source == "pipeline"
    assert first not in ids(answer.courses)
    assert recommender.ingest([event])[0].status == "duplicate"
    assert recommender.recommend(RATER, k=200) == answer


def test_a_damaged_bundle_leaves_popularity_and_says_why(
    world: World, recommender: Recommender, rules: Rules
) -> None:
    bundles = BundleStore(world.settings.bundles_dir)
    champion = bundles.resolve("champion")
    path = next((bundles.root / champion).glob("models/ease*"))
    before = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    damaged = Recommender.open(world.settings, store=recommender.store)
    health = damaged.health()
    assert not health.ready
    assert health.reason is not None
    assert "ease" in health.reason
    answer = damaged.recommend(world.learners[0], k=10)
    assert (answer.source, answer.bundle) == ("popularity", None)
    assert set(ids(answer.courses)) <= rules.open_to(world.learners[0])
    assert len(answer.courses) == 10
    path.write_bytes(before)
    fresh = publish(world.settings, recommender.store)
    assert damaged.refresh()
    assert damaged.health().bundle == damaged.recommend(world.learners[0]).bundle == fresh

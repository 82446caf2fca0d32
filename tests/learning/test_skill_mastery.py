"""Mastery: parameters are found again, the truth is met, confidence fades, nothing leaks."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import InputError
from graphrec.events.simulator import SimulatorConfig, iter_batches
from graphrec.mastery.bkt import BayesianKnowledgeTracing, BktConfig, parameters, theta_of
from graphrec.mastery.evidence import DAY_MS, Evidence, collect_evidence
from graphrec.mastery.state import mastery_at
from graphrec.mastery.truth import validate_truth
from graphrec.mastery.validate import auc, models, validate
from graphrec.schema import TABLES

TRUE = np.array([[0.3, 0.15, 0.05, 0.2, 0.1, 3000.0]])


def _drilled(num_learners: int, length: int) -> Evidence:
    """Learners who work at one skill once a day, by the model's own rules."""
    init, learn, _, guess, slip, half_life = TRUE[0]
    rng = np.random.default_rng(3)
    known = rng.random(num_learners) < init
    outcomes = np.empty((num_learners, length))
    for day in range(length):
        known &= rng.random(num_learners) < 2.0 ** (-(1.0 if day else 0.0) / half_life)
        outcomes[:, day] = rng.random(num_learners) < np.where(known, 1 - slip, guess)
        known |= rng.random(num_learners) < learn
    learner = np.repeat(np.arange(num_learners), length)
    flat = outcomes.ravel()
    return Evidence(
        learner_ids=[str(n) for n in range(num_learners)],
        course_ids=["drill"],
        skill_ids=["sums"],
        learner=learner,
        course=np.zeros(len(flat), np.int64),
        at=np.tile(np.arange(length) * DAY_MS, num_learners),
        outcome=flat,
        success=flat,
        skills=[np.array([0])],
        levels=[np.array([2.0])],
        needs=[np.empty(0, np.int64)],
    )


def test_parameters_are_found_again() -> None:
    model = BayesianKnowledgeTracing(BktConfig(anchor=0.1))
    model.fit(_drilled(600, 12))
    found = parameters(model.theta)[0]
    assert np.abs(found[[0, 1, 3, 4]] - TRUE[0, [0, 1, 3, 4]]).max() < 0.06
    assert np.allclose(parameters(theta_of(TRUE)), TRUE)


@pytest.fixture(scope="module")
def academy() -> tuple[Evidence, pa.Table, int]:
    config, catalogue = SimulatorConfig(num_learners=150), load_catalogue()
    batches = list(iter_batches(catalogue, config))
    rows = pa.concat_tables([batch.interactions for batch in batches])
    truth = pa.concat_tables([batch.truth for batch in batches])
    return collect_evidence({**catalogue, "interactions": rows}), truth, config.end_at


def test_the_truth_is_met_better_than_without_a_model(
    academy: tuple[Evidence, pa.Table, int],
) -> None:
    scores = {score.model: score for score in validate_truth(*academy)}
    best = max(score.auc for name, score in scores.items() if name != "bkt")
    assert scores["bkt"].auc > best + 0.03
    assert scores["bkt"].level_error < scores["passed once: .9"].level_error


def test_confidence_fades_and_the_level_stays(academy: tuple[Evidence, pa.Table, int]) -> None:
    evidence, _, end = academy
    model = BayesianKnowledgeTracing()
    model.theta = np.repeat(model.theta, len(evidence.skill_ids) + 1, axis=0)
    soon, late = (mastery_at(evidence, model, end + days * DAY_MS) for days in (0, 180))
    assert np.allclose(late.confidence, soon.confidence / 2)  # 180 days: one half-life unfitted
    assert np.array_equal(late.level, soon.level)


def test_what_comes_later_changes_nothing_foretold(
    academy: tuple[Evidence, pa.Table, int],
) -> None:
    evidence = academy[0]
    cut = int(np.median(evidence.at))
    past = evidence.where(evidence.at <= cut)
    for model in models():
        model.fit(past)
        whole = model.predict(evidence)[evidence.at <= cut]
        assert np.allclose(whole, model.predict(past)), model.name
        model.fit(past)
        assert np.array_equal(whole, model.predict(evidence)[evidence.at <= cut]), model.name


def test_auc_by_hand() -> None:
    assert auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])) == 0.875


def test_outcomes_of_each_kind() -> None:
    rows = [
        ("a", "completed", 1, 87.0, None, 1.0, 0.87),
        ("b", "completed", 2, None, None, 1.0, 1.0),
        ("c", "dropped", 3, None, 0.5, 0.0, 0.2),
        ("d", "rated", 4, 5.0, 0.95, 1.0, 0.95),
        ("e", "viewed", 5, None, 0.3, 0.0, 0.3),
        ("f", "viewed", 6, None, None, None, None),
        ("g", "rated", 7, 5.0, None, "none", None),  # an opinion
        ("h", "enrolled", 8, None, None, "none", None),
    ]
    table = pa.Table.from_pylist(
        [
            {"learner_id": "x", "course_id": c, "type": t, "at": at, "score": s, "progress": p}
            for c, t, at, s, p, _, _ in rows
        ],
        schema=TABLES["interactions"].schema,
    )
    evidence = collect_evidence(
        {"interactions": table, "teaches": TABLES["teaches"].schema.empty_table()}
    )
    assert evidence.course_ids == list("abcdef")
    success = np.array([r[5] for r in rows[:6]], np.float64)
    assert np.array_equal(evidence.success, success, equal_nan=True)
    assert np.allclose(
        evidence.outcome, np.array([r[6] for r in rows[:6]], np.float64), equal_nan=True
    )
    with pytest.raises(InputError, match="says nothing"):
        validate(evidence)

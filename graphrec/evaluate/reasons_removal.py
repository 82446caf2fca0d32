"""What a course's score loses when the evidence of its reason is taken away.

In come random requests; each recommended course is asked for once more as if the event or
edge that its reason names did not exist, with everything else as it was.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from graphrec.evaluate.reasons_check import draw_requests
from graphrec.features.signals import RoleScores
from graphrec.ids import IdMap
from graphrec.recommend.answer import answer
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.engine import Engine
from graphrec.recommend.learners import Learner
from graphrec.recommend.reason_codes import REASON_CODES, Evidence
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.schemas import K_MAX, RecommendRequest

_OF_THE_LEARNER = ("MET", "COMPLETED", "ENROLLED")

_EPS = 1e-6
"""Scores are told with six digits."""


@dataclass(frozen=True)
class Loss:
    """One reason weighed.

    Attributes:
        code: Of the reason.
        course_id: What was given for it.
        evidence: What was taken away.
        before: Score with it.
        after: Score without it; None: the course is not among the best ``K_MAX`` any more,
            or may no longer be given.
    """

    code: str
    course_id: str
    evidence: Evidence
    before: float
    after: float | None

    @property
    def has_fallen(self) -> bool:
        """Whether the score is lower without the evidence."""
        return self.after is None or self.after < self.before - _EPS


def weigh(recommender: Recommender, number: int, seed: int, k: int = 10) -> Iterator[Loss]:
    """Weigh the reasons of random answers.

    Args:
        recommender: Who answers.
        number: Random requests, as ``draw_requests`` has them.
        seed: Of the draw.
        k: Courses of each that are weighed.
    """
    for request in draw_requests(recommender, number, seed, k):
        yield from weigh_answer(recommender, request)


def weigh_answer(recommender: Recommender, request: RecommendRequest) -> Iterator[Loss]:
    """Take away the evidence of each reason of one answer that rests on an edge or an event.

    Args:
        recommender: Who answers.
        request: Answered without exploration: an explored course's score is the place it
            was given.
    """
    engine, learners = recommender.engine, recommender.learners
    asked = request.model_copy(update={"exploration": 0.0})
    learner = learners.get(asked.learner_id) if asked.learner_id else learners.anonymous()
    for course in answer(engine, learner, asked, asked.k).courses:
        if REASON_CODES[course.reason.code].weighs:
            fact = course.reason.evidence[0]
            after = _scores(*_without(fact, engine, learner, asked)).get(course.course_id)
            yield Loss(course.reason.code, course.course_id, fact, course.score, after)


def _without(
    fact: Evidence, engine: Engine, learner: Learner, request: RecommendRequest
) -> tuple[Engine, Learner, RecommendRequest]:
    """The same question where a fact does not exist."""
    if fact.relation in _OF_THE_LEARNER:
        rows = tuple(row for row in learner.rows if row["course_id"] != fact.to_id)
        return engine, replace(learner, rows=rows, sessions={}, table=None), request
    if fact.relation == "IN_SESSION":
        rows = tuple(row for row in learner.rows if row["course_id"] != fact.to_id)
        recent = [c for c in request.recent_courses if c != fact.to_id]
        asked = request.model_copy(update={"recent_courses": recent})
        return engine, replace(learner, rows=rows, sessions={}, table=None), asked
    other = copy.copy(engine)
    other.prepared = None
    other.roles = _roles_without(fact, engine.catalogue, engine.items)
    trained = IdMap(engine.items.ids(range(engine.num_trained)))
    other.trained_roles = _roles_without(fact, engine.catalogue, trained)
    return other, replace(learner, sessions={}, table=None), request


def _roles_without(fact: Evidence, catalogue: Catalogue, items: IdMap) -> RoleScores:
    """What one role needs, but for one skill."""
    role = str(fact.from_id)
    needs = frozenset(catalogue.role_needs(role)) - {fact.to_id}
    taught_by = {skill: catalogue.courses_teaching(skill) for skill in needs}
    return RoleScores({role: needs}, taught_by, items)


def _scores(engine: Engine, learner: Learner, request: RecommendRequest) -> Mapping[str, float]:
    """Course -> score of all that would be given."""
    told = answer(engine, learner, request, K_MAX)
    return {course.course_id: course.score for course in told.courses}


@dataclass(frozen=True)
class Weighed:
    """All reasons of one code weighed.

    Attributes:
        code: The code.
        num_reasons: How many.
        num_fallen: Of which the score is lower without the evidence.
        num_gone: Of these, no longer given at all.
        median_loss: Of the score, of those still given, log-odds; None: there is none.
    """

    code: str
    num_reasons: int
    num_fallen: int
    num_gone: int
    median_loss: float | None

    @property
    def share(self) -> float:
        """Of the reasons, how many scores fall; 0..1."""
        return self.num_fallen / self.num_reasons


def summarise(losses: list[Loss]) -> list[Weighed]:
    """Figures by code, in alphabetical order."""
    found = []
    for code in sorted({loss.code for loss in losses}):
        own = [loss for loss in losses if loss.code == code]
        kept = [loss.before - loss.after for loss in own if loss.after is not None]
        fallen = sum(loss.has_fallen for loss in own)
        median = float(np.median(kept)) if kept else None
        found.append(Weighed(code, len(own), fallen, len(own) - len(kept), median))
    return found

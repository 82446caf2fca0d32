"""Courses near another one: by who took both, then by what they teach."""

from __future__ import annotations

import numpy as np

from graphrec.dataset import Histories
from graphrec.recommend.engine import Engine
from graphrec.recommend.schemas import SimilarCourse

_PARTS = ("itemknn", "content", "graph")
"""Parts that compare items; the first that has something to say for a course comes first."""


def similar_courses(engine: Engine, course_id: str, k: int) -> list[SimilarCourse]:
    """The ``k`` nearest visible courses; few or none where nothing is known of the course.

    Args:
        engine: With or without a pipeline.
        course_id: Known to the catalogue.
        k: At most so many.
    """
    mine = set(engine.catalogue.skills_of(course_id))
    scores = _scores(engine, course_id)
    for other in {c for skill in mine for c in engine.catalogue.courses_teaching(skill)}:
        shared = len(mine & set(engine.catalogue.skills_of(other)))
        row = engine.items.index(other)
        if row is not None:
            union = len(mine | set(engine.catalogue.skills_of(other)))
            scores[row] += shared / union
    own = engine.items.index(course_id)
    allowed = engine.eligibility.visible.copy()
    if own is not None:
        allowed[own] = False
    rows = np.flatnonzero(allowed & (scores > 0))
    best = rows[np.argsort(-scores[rows], kind="stable")][:k]
    return [_describe(engine, int(row), float(scores[row]), mine) for row in best]


def _scores(engine: Engine, course_id: str) -> np.ndarray:
    """Sum of the parts' similarities, each scaled to a peak of 1; float64 [num_items]."""
    total = np.zeros(len(engine.items))
    row = None if engine.trained is None else engine.trained.items.index(course_id)
    if engine.trained is None or row is None:
        return total
    for name in _PARTS:
        model = engine.trained.pipeline.models.get(name)
        if model is None:
            continue
        scores = model.score(Histories.from_lists([[row]]))[0].astype(np.float64)
        scores[row] = 0.0
        peak = scores.max(initial=0.0)
        if peak > 0:
            total[: engine.num_trained] += np.maximum(scores, 0.0) / peak
    return total


def _describe(engine: Engine, row: int, score: float, skills: set[str]) -> SimilarCourse:
    course_id = engine.items.id(row)
    return SimilarCourse(
        course_id=course_id,
        title=engine.catalogue.courses[course_id].title,
        score=round(score, 6),
        shared_skills=sorted(skills & set(engine.catalogue.skills_of(course_id))),
    )

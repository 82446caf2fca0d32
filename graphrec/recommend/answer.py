"""One request answered: picked items with what they are and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from graphrec.recommend.engine import Engine, Picked
from graphrec.recommend.learners import Learner
from graphrec.recommend.mastery import FROM_ENROLMENT, LearnerState, with_completed
from graphrec.recommend.schemas import (
    Reason,
    RecommendedCourse,
    RecommendRequest,
    RecommendResponse,
)

_ANYTHING = RecommendRequest()


def answer(
    engine: Engine, learner: Learner, request: RecommendRequest, k: int
) -> RecommendResponse:
    """The ``k`` best courses for a learner under a request's conditions.

    Args:
        engine: Of this moment.
        learner: Who asks; an anonymous one has no history.
        request: Session, role, filters and exclusions.
        k: How many.
    """
    recent = [c for c in request.recent_courses if engine.catalogue.has_course(c)]
    role_id = request.target_role_id or learner.target_role_id
    is_plain = not recent and not request.exclude and request.filters.is_empty
    allowed = partial(allowed_items, engine, learner, recent, request)
    encoded = engine.encode(learner, recent)
    picked = engine.pick(encoded, allowed, role_id, k, is_plain=is_plain)
    history = [*learner.history, *recent]
    explain = partial(
        engine.explainer.explain,
        history=history,
        state=partial(_state_with, learner, recent),
        target_role_id=role_id,
        rows=engine.rows_of(history),
    )
    kept = encoded.reasons if encoded is not None and is_plain else {}
    reason = partial(_reason, kept, role_id, explain)
    return RecommendResponse.model_construct(
        learner_id=request.learner_id,
        source=picked.source,
        is_cold=not history,
        bundle=engine.bundle_id,
        courses=[_describe(engine, picked, n, reason) for n in range(len(picked.items))],
        warnings=_warnings(request, learner, recent),
    )


def allowed_items(
    engine: Engine,
    learner: Learner,
    recent: Sequence[str] = (),
    request: RecommendRequest = _ANYTHING,
) -> np.ndarray:
    """What a learner may be given, bool [num_items]."""
    return engine.eligibility.allowed(
        taken=learner.taken.union(recent),
        completed=learner.completed.union(recent),
        exclude=request.exclude,
        filters=request.filters,
    )


def _reason(
    kept: dict[tuple[str | None, str], Reason],
    role_id: str | None,
    explain: Callable[..., Reason],
    course_id: str,
    num_learners: int,
) -> Reason:
    """The reason for a course, from those kept or found now."""
    key = (role_id, course_id)
    if key not in kept:
        kept[key] = explain(course_id, num_learners=num_learners)
    return kept[key]


def _describe(
    engine: Engine, picked: Picked, position: int, explain: Callable[..., Reason]
) -> RecommendedCourse:
    """One picked item as it is answered."""
    row = int(picked.items[position])
    course = engine.catalogue.courses[engine.items.id(row)]
    return RecommendedCourse.model_construct(
        course_id=course.course_id,
        title=course.title,
        level=course.level,
        hours=course.hours,
        language=course.language,
        provider=course.provider,
        score=round(float(picked.scores[position]), 6),
        scores={p: round(float(v[position]), 6) for p, v in picked.shares.items()},
        reason=explain(course.course_id, num_learners=int(engine.num_learners[row])),
    )


def _state_with(learner: Learner, recent: Sequence[str]) -> LearnerState:
    """What a learner holds after the courses of this session."""
    if not recent:
        return learner.state
    return with_completed(learner.state, recent, learner.catalogue, FROM_ENROLMENT)


def _warnings(request: RecommendRequest, learner: Learner, recent: Sequence[str]) -> list[str]:
    found: list[str] = []
    if request.learner_id is not None and not learner.is_known:
        found.append("This learner is unknown: the answer is the same for any newcomer.")
    unknown = sorted(set(request.recent_courses) - set(recent))
    if unknown:
        found.append(f"Not in the catalogue and ignored: {', '.join(unknown[:10])}.")
    return found

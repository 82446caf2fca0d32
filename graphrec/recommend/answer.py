"""One request answered: picked items with what they are and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial

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
    kept = encoded.reasons if encoded is not None and is_plain else {}
    reason = partial(_reason, kept, role_id, _Evidence(engine, learner, recent, role_id))
    return RecommendResponse.model_construct(
        learner_id=request.learner_id,
        source=picked.source,
        is_cold=not (learner.rows or recent),
        bundle=engine.bundle_id,
        courses=_describe(engine, picked, reason),
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


class _Evidence:
    """Finds reasons for one request; what they rest on is read when the first is asked."""

    def __init__(
        self, engine: Engine, learner: Learner, recent: Sequence[str], role_id: str | None
    ) -> None:
        self._engine = engine
        self._learner = learner
        self._recent = recent
        self._role_id = role_id

    def explain(self, course_id: str, num_learners: int) -> Reason:
        """The best reason for a course."""
        return self._explain(course_id, num_learners=num_learners)

    @cached_property
    def _explain(self) -> Callable[..., Reason]:
        history = [*self._learner.history, *self._recent]
        return partial(
            self._engine.explainer.explain,
            history=history,
            state=partial(_state_with, self._learner, self._recent),
            target_role_id=self._role_id,
            rows=self._engine.rows_of(history),
        )


def _reason(
    kept: dict[tuple[str | None, str], Reason],
    role_id: str | None,
    evidence: _Evidence,
    course_id: str,
    num_learners: int,
) -> Reason:
    """The reason for a course, from those kept or found now."""
    key = (role_id, course_id)
    if key not in kept:
        kept[key] = evidence.explain(course_id, num_learners)
    return kept[key]


def _describe(
    engine: Engine, picked: Picked, reason: Callable[[str, int], Reason]
) -> list[RecommendedCourse]:
    """The picked items as they are answered."""
    parts = tuple(picked.shares)
    # Rounded as one array: ten courses of nine parts would be a hundred calls.
    columns = [picked.scores, *picked.shares.values()]
    rounded = np.round(np.stack(columns, axis=1).astype(np.float64), 6).tolist()
    rows = picked.items.tolist()
    courses = []
    for row, course_id, (score, *shares) in zip(rows, engine.items.ids(rows), rounded, strict=True):
        course = engine.catalogue.courses[course_id]
        courses.append(
            RecommendedCourse.model_construct(
                course_id=course_id,
                title=course.title,
                level=course.level,
                hours=course.hours,
                language=course.language,
                provider=course.provider,
                score=score,
                scores=dict(zip(parts, shares, strict=True)),
                reason=reason(course_id, int(engine.num_learners[row])),
            )
        )
    return courses


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

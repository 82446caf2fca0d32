"""One request answered: picked items with what they are and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from graphrec.recommend.engine import Engine
from graphrec.recommend.knobs import PLAIN, Knobs
from graphrec.recommend.known import Known
from graphrec.recommend.learners import Learner
from graphrec.recommend.mastery import FROM_ENROLMENT, LearnerState, with_completed
from graphrec.recommend.messages import choose, say
from graphrec.recommend.picked import EXPLORATION, Picked
from graphrec.recommend.reason_codes import Evidence
from graphrec.recommend.ruled import Asked
from graphrec.recommend.schemas import (
    AppliedRule,
    Reason,
    RecommendedCourse,
    RecommendRequest,
    RecommendResponse,
)
from graphrec.recommend.session import ReasonKey
from graphrec.rules.apply import Change


def answer(
    engine: Engine, learner: Learner, request: RecommendRequest, k: int, knobs: Knobs = PLAIN
) -> RecommendResponse:
    """The ``k`` best courses for a learner under a request's conditions.

    Args:
        engine: Of this moment.
        learner: Who asks; an anonymous one has no history.
        request: Session, role, filters and exclusions.
        k: How many.
        knobs: Novelty and exploration.
    """
    asked = Asked(engine, learner, request, knobs)
    recent, session = asked.recent, asked.session
    picked, ruled = asked.pick_ruled(k)
    kept = session.reasons if session is not None and asked.is_plain else {}
    language = choose(request.messages_language)
    reasons = _Reasons(engine, learner, recent, asked.role_id, kept, language)
    return RecommendResponse(
        learner_id=request.learner_id,
        source=picked.source,
        is_cold=not (learner.rows or recent),
        bundle=engine.bundle_id,
        courses=_describe(engine, picked, reasons, {} if ruled is None else ruled.by_course),
        warnings=_warnings(request, learner, recent, picked, knobs),
    )


class _Reasons:
    """Finds reasons for one request; what they rest on is read where one is missing."""

    def __init__(
        self,
        engine: Engine,
        learner: Learner,
        recent: Sequence[str],
        role_id: str | None,
        kept: dict[ReasonKey, Reason],
        language: str,
    ) -> None:
        self._engine = engine
        self._learner = learner
        self._recent = recent
        self._role_id = role_id
        self._kept = kept
        self.language = language

    def of(
        self,
        course_ids: Sequence[str],
        rows: Sequence[int],
        scores: Sequence[Mapping[str, float]],
        explored: Sequence[int],
    ) -> list[Reason]:
        """The best reason for each course.

        Args:
            course_ids: Recommended.
            rows: Their dense items.
            scores: What each part has in their scores.
            explored: Positions of those given to explore.
        """
        told = self._role_id, self.language
        keys = [(*told, course_id, False) for course_id in course_ids]
        for place in explored:
            keys[place] = (*told, course_ids[place], True)
        if any(key not in self._kept for key in keys):
            found = self._engine.explainer.explain(
                course_ids,
                self._known(),
                target_role_id=self._role_id,
                num_learners=self._engine.num_learners[rows],
                scores=scores,
                explored=explored,
                language=self.language,
            )
            self._kept.update(zip(keys, found, strict=True))
        return [self._kept[key] for key in keys]

    def _known(self) -> Known:
        learner, recent = self._learner, self._recent
        history = [*learner.history, *recent]
        return Known(
            learner_id=learner.learner_id,
            history=history,
            recent=frozenset(recent),
            completed=learner.completed,
            has_completions=learner.has_completions,
            rows=self._engine.rows_of(history),
            state=partial(_state_with, learner, recent),
        )


def _describe(
    engine: Engine, picked: Picked, reasons: _Reasons, rules: Mapping[str, Change]
) -> list[RecommendedCourse]:
    """The picked items as they are answered; ``rules`` by course."""
    # Rounded as one array: ten courses of nine parts would be a hundred calls.
    columns = np.concatenate([picked.scores[:, None], picked.shares], axis=1)
    rounded = np.round(columns.astype(np.float64), 6).tolist()
    rows = picked.items.tolist()
    ids = engine.items.ids(rows)
    courses = []
    told = [rounded[place] for place in picked.places]
    parts = [dict(zip(picked.parts, shares, strict=True)) for _, *shares in told]
    for number in picked.explored:
        parts[number] = {EXPLORATION: told[number][0]}
    found = reasons.of(ids, rows, parts, picked.explored)
    for number, course_id in enumerate(ids):
        course = engine.catalogue.courses[course_id]
        change = rules.get(course_id)
        courses.append(
            RecommendedCourse(
                course_id=course_id,
                title=course.title,
                level=course.level,
                hours=course.hours,
                language=course.language,
                provider=course.provider,
                score=told[number][0],
                scores=parts[number],
                is_exploration=number in picked.explored,
                rule=None if change is None else _applied(change),
                reason=_required(engine, change, reasons.language) or found[number],
            )
        )
    return courses


def _applied(change: Change) -> AppliedRule:
    """A rule as it is answered."""
    assert change.effect != "withheld"  # noqa: S101 - such a course is not answered
    return AppliedRule(
        rule_id=change.rule_id,
        effect=change.effect,
        place_before=change.before,
        text=change.why,
    )


def _required(engine: Engine, change: Change | None, language: str) -> Reason | None:
    """The reason of a course that must be taken; None for any other."""
    if change is None or change.effect != "required":
        return None
    ruled = Evidence(from_id=change.rule_id, relation="RULED", to_id=change.course_id)
    due = None if engine.rules is None else engine.rules.due(change.rule_id)
    key = "required" if due is None else "required.due"
    text = say(language, key, rule_id=change.rule_id, due=due)
    return Reason(code="required", text=text, evidence=[ruled])


def _state_with(learner: Learner, recent: Sequence[str]) -> LearnerState:
    """What a learner holds after the courses of this session."""
    if not recent:
        return learner.state
    return with_completed(learner.state, recent, learner.catalogue, FROM_ENROLMENT)


def _warnings(
    request: RecommendRequest,
    learner: Learner,
    recent: Sequence[str],
    picked: Picked,
    knobs: Knobs,
) -> list[str]:
    found: list[str] = []
    if request.learner_id is not None and not learner.is_known:
        found.append("This learner is unknown: the answer is the same for any newcomer.")
    unknown = sorted(set(request.recent_courses) - set(recent))
    if unknown:
        found.append(f"Not in the catalogue and ignored: {', '.join(unknown[:10])}.")
    if request.novelty and knobs.novelty and picked.source != "pipeline":
        found.append("Without a history popularity is all there is: novelty changes nothing.")
    return found

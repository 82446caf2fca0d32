"""The reasons of a planned path as facts and in the reader's language.

In comes a plan whose reasons have codes and ids; the same plan goes out, each reason with
its evidence (``graphrec.recommend.reason_codes``) and its words (``graphrec.recommend.messages``).
"""

from __future__ import annotations

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.messages import choose, say
from graphrec.recommend.path_explain import label
from graphrec.recommend.path_schemas import PathReason, PathRequest, PathResponse
from graphrec.recommend.reason_codes import Evidence, Relation


def with_words(answer: PathResponse, request: PathRequest, catalogue: Catalogue) -> PathResponse:
    """A plan with evidence and words for each reason.

    Args:
        answer: As planned; its reasons are completed in place.
        request: It answers; names the learner and the language.
        catalogue: It was planned over.
    """
    language = choose(request.messages_language)
    for step in answer.steps:
        for course in step.courses:
            for reason in course.reasons:
                reason.evidence = evidence_of(reason, course.course_id, request.learner_id)
                reason.text = _said(reason, catalogue, language)
    return answer


def evidence_of(reason: PathReason, course_id: str, learner_id: str | None) -> list[Evidence]:
    """The facts that a reason of a course of a plan states, as ``PATH_CODES`` declares them."""
    skill, other = reason.skill_id or "", reason.course_id or ""
    taught = _edge(course_id, "TEACHES", skill)
    if reason.code == "teaches_needed_skill":
        return [_wanted(reason.role_id, skill), taught]
    if reason.code == "prerequisite_skill_of":
        return [taught, _edge(skill, "PREREQUISITE_OF", reason.for_skill_id or "")]
    if reason.code == "required_by":
        return [_edge(other, "REQUIRES", course_id)]
    if reason.code == "in_progress":
        return [_edge(learner_id, "ENROLLED", course_id)]
    if reason.code == "taught_in_time":
        return [_wanted(None, other), _edge(other, "TEACHES", skill), taught]
    is_ruled = reason.code == "required"
    return [_edge(reason.rule_id, "RULED", course_id) if is_ruled else _wanted(None, course_id)]


def _edge(from_id: str | None, relation: Relation, to_id: str) -> Evidence:
    return Evidence(from_id=from_id, relation=relation, to_id=to_id)


def _wanted(role_id: str | None, to_id: str) -> Evidence:
    """A need of the role aimed at, or what the request names itself."""
    return _edge(role_id, "ASKED" if role_id is None else "NEEDS", to_id)


def _said(reason: PathReason, catalogue: Catalogue, language: str) -> str:
    key = f"path.{reason.code}"
    if reason.code == "teaches_needed_skill" and reason.role_id is None:
        key += ".target"
    named = {
        "course": (catalogue.course_name, reason.course_id),
        "skill": (catalogue.skill_name, reason.skill_id),
        "for_skill": (catalogue.skill_name, reason.for_skill_id),
        "role": (catalogue.role_name, reason.role_id),
    }
    told = {name: label(of(one), one) for name, (of, one) in named.items() if one is not None}
    if reason.rule_id is not None:
        told["rule_id"] = reason.rule_id
    return say(language, key, **told)

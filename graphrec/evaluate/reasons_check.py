"""Holds reasons against the graph: which of those given in random answers are true.

In come answers with their requests; out goes a finding for each reason. The evidence is
looked up in ``Facts``; how the explainer found it plays no part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from graphrec.errors import InputError
from graphrec.evaluate.reasons_facts import Facts
from graphrec.recommend.reason_codes import EXPLORED, REASON_CODES, Evidence
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.schemas import RecommendedCourse, RecommendRequest

_OWN = frozenset({"MET", "COMPLETED", "ENROLLED"})
"""Relations that speak of the learner who asks."""

_ASKED = frozenset({"IN_SESSION", "ASKED"})
"""Relations that speak of the request."""


@dataclass(frozen=True)
class Finding:
    """One reason, and what is wrong with it.

    Attributes:
        code: Of the reason; of a path's, with "path." before it.
        learner_id: Who asked; None: anonymous.
        course_id: What was given for this reason.
        text: The reason in words.
        evidence: Its facts.
        problem: None: all of it holds.
    """

    code: str
    learner_id: str | None
    course_id: str
    text: str
    evidence: tuple[Evidence, ...]
    problem: str | None


@dataclass
class Report:
    """What was found of many answers.

    Attributes:
        num_answers: Answers looked at.
        held: Code -> reasons of which all evidence holds.
        failed: Reasons that do not hold.
    """

    num_answers: int = 0
    held: Counter[str] = field(default_factory=Counter)
    failed: list[Finding] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Take in one answer."""
        self.num_answers += 1
        for finding in findings:
            if finding.problem is None:
                self.held[finding.code] += 1
            else:
                self.failed.append(finding)

    @property
    def by_code(self) -> Mapping[str, tuple[int, int]]:
        """Code -> reasons, and how many of them hold."""
        failed = Counter(finding.code for finding in self.failed)
        codes = sorted({*self.held, *failed})
        return {code: (self.held[code] + failed[code], self.held[code]) for code in codes}


def check_recommendations(
    request: RecommendRequest, courses: Sequence[RecommendedCourse], facts: Facts
) -> Iterator[Finding]:
    """A finding for the reason of each recommended course."""
    recent = frozenset(request.recent_courses)
    for course in courses:
        reason = course.reason
        yield Finding(
            reason.code,
            request.learner_id,
            course.course_id,
            reason.text,
            tuple(reason.evidence),
            _why_not_said(course) or why_not(reason.evidence, facts, request.learner_id, recent),
        )


def why_not(
    evidence: Iterable[Evidence], facts: Facts, learner_id: str | None, named: Set[str]
) -> str | None:
    """The first fact that does not hold; None: all do.

    Args:
        evidence: Of one reason.
        facts: Of the graph.
        learner_id: Who asked.
        named: Ids that the request names: of its session, or as its target.
    """
    for fact in evidence:
        if fact.relation in _ASKED:
            problem = None if fact.to_id in named else "the request does not name it"
        elif fact.relation in _OWN and fact.from_id != learner_id:
            problem = "it is of somebody else"
        else:
            problem = facts.why_not(fact)
        if problem is not None:
            return f"{fact.from_id or ''} {fact.relation} {fact.to_id}: {problem}".strip()
    return None


def is_declared(evidence: Sequence[Evidence], relations: Sequence[str]) -> bool:
    """Whether evidence has the relations that a code declares, in order."""
    return len(evidence) == len(relations) and all(
        fact.relation in allowed.split("|")
        for fact, allowed in zip(evidence, relations, strict=True)
    )


def _why_not_said(course: RecommendedCourse) -> str | None:
    """Whether a reason names what its code declares, of this course, and says its numbers."""
    reason, evidence = course.reason, course.reason.evidence
    if not is_declared(evidence, _declared(course)):
        return f"its evidence is not that of '{reason.code}'"
    ends = {one for fact in evidence for one in (fact.from_id, fact.to_id)}
    named = {course.course_id, reason.role_id, reason.skill_id, reason.because_course_id} - {None}
    if not named <= ends:
        return f"no evidence names {', '.join(sorted(str(one) for one in named - ends))}"
    if reason.num_learners is not None:
        counts = {fact.count for fact in evidence}
        if reason.num_learners not in counts or str(reason.num_learners) not in reason.text:
            return f"the text and the evidence do not both say {reason.num_learners}"
    return None


def _declared(course: RecommendedCourse) -> tuple[str, ...]:
    """Relations that a reason must name, in order."""
    reason = course.reason
    own = REASON_CODES[reason.code].relations
    if not course.is_exploration or reason.code == "required":
        return own
    if reason.code not in ("popular", "new"):
        return (*own, *EXPLORED.relations[:1])
    return own if reason.because_course_id is None else (*own, *EXPLORED.relations[1:])


def draw_requests(
    recommender: Recommender, number: int, seed: int, k: int = 10
) -> Iterator[RecommendRequest]:
    """Random requests: learners of the graph, some with a role or a session, some anonymous.

    Args:
        recommender: Whose graph is drawn from.
        number: How many.
        seed: Of the draw.
        k: Courses of each.

    Raises:
        InputError: The graph has no courses, so that nothing could be found wrong.
    """
    if not len(recommender.catalogue):
        raise InputError(
            "The graph has no courses.",
            where=str(recommender.settings.store),
            remedy="Load some with `graphrec import`, or name another --store.",
        )
    rng = np.random.default_rng(seed)
    learners = sorted(recommender.store.export("learners")["learner_id"].to_pylist())
    courses, roles = list(recommender.catalogue.courses), list(recommender.catalogue.roles)
    for _ in range(number):
        is_anonymous = not learners or rng.random() < 0.1
        has_session = courses and (is_anonymous or rng.random() < 0.2)
        yield RecommendRequest(
            learner_id=None if is_anonymous else str(rng.choice(learners)),
            target_role_id=str(rng.choice(roles)) if roles and rng.random() < 0.2 else None,
            recent_courses=list(map(str, rng.choice(courses, 2))) if has_session else [],
            exploration=0.2 if rng.random() < 0.2 else 0.0,
            k=k,
        )


def check_recommended(
    recommender: Recommender, facts: Facts, number: int, seed: int, report: Report
) -> None:
    """Ask ``number`` random questions and hold every reason against the graph."""
    for request in draw_requests(recommender, number, seed):
        answer = recommender.recommend(request)
        report.add(check_recommendations(request, answer.courses, facts))

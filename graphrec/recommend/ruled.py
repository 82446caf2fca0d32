"""Where business rules meet a request: after blend and exploration, before the reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from graphrec.errors import SourceError
from graphrec.recommend.engine import Engine
from graphrec.recommend.knobs import SHORTLISTED, Knobs
from graphrec.recommend.learners import Learner
from graphrec.recommend.picked import Picked
from graphrec.recommend.schemas import RecommendRequest
from graphrec.recommend.session import Session
from graphrec.rules.active import ActiveRules, RuleBook
from graphrec.rules.apply import Ranking, Ruled, apply_rules
from graphrec.rules.conflicts import find_conflicts
from graphrec.rules.load import load_rules
from graphrec.rules.schema import RuleSet


@dataclass(frozen=True)
class Asked:
    """One request with what follows from it; picking is left to who knows the rules.

    Attributes:
        engine: Of this moment.
        learner: Who asks.
        request: Session, role, filters and exclusions.
        knobs: Novelty and exploration.
    """

    engine: Engine
    learner: Learner
    request: RecommendRequest
    knobs: Knobs

    @cached_property
    def recent(self) -> list[str]:
        """Courses of this session that the catalogue has, oldest first."""
        has_course = self.engine.catalogue.has_course
        return [c for c in self.request.recent_courses if has_course(c)]

    @cached_property
    def role_id(self) -> str | None:
        """The role aimed at."""
        return self.request.target_role_id or self.learner.target_role_id

    @cached_property
    def session(self) -> Session | None:
        """The learner's; None without a pipeline."""
        return self.engine.session(self.learner, self.recent)

    @cached_property
    def is_plain(self) -> bool:
        """Whether what is allowed follows from the learner alone."""
        request = self.request
        return not self.recent and not request.exclude and request.filters.is_empty

    def allowed(self) -> np.ndarray:
        """What may be given, bool [num_items]."""
        return self.engine.allowed(self.learner, self.recent, self.request)

    def pick(self, k: int) -> Picked:
        """The best ``k``, without rules."""
        return self.engine.pick(
            self.session, self.allowed, self.role_id, k, self.knobs, is_plain=self.is_plain
        )

    def pick_ruled(self, k: int) -> tuple[Picked, Ruled | None]:
        """The best ``k`` under the engine's rules; None: no rule is in force."""
        if self.engine.rules is None:
            return self.pick(k), None
        active = self.engine.rules.in_force(roles_of(self.learner, self.role_id), _today())
        taken = self.learner.taken.union(self.recent)
        return ruled(self.engine, active, self.knobs, k, self.pick, self.allowed, taken)


def ruled(
    engine: Engine,
    active: ActiveRules,
    knobs: Knobs,
    k: int,
    pick: Callable[[int], Picked],
    allowed: Callable[[], np.ndarray],
    taken: Set[str],
) -> tuple[Picked, Ruled | None]:
    """A learner's list under the rules in force; it looks further where it would be short.

    Args:
        engine: Whose items are picked.
        active: For this learner, today.
        knobs: Of the request.
        k: Places.
        pick: Gives the best so many without rules; a shorter list begins a longer one.
        allowed: Gives bool [num_items]; asked where something must be taken.
        taken: Courses done or under way.
    """
    if active.is_idle:
        return pick(k), None
    mask: list[np.ndarray] = []

    def may_be_given(course_id: str) -> bool:
        row = engine.items.index(course_id)
        if row is None:
            return False
        if not mask:
            mask.append(allowed())
        return bool(mask[0][row])

    size = num_looked_at(k, knobs)
    while True:
        pool = pick(size)
        ids = engine.items.ids(pool.items.tolist())
        ranking = Ranking.of(ids, pool.scores[list(pool.places)].astype(float).tolist())
        found = apply_rules(active, ranking, k, may_be_given=may_be_given, taken=taken)
        if not found.is_short or len(ids) < size:
            return _reordered(pool, ids, found, engine), found
        size *= 4


def num_looked_at(k: int, knobs: Knobs) -> int:
    """Courses that rules choose ``k`` among at first: what a kept shortlist can answer."""
    return max(SHORTLISTED // 2, k) if knobs.novelty else max(SHORTLISTED, 2 * k)


def pick_many(
    engine: Engine, learners: Sequence[Learner], k: int, knobs: Knobs
) -> Iterator[Picked]:
    """As ``engine.pick_many``, under its rules."""
    if engine.rules is None:
        yield from engine.pick_many(learners, k, knobs)
        return
    today, size = _today(), num_looked_at(k, knobs)
    pools = engine.pick_many(learners, size, knobs)
    for learner, pool in zip(learners, pools, strict=True):
        active = engine.rules.in_force(roles_of(learner, learner.target_role_id), today)
        pick = partial(_first, engine, learner, knobs, pool, size)
        allowed = partial(engine.allowed, learner)
        yield ruled(engine, active, knobs, k, pick, allowed, learner.taken)[0]


def roles_of(learner: Learner, role_id: str | None) -> frozenset[str]:
    """Roles by which rules concern somebody: the one held, and the one aimed at."""
    return frozenset(role for role in (learner.role_id, role_id) if role)


@dataclass(frozen=True)
class Trial:
    """A real request answered without rules and with them.

    Attributes:
        before: Course ids, best first.
        after: Likewise.
        ruled: What each rule did; None: none is in force for this learner.
        alone: Rule id -> the list that the other rules would give without it, where it
            would be another one.
    """

    before: list[str]
    after: list[str]
    ruled: Ruled | None
    alone: dict[str, list[str]]


def trial(asked: Asked, rules: RuleSet, k: int, today: date | None = None) -> Trial:
    """What rules would change of a request.

    Args:
        asked: The request; the rules that the engine serves by are left out of it.
        rules: To be tried.
        k: Places.
        today: UTC; None: today.
    """
    engine, day = asked.engine, today or _today()
    roles = roles_of(asked.learner, asked.role_id)
    taken = asked.learner.taken.union(asked.recent)

    def given(tried: RuleSet) -> tuple[list[str], Ruled | None]:
        active = RuleBook(tried, engine.catalogue).in_force(roles, day)
        picked, found = ruled(engine, active, asked.knobs, k, asked.pick, asked.allowed, taken)
        return engine.items.ids(picked.items.tolist()), found

    after, found = given(rules)
    acting = () if found is None else sorted({change.rule_id for change in found.changes})
    alone = {rule_id: given(rules.without(rule_id))[0] for rule_id in acting}
    before = engine.items.ids(asked.pick(k).items.tolist())
    changed = {rule_id: ids for rule_id, ids in alone.items() if ids != after}
    return Trial(before, after, found, changed)


class RulesKeeper:
    """The rules file that a recommender serves by, read again when it changes.

    Args:
        path: The file, or None: there are no rules.

    Raises:
        SourceError: The file cannot be read, has a fault or a conflict.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._stamp = self._seen()
        self.rules = None if path is None else servable_rules(path)

    def attach(self, engine: Engine) -> Engine:
        """The engine, with these rules over its catalogue."""
        engine.rules = None if self.rules is None else RuleBook(self.rules, engine.catalogue)
        return engine

    def refresh(self, engine: Engine) -> None:
        """Take up the file where it has changed; a broken one leaves the old rules in force.

        Raises:
            SourceError: It is broken; said once for every version of the file.
        """
        stamp = self._seen()
        if self._path is None or stamp == self._stamp:
            return
        self._stamp = stamp
        self.rules = servable_rules(self._path)
        self.attach(engine)

    def _seen(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            told = self._path.stat()
        except OSError:
            return None
        return told.st_mtime_ns, told.st_size, told.st_ino


def servable_rules(path: Path) -> RuleSet:
    """The rules of a file, without conflicts.

    Unknown ids are none here: a course may leave the catalogue while a rule still names it.

    Raises:
        SourceError: As ``load_rules``; or two rules contradict each other.
    """
    rules = load_rules(path)
    errors = [one for one in find_conflicts(rules, _today()) if one.is_error]
    if errors:
        raise SourceError(
            "; ".join(one.message for one in errors),
            where=str(path),
            remedy="`graphrec rules check FILE` says where.",
        )
    return rules


def _today() -> date:
    return datetime.now(UTC).date()


def _first(
    engine: Engine, learner: Learner, knobs: Knobs, pool: Picked, size: int, k: int
) -> Picked:
    """The best ``k`` of one learner of a batch, of what was picked where that is enough."""
    if k > size:
        return engine.pick_many([learner], k, knobs)[0]
    return pool.first(k)


def _reordered(pool: Picked, ids: Sequence[str], found: Ruled, engine: Engine) -> Picked:
    """What was picked, in the order that the rules give."""
    given = found.ranking.course_ids
    if not found.changes and list(given) == list(ids[: len(given)]):
        return pool.first(len(given))
    at = {course_id: n for n, course_id in enumerate(ids)}
    rows = [at.get(course_id, -1) for course_id in given]
    items = engine.items.indices(given)
    return pool.ruled(items, rows, found.scores)

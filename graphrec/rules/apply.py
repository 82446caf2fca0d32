"""Applies the rules in force to one ranking: a list of courses in, the list and a trace out.

In this order: what is withheld goes; boosts re-sort; what must be taken stands first; then
the places are given one by one, each to the first course that no cap and no sequence holds
back, the last of them kept for quotas that are still open. Applied to its own result it
gives that result again: scores and ranks stay those of the ranking, and whether a course
may have a place depends only on the places already given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal, Self

from graphrec.rules.active import ActiveRules

Effect = Literal["withheld", "required", "boosted", "capped", "held_back", "quota"]

_NOTHING: frozenset[str] = frozenset()

_ADDED = 1 << 40
"""Rank of what a rule has added."""


@dataclass(frozen=True)
class Ranking:
    """Courses as they were ranked, in the order in which they stand.

    Attributes:
        course_ids: Distinct.
        scores: Of the models, log-odds; by ``ranks`` they do not rise.
        ranks: Place of each in the ranking; beyond all of them what a rule has added.
    """

    course_ids: tuple[str, ...]
    scores: tuple[float, ...]
    ranks: tuple[int, ...]

    @classmethod
    def of(cls, course_ids: list[str], scores: list[float]) -> Self:
        """A ranking, best first; a score above the one ahead counts as that one."""
        return cls(tuple(course_ids), tuple(accumulate(scores, min)), tuple(range(len(scores))))


@dataclass(frozen=True)
class Change:
    """What one rule did to one course.

    Attributes:
        rule_id: The rule.
        effect: What it did.
        course_id: The course.
        before: Its place in the ranking, from 1; None: it was not in it.
        after: Its place in the list, from 1; None: it is not in it.
        why: In words.
    """

    rule_id: str
    effect: Effect
    course_id: str
    before: int | None
    after: int | None
    why: str


@dataclass(frozen=True)
class Ruled:
    """A list under the rules.

    Attributes:
        ranking: The list, at most k, with the scores of the models.
        scores: What it is shown with: boosts included, and never rising.
        changes: In the order of the list, then what is no longer in it.
        is_short: Whether more candidates could give more courses or fill a quota.
    """

    ranking: Ranking
    scores: tuple[float, ...]
    changes: tuple[Change, ...]
    is_short: bool

    @cached_property
    def by_course(self) -> dict[str, Change]:
        """Course of the list -> the rule that decided its place."""
        found: dict[str, Change] = {}
        for change in self.changes:
            if change.after is not None:
                found.setdefault(change.course_id, change)
        return found


def apply_rules(
    active: ActiveRules,
    ranking: Ranking,
    k: int,
    *,
    may_be_given: Callable[[str], bool] = lambda course_id: False,
    taken: Set[str] = _NOTHING,
) -> Ruled:
    """The first ``k`` courses of a ranking under the rules in force.

    Args:
        active: For who asks, today.
        ranking: Best first; courses that may be given.
        k: Places.
        may_be_given: Whether a course that is not in the ranking may be given; asked of
            courses that must be taken.
        taken: Courses done or under way, which a sequence need not wait for.
    """
    return _Application(active, ranking, k, taken).run(may_be_given)


class _Application:
    def __init__(self, active: ActiveRules, ranking: Ranking, k: int, taken: Set[str]) -> None:
        self._active, self._k, self._taken = active, k, taken
        self._ranked = dict(
            zip(ranking.course_ids, zip(ranking.scores, ranking.ranks, strict=True), strict=True)
        )
        self._given: list[str] = []
        self._counts: list[Counter[str]] = [Counter() for _ in active.caps]
        self._acted: dict[str, list[tuple[str, Effect, str]]] = {}

    def run(self, may_be_given: Callable[[str], bool]) -> Ruled:
        active, lowest = self._active, min((s for s, _ in self._ranked.values()), default=0.0)
        for course_id in active.required:
            if course_id not in self._ranked and may_be_given(course_id):
                # Its rank is a constant beyond all places: another round finds it unchanged.
                self._ranked[course_id] = (lowest, _ADDED)
        waiting = [c for c in self._ranked if not self._is_withheld(c)]
        self._note_boosts(waiting)
        places = {course_id: n for n, course_id in enumerate(active.required)}
        waiting.sort(key=lambda c: (places.get(c, len(places)), -self._score(c), self._rank(c)))
        self._required = {c for c in waiting if c in places}
        while waiting and len(self._given) < self._k:
            chosen = self._next(waiting)
            if chosen is None:
                break
            self._give(waiting.pop(chosen))
        return self._told()

    def _rank(self, course_id: str) -> int:
        return self._ranked[course_id][1]

    def _score(self, course_id: str) -> float:
        return self._ranked[course_id][0] + self._active.lift(course_id)

    def _act(self, course_id: str, rule_id: str, effect: Effect, why: str) -> None:
        done = self._acted.setdefault(course_id, [])
        if not any(one[0] == rule_id for one in done):
            done.append((rule_id, effect, why))

    def _is_withheld(self, course_id: str) -> bool:
        rule = self._active.withheld.get(course_id)
        if rule is not None:
            self._act(course_id, rule.id, "withheld", f"withheld ({rule.kind})")
        return rule is not None

    def _note_boosts(self, course_ids: list[str]) -> None:
        for course_id in course_ids:
            for boost in self._active.boosts.get(course_id, ()):
                self._act(course_id, boost.id, "boosted", f"odds × {boost.factor:g}")

    def _next(self, waiting: list[str]) -> int | None:
        """Position of the course that gets the next place; None: none may have one."""
        first = None
        is_kept = self._num_owed() >= self._k - len(self._given)
        for n, course_id in enumerate(waiting):
            if self._is_held_back(course_id):
                continue
            if not is_kept or course_id in self._required:
                return n
            quota = self._open_quota(course_id)
            if quota is not None:
                if first is not None:
                    self._act(course_id, quota, "quota", "a place is kept for it by the quota")
                return n
            first = n if first is None else first
        return first

    def _is_held_back(self, course_id: str) -> bool:
        must = course_id in self._required
        for first, rule in self._active.ahead.get(course_id, ()):
            # What must be taken waits for nothing but what must be taken too.
            if first in self._taken or first in self._given:
                continue
            if must and first not in self._required:
                continue
            self._act(course_id, rule.id, "held_back", f"comes after {first}")
            return True
        if must:
            return False
        for cap, counts in zip(self._active.caps, self._counts, strict=True):
            group = cap.groups.get(course_id)
            if group is not None and counts[group] >= cap.rule.at_most:
                of = f" of {group}" if group else ""
                self._act(course_id, cap.rule.id, "capped", f"at most {cap.rule.at_most}{of}")
                return True
        return False

    def _num_owed(self) -> int:
        """Places that quotas still ask for."""
        return sum(self._owed(rule.share, courses) for rule, courses in self._active.quotas)

    def _owed(self, share: float, courses: frozenset[str]) -> int:
        wanted = int(self._k * share + 1e-9)  # .3 is a little less than three tenths
        return max(0, wanted - sum(c in courses for c in self._given))

    def _open_quota(self, course_id: str) -> str | None:
        for rule, courses in self._active.quotas:
            if course_id in courses and self._owed(rule.share, courses):
                return rule.id
        return None

    def _give(self, course_id: str) -> None:
        self._given.append(course_id)
        rule = self._active.required.get(course_id)
        if rule is not None:
            due = f" by {rule.due}" if rule.due else ""
            self._acted.setdefault(course_id, []).insert(0, (rule.id, "required", f"required{due}"))
        for cap, counts in zip(self._active.caps, self._counts, strict=True):
            group = cap.groups.get(course_id)
            if group is not None:
                counts[group] += 1

    def _told(self) -> Ruled:
        given = self._given
        own = [self._score(course_id) for course_id in given]
        shown = tuple(accumulate(reversed(own), max))[::-1]  # a place ahead is never worth less
        ranking = Ranking(
            tuple(given),
            tuple(self._ranked[c][0] for c in given),
            tuple(self._rank(c) for c in given),
        )
        is_short = len(given) < self._k or self._num_owed() > 0
        return Ruled(ranking, shown, tuple(self._changes()), is_short)

    def _changes(self) -> list[Change]:
        after = {course_id: n for n, course_id in enumerate(self._given, 1)}
        changes = []
        order = sorted(self._acted, key=lambda c: (after.get(c, self._k + 1), self._rank(c), c))
        for course_id in order:
            rank = self._rank(course_id)
            before = None if rank == _ADDED else rank + 1
            if before is not None and before > self._k and course_id not in after:
                continue  # it would not have been in the list anyhow
            for rule_id, effect, why in self._acted[course_id]:
                if self._is_true(effect, course_id, before, after.get(course_id)):
                    changes.append(
                        Change(rule_id, effect, course_id, before, after.get(course_id), why)
                    )
        return changes

    def _is_true(
        self, effect: Effect, course_id: str, before: int | None, after: int | None
    ) -> bool:
        """Whether the course really went where such a rule sends it."""
        if effect in ("withheld", "required"):
            return True
        rises = after is not None and (before is None or after < before)
        if effect == "quota" or (effect == "boosted" and self._active.lift(course_id) > 0):
            return rises
        return before != after and not rises

"""The rules in force for somebody on a day, worked out course by course.

A rule book is made once for a catalogue; what it says to one set of roles is kept, so that a
request costs a look-up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Protocol

from graphrec.rules.schema import (
    MAX_FACTOR,
    Blackout,
    Boost,
    Cap,
    Licence,
    MustTake,
    Price,
    Quota,
    Rule,
    RuleSet,
    Selecting,
    Sequence,
)

_MAX_KEPT: Final = 256
"""Sets of roles for which the rules in force are kept."""


class CatalogueView(Protocol):
    """What rules look at of a catalogue."""

    @property
    def courses(self) -> Mapping[str, Any]:
        """Course by id, with provider, level and language."""

    @property
    def roles(self) -> Mapping[str, Any]:
        """By id."""

    @property
    def skills(self) -> Mapping[str, Any]:
        """By id."""

    def skills_of(self, course_id: str) -> Mapping[str, Any]:
        """By skill id, what a course teaches."""


@dataclass(frozen=True)
class Counted:
    """A cap: at most ``at_most`` of each group; group of a course id, absent: not counted."""

    rule: Cap
    groups: Mapping[str, str]


@dataclass(frozen=True)
class ActiveRules:
    """What is in force for somebody, by course id.

    Attributes:
        required: Course -> its rule, the earliest due first.
        withheld: Course -> the rule that withholds it (blackout, licence, price limit).
        boosts: Course -> its boosts.
        caps: In the order of the file.
        quotas: With the courses that count.
        ahead: Course -> (the one ahead of it, the rule).
        prices: Course -> amount and currency.
    """

    required: Mapping[str, MustTake] = field(default_factory=dict)
    withheld: Mapping[str, Rule] = field(default_factory=dict)
    boosts: Mapping[str, tuple[Boost, ...]] = field(default_factory=dict)
    caps: tuple[Counted, ...] = ()
    quotas: tuple[tuple[Quota, frozenset[str]], ...] = ()
    ahead: Mapping[str, tuple[tuple[str, Sequence], ...]] = field(default_factory=dict)
    prices: Mapping[str, tuple[float, str]] = field(default_factory=dict)

    @property
    def is_idle(self) -> bool:
        """Whether no list can be changed by them."""
        return not (
            self.required or self.withheld or self.boosts or self.caps or self.quotas or self.ahead
        )

    def lift(self, course_id: str) -> float:
        """What boosts add to the score of a course: the log of their factor, bounded."""
        return math.log(total_factor(self.boosts.get(course_id, ())))


def total_factor(boosts: Iterable[Boost]) -> float:
    """All boosts of a course together, held within the bound."""
    product = math.prod(boost.factor for boost in boosts)
    return min(max(product, 1 / MAX_FACTOR), MAX_FACTOR)


class RuleBook:
    """Rules over one catalogue.

    Args:
        rules: As loaded.
        catalogue: Whose courses they select.
    """

    def __init__(self, rules: RuleSet, catalogue: CatalogueView) -> None:
        self.rules = rules
        self._catalogue = catalogue
        self._due = {rule.id: rule.due for rule in rules.rules if isinstance(rule, MustTake)}
        self._selected: dict[str, frozenset[str]] = {}
        self._kept: dict[tuple[frozenset[str], date], ActiveRules] = {}

    def in_force(self, roles: frozenset[str], today: date) -> ActiveRules:
        """What holds for somebody of some roles on a day (UTC)."""
        key = roles, today
        found = self._kept.get(key)
        if found is None:
            found = self._work_out(roles, today)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return found

    def due(self, rule_id: str) -> date | None:
        """The day by which a rule's courses must be taken; None where it names none."""
        return self._due.get(rule_id)

    def selected(self, rule: Selecting) -> frozenset[str]:
        """Courses that a rule is over."""
        found = self._selected.get(rule.id)
        if found is None:
            found = self._selected[rule.id] = frozenset(
                course_id
                for course_id, course in self._catalogue.courses.items()
                if self._matches(rule, course_id, course)
            )
        return found

    def _matches(self, rule: Selecting, course_id: str, course: Any) -> bool:
        if rule.courses and course_id not in rule.courses:
            return False
        if rule.skills and self._catalogue.skills_of(course_id).keys().isdisjoint(rule.skills):
            return False
        return (
            _is_one_of(course.provider, rule.providers)
            and _is_one_of(course.level, rule.levels)
            and _is_one_of(course.language, rule.languages)
        )

    def _work_out(self, roles: frozenset[str], today: date) -> ActiveRules:
        rules = [r for r in self.rules.rules if r.holds_on(today) and r.concerns(roles)]
        boosts: dict[str, tuple[Boost, ...]] = {}
        ahead: dict[str, tuple[tuple[str, Sequence], ...]] = {}
        withheld: dict[str, Rule] = {}
        prices: dict[str, tuple[float, str]] = {}
        for rule in rules:
            for course_id in self._withheld_by(rule, roles, today):
                withheld.setdefault(course_id, rule)
            if isinstance(rule, Boost):
                for course_id in self.selected(rule):
                    boosts[course_id] = (*boosts.get(course_id, ()), rule)
            elif isinstance(rule, Sequence):
                for first, then in zip(rule.courses, rule.courses[1:], strict=False):
                    ahead[then] = (*ahead.get(then, ()), (first, rule))
            elif isinstance(rule, Price):
                for course_id, amount in rule.prices.items():
                    prices.setdefault(course_id, (amount, rule.currency))
        return ActiveRules(
            required=_required(r for r in rules if isinstance(r, MustTake)),
            withheld=withheld,
            boosts=boosts,
            caps=tuple(Counted(r, self._groups(r)) for r in rules if isinstance(r, Cap)),
            quotas=tuple((r, self.selected(r)) for r in rules if isinstance(r, Quota)),
            ahead=ahead,
            prices=prices,
        )

    def _withheld_by(self, rule: Rule, roles: Set[str], today: date) -> Iterable[str]:
        if isinstance(rule, Blackout):
            return self.selected(rule)
        if isinstance(rule, Licence):
            is_over = rule.licensed_until is not None and today > rule.licensed_until
            has_it = not rule.licensed_roles or not roles.isdisjoint(rule.licensed_roles)
            return () if has_it and not is_over else self.selected(rule)
        if isinstance(rule, Price) and rule.limit is not None:
            return [c for c, amount in rule.prices.items() if amount > rule.limit]
        return ()

    def _groups(self, rule: Cap) -> dict[str, str]:
        """Course -> the group in which a cap counts it; one of no known group is not counted."""
        if rule.per is None:
            return dict.fromkeys(self.selected(rule), "")
        groups: dict[str, str] = {}
        for course_id in self.selected(rule):
            value = getattr(self._catalogue.courses[course_id], rule.per)
            if value is not None:
                groups[course_id] = value.casefold()
        return groups


def _required(rules: Iterable[MustTake]) -> dict[str, MustTake]:
    """Course -> its rule, the earliest due first, else as in the file."""
    far = date.max - timedelta(1)
    found: dict[str, MustTake] = {}
    for rule in sorted(rules, key=lambda r: r.due or far):
        for course_id in rule.courses:
            found.setdefault(course_id, rule)
    return found


def _is_one_of(value: str | None, wanted: tuple[str, ...]) -> bool:
    return not wanted or (
        value is not None and value.casefold() in {one.casefold() for one in wanted}
    )

"""The rules still to be reckoned with, what they are over, and what a conflict is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from graphrec.rules.active import CatalogueView, RuleBook
from graphrec.rules.schema import MustTake, Price, Rule, RuleSet
from graphrec.rules.schema import Sequence as SequenceRule

_R = TypeVar("_R", bound=Rule)


@dataclass(frozen=True)
class Conflict:
    """What is wrong between rules, or with one.

    Attributes:
        code: Kind of conflict.
        is_error: Whether it must be mended before the rules are served.
        rule_ids: Concerned, in the order of the file.
        message: In words.
    """

    code: str
    is_error: bool
    rule_ids: tuple[str, ...]
    message: str


class Scene:
    """Rules, a day, and a catalogue where there is one.

    Args:
        rules: As loaded.
        today: UTC.
        catalogue: None: what is selected by provider, level, language or skill is unknown.
    """

    def __init__(self, rules: RuleSet, today: date, catalogue: CatalogueView | None) -> None:
        self.rules, self.today, self.catalogue = rules.rules, today, catalogue
        self.live = [rule for rule in rules.rules if rule.expires >= today]
        self._book = None if catalogue is None else RuleBook(rules, catalogue)
        self.courses = {rule.id: self._over(rule) for rule in self.live}
        self._place = {rule.id: n for n, rule in enumerate(rules.rules)}

    def conflict(self, code: str, ids: Iterable[str], message: str) -> Conflict:
        """One that must be mended."""
        return Conflict(code, True, self._in_order(ids), message)

    def warning(self, code: str, ids: Iterable[str], message: str) -> Conflict:
        """One that may stand."""
        return Conflict(code, False, self._in_order(ids), message)

    def together(self, kind: type[_R]) -> list[list[_R]]:
        """Sets of rules of a kind that are in force for one role on one day."""
        rules: list[_R] = [rule for rule in self.live if isinstance(rule, kind)]
        found: dict[tuple[str, ...], list[_R]] = {}
        for role in [None, *sorted({role for rule in rules for role in rule.roles})]:
            theirs = [r for r in rules if not r.roles or role in r.roles]
            # A set of rules is complete on the day on which its last one starts.
            for day in sorted({max(r.starts or self.today, self.today) for r in theirs}):
                there: list[_R] = [r for r in theirs if r.holds_on(day)]
                found.setdefault(tuple(r.id for r in there), there)
        return list(found.values())

    def _over(self, rule: Rule) -> frozenset[str]:
        """Courses that a rule is over, as far as they are known."""
        if isinstance(rule, MustTake | SequenceRule):
            return frozenset(rule.courses)
        if isinstance(rule, Price):
            return frozenset(rule.prices)
        if self._book is not None:
            return self._book.selected(rule)
        others = rule.providers or rule.levels or rule.languages or rule.skills
        return frozenset(() if others else rule.courses)

    def _in_order(self, ids: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(set(ids), key=self._place.__getitem__))


def can_meet(first: Rule, second: Rule) -> bool:
    """Whether two rules can be in force for the same role on the same day."""
    starts = max(first.starts or date.min, second.starts or date.min)
    if starts > min(first.expires, second.expires):
        return False
    return not first.roles or second.concerns(frozenset(first.roles))


def listed(ids: Sequence[str]) -> str:
    """Some ids for people, the first five."""
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return ", ".join(f"'{one}'" for one in ids[:5]) + more

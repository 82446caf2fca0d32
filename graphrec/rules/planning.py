"""What the rules in force mean for a learning path: inputs of the planner."""

from __future__ import annotations

from dataclasses import dataclass

from graphrec.rules.active import ActiveRules


@dataclass(frozen=True)
class PlannerInputs:
    """What a path must hold to.

    Attributes:
        must_take: Course ids that a path contains, the earliest due first.
        exclude: Course ids that it must not contain, by id.
        before: (first, then) -> the rule that says so: where a path has both, ``first`` comes
            in an earlier step.
        costs: Course id -> amount, in ``currency``.
        currency: ISO 4217; "" without prices.
        sources: Course id of ``must_take`` or ``exclude`` -> the rule that says so.
    """

    must_take: tuple[str, ...]
    exclude: tuple[str, ...]
    before: dict[tuple[str, str], str]
    costs: dict[str, float]
    currency: str
    sources: dict[str, str]


def planner_inputs(active: ActiveRules) -> PlannerInputs:
    """The rules in force (``RuleBook.in_force(roles, today)``) as the planner takes them.

    What is withheld is never demanded. Caps, quotas and boosts are about lists, and say
    nothing of paths.
    """
    must_take = tuple(c for c in active.required if c not in active.withheld)
    sources = {c: active.required[c].id for c in must_take}
    sources |= {c: rule.id for c, rule in active.withheld.items()}
    before = {
        (first, then): rule.id for then, rules in active.ahead.items() for first, rule in rules
    }
    return PlannerInputs(
        must_take=must_take,
        exclude=tuple(sorted(active.withheld)),
        before=dict(sorted(before.items())),
        costs={course_id: amount for course_id, (amount, _) in sorted(active.prices.items())},
        currency=next((currency for _, currency in active.prices.values()), ""),
        sources=sources,
    )

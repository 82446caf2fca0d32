"""Stage 5, SERVE: a path for a learner as the graph knows them, under the business rules of today.

What service, command line and Python have in common; ``paths.plan`` knows neither learner nor
rules file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from graphrec.errors import UnknownIdError
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.learners import Learner
from graphrec.recommend.mastery import ANONYMOUS
from graphrec.recommend.path_rules import Scorer
from graphrec.recommend.path_schemas import PathRequest, PathResponse
from graphrec.recommend.paths import plan
from graphrec.recommend.ruled import roles_of
from graphrec.rules.active import RuleBook
from graphrec.rules.planning import planner_inputs


def plan_for(
    request: PathRequest,
    catalogue: Catalogue,
    learner: Learner | None = None,
    rules: RuleBook | None = None,
    *,
    keep: Iterable[str] = (),
    scorer: Scorer | None = None,
) -> PathResponse:
    """Plan the way to a target.

    Args:
        request: The target and its bounds.
        catalogue: All courses, skills and roles.
        learner: Of ``request.learner_id``; None: anonymous.
        rules: Over the catalogue; those are obeyed that are in force today for the role held
            and for the one aimed at, which is the target where that is a role.
        keep: Course ids of a former plan, preferred where they still do.
        scorer: Personal fit, which decides among plans of equal hours.

    Raises:
        UnknownIdError: The target or the learner does not exist.
    """
    if learner is not None:
        known(learner)
    now, rulings = datetime.now(UTC), None
    if rules is not None:
        role = request.target.role_id
        if learner is None:
            roles = frozenset([role] if role else [])
        else:
            roles = roles_of(learner, role or learner.target_role_id)
        rulings = planner_inputs(rules.in_force(roles, now.date()))
    state = ANONYMOUS if learner is None else learner.state
    return plan(request, catalogue, state, scorer=scorer, now=now, keep=keep, rulings=rulings)


def known(learner: Learner) -> Learner:
    """The learner.

    Raises:
        UnknownIdError: The graph does not have them.
    """
    if not learner.is_known:
        raise UnknownIdError(
            f"There is no learner '{learner.learner_id}'.",
            where="learner_id",
            remedy="Leave learner_id out and send 'completed' or 'mastered' instead.",
        )
    return learner

"""Business rules in a learning path: what they demand and withhold, and the order they want.

In come the rules in force for a learner (``graphrec.rules.planning``); out go the planner's
``Rules`` with them, and an answer that names them where they could not be followed.
"""

from __future__ import annotations

from dataclasses import replace

from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import PathResponse
from graphrec.rules.planning import PlannerInputs


def ruled(rules: Rules, rulings: PlannerInputs) -> Rules:
    """What one request allows, under business rules.

    A course that the request waives is not demanded, and one that left the catalogue neither:
    a rule may still name it.
    """
    known = rules.catalogue.courses.keys()
    return replace(
        rules,
        withheld={course: rulings.sources[course] for course in rulings.exclude},
        demanded={
            course: rulings.sources[course]
            for course in rulings.must_take
            if course in known and course not in rules.waived
        },
        before=rulings.before,
    )


def name_rules(answer: PathResponse, rules: Rules) -> PathResponse:
    """The answer, naming the rule of what it lacks, and of an order that it does not keep."""
    for number, note in enumerate(answer.unreachable):
        if note.kind == "course" and note.target in rules.demanded:
            why = f"{note.why} The rule '{rules.demanded[note.target]}' demands it."
            answer.unreachable[number] = note.model_copy(update={"why": why})
    place = {c.course_id: step.order for step in answer.steps for c in step.courses}
    for (first, then), rule_id in rules.before.items():
        if first in place and then in place and place[first] >= place[then]:
            answer.warnings.append(
                f"The rule '{rule_id}' wants '{first}' before '{then}': "
                "their prerequisites do not allow it."
            )
    return answer

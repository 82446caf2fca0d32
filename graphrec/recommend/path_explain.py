"""Says why: why a course or skill is out of reach, and why a course is in the plan.

Every sentence names ids or titles that can be looked up in the graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence, Set

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_rules import Rules
from graphrec.recommend.path_schemas import PathReason
from graphrec.recommend.path_universe import Universe


def label(name: str, identifier: str) -> str:
    """A name with its id, or the id alone where there is no other name."""
    return f"'{identifier}'" if name == identifier else f"'{name}' ({identifier})"


def _course(catalogue: Catalogue, course_id: str) -> str:
    return label(catalogue.course_name(course_id), course_id)


def _skill(catalogue: Catalogue, skill_id: str) -> str:
    return label(catalogue.skill_name(skill_id), skill_id)


def why_no_course(rules: Rules, universe: Universe, course_id: str) -> str:
    """Follow what blocks a course down to a barred course or a cycle of REQUIRES."""
    catalogue = rules.catalogue
    barrier = rules.barrier(course_id)
    if barrier is not None:
        return f"{_course(catalogue, course_id)} {barrier}."
    trail = [course_id]
    while True:
        group = _blocked_group(rules, universe, trail[-1])
        options = [option for option in group if rules.barrier(option) is None]
        if not options:
            return _barred(rules, trail, group)
        if options[0] in trail:
            cycle = [*trail[trail.index(options[0]) :], options[0]]
            return (
                f"{_course(catalogue, course_id)} lies behind a cycle of REQUIRES: "
                + " requires ".join(_course(catalogue, c) for c in cycle)
                + "."
            )
        trail.append(options[0])


def _blocked_group(rules: Rules, universe: Universe, course_id: str) -> tuple[str, ...]:
    """The first unmet REQUIRES group of which no course can be taken."""
    missing = rules.catalogue.missing_groups(course_id, rules.state.completed)
    return next(group for group in missing if not any(o in universe.index for o in group))


def _barred(rules: Rules, trail: Sequence[str], group: Sequence[str]) -> str:
    catalogue = rules.catalogue
    chain = " requires ".join(_course(catalogue, c) for c in trail)
    options = ", ".join(f"{_course(catalogue, o)}, which {rules.barrier(o)}" for o in group)
    return f"{chain} requires {'one of ' if len(group) > 1 else ''}{options}."


def why_no_skill(
    rules: Rules,
    universe: Universe,
    skill_id: str,
    attainable: Set[str],
    lost: Mapping[str, str],
) -> str:
    """Follow what blocks a skill, by the shortest way, to a skill that no course can give."""
    catalogue = rules.catalogue
    trails = deque([[skill_id]])
    seen = {skill_id}
    while trails:
        trail = trails.popleft()
        skill = trail[-1]
        if skill in lost or not _is_taught(universe, catalogue, skill):
            reason = lost.get(skill) or _untaught(rules, universe, skill)
            return _chain(catalogue, trail) + reason
        for before in catalogue.prerequisites_of(skill):
            is_blocked = before not in attainable and before not in rules.state.mastered
            if is_blocked and before not in seen:
                seen.add(before)
                trails.append([*trail, before])
    raise AssertionError("a skill out of reach has a cause")


def _chain(catalogue: Catalogue, trail: Sequence[str]) -> str:
    return "".join(f"{_skill(catalogue, s)} has the prerequisite " for s in trail[:-1])


def _is_taught(universe: Universe, catalogue: Catalogue, skill_id: str) -> bool:
    return any(course in universe.index for course in catalogue.courses_teaching(skill_id))


def _untaught(rules: Rules, universe: Universe, skill_id: str) -> str:
    catalogue = rules.catalogue
    courses = catalogue.courses_teaching(skill_id)
    name = _skill(catalogue, skill_id)
    if not courses:
        return f"{name}, which no course teaches."
    # A course in the way of a cycle says more than one that is merely barred.
    course = next((c for c in courses if rules.barrier(c) is None), courses[0])
    others = f" (and {len(courses) - 1} more)" if len(courses) > 1 else ""
    return f"{name}, whose courses{others} cannot be taken: " + why_no_course(
        rules, universe, course
    )


def too_early(catalogue: Catalogue, skill_id: str, courses: Sequence[str]) -> str:
    """Why a taught skill cannot be gained: REQUIRES puts its courses before its prerequisites."""
    names = ", ".join(_course(catalogue, course) for course in courses)
    before = ", ".join(_skill(catalogue, p) for p in catalogue.prerequisites_of(skill_id))
    return (
        f"{_skill(catalogue, skill_id)}, which only {names} could add, but REQUIRES puts that "
        f"before the courses that teach its prerequisites ({before})."
    )


def over_budget(needed: float, budget: float, bound: str) -> str:
    """Why something within reach was left out."""
    return f"It needs {needed:g} hours in all, {needed - budget:g} over the {budget:g} of {bound}."


def too_many(budget: int) -> str:
    """Why something within reach was left out, where courses are counted."""
    return f"It needs more than the {budget} courses of max_courses in all."


def in_target(catalogue: Catalogue, skill_id: str, role_id: str | None) -> PathReason:
    """The course teaches a skill of the target."""
    by = f"the role {label(catalogue.role_name(role_id), role_id)}" if role_id else "the target"
    text = f"Teaches {_skill(catalogue, skill_id)}, needed by {by}."
    return PathReason(code="teaches_needed_skill", text=text, skill_id=skill_id, role_id=role_id)


def before_skill(catalogue: Catalogue, skill_id: str, for_skill_id: str) -> PathReason:
    """The course teaches a skill that comes before another of the plan."""
    text = (
        f"Teaches {_skill(catalogue, skill_id)}, "
        f"a prerequisite of {_skill(catalogue, for_skill_id)}."
    )
    return PathReason(
        code="prerequisite_skill_of", text=text, skill_id=skill_id, for_skill_id=for_skill_id
    )


def before_course(catalogue: Catalogue, course_id: str) -> PathReason:
    """Another course of the plan REQUIRES this one."""
    text = f"{_course(catalogue, course_id)} requires it."
    return PathReason(code="required_by", text=text, course_id=course_id)


def is_target(course_id: str) -> PathReason:
    """The course is what was asked for."""
    return PathReason(code="target_course", text="It is the target.", course_id=course_id)


def is_in_progress(course_id: str) -> PathReason:
    """The course is being taken, and no other would do."""
    text = "It is being taken already and has to be completed."
    return PathReason(code="in_progress", text=text, course_id=course_id)


def is_demanded(course_id: str, rule_id: str) -> PathReason:
    """A business rule demands the course."""
    text = f"It must be taken (rule {rule_id})."
    return PathReason(code="required", text=text, course_id=course_id, rule_id=rule_id)


def is_asked(course_id: str) -> PathReason:
    """The request names the course as one to be taken."""
    text = "You asked for it: it must be taken."
    return PathReason(code="must_take", text=text, course_id=course_id)


def is_pinned(course_id: str) -> PathReason:
    """The request prefers the course to others."""
    text = "You asked to keep it where there is a choice."
    return PathReason(code="pinned", text=text, course_id=course_id)


def is_kept(course_id: str) -> PathReason:
    """The course stood in the former plan."""
    text = "It stood in the plan before, and is still good."
    return PathReason(code="kept", text=text, course_id=course_id)


def in_time(catalogue: Catalogue, skill_id: str, course_id: str) -> PathReason:
    """The course teaches what a course that has to be taken would teach too early."""
    text = (
        f"Teaches {_skill(catalogue, skill_id)}, whose prerequisites are held too late for "
        f"{_course(catalogue, course_id)} to add it."
    )
    return PathReason(code="taught_in_time", text=text, skill_id=skill_id, course_id=course_id)

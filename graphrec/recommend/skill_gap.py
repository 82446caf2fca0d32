"""Stage 5, SERVE: what a role needs beyond what a learner holds, and who teaches it.

In come a learner's state and a role; out comes one row a skill that is missing or held at too
low a level.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import LearnerState, is_enough


class TeachingCourse(BaseModel):
    """A course that teaches a missing skill; None where the catalogue does not know."""

    course_id: str
    title: str | None
    level: float | None = Field(description="Level of the skill that the course teaches.")
    hours: float | None


class SkillGap(BaseModel):
    """One needed skill that is not held well enough."""

    skill_id: str
    name: str
    essential: bool
    needed_level: float | None = Field(description="None: any level will do.")
    held_level: float | None = Field(description="None: not held.")
    gap: float | None = Field(
        description="Levels still missing, from 0 where nothing is held; None: no level is asked."
    )
    courses: list[TeachingCourse] = Field(
        description="Courses that teach it well enough, else all that teach it; not hidden, not "
        "completed; fewest hours first, unknown hours last."
    )


def skill_gap(state: LearnerState, role_id: str, catalogue: Catalogue) -> list[SkillGap]:
    """The skills of a role that a learner lacks, essential ones first, widest gap first.

    Args:
        state: What the learner holds.
        role_id: The role aimed at.
        catalogue: Needs of the role and courses that teach.

    Raises:
        UnknownIdError: There is no such role.
    """
    catalogue.role(role_id)
    gaps = []
    for skill_id, need in catalogue.role_needs(role_id).items():
        if state.holds(skill_id, need.level):
            continue
        held = state.mastered.get(skill_id)
        gaps.append(
            SkillGap(
                skill_id=skill_id,
                name=catalogue.skill_name(skill_id),
                essential=need.essential,
                needed_level=need.level,
                held_level=held,
                gap=None if need.level is None else need.level - (held or 0.0),
                courses=_courses(state, skill_id, need.level, catalogue),
            )
        )
    return sorted(gaps, key=lambda g: (not g.essential, -(g.gap or 0.0), g.skill_id))


def _courses(
    state: LearnerState, skill_id: str, level: float | None, catalogue: Catalogue
) -> list[TeachingCourse]:
    teaching = []
    for course_id in catalogue.courses_teaching(skill_id):
        course = catalogue.courses.get(course_id)
        if course is None or course.hidden or course_id in state.completed:
            continue
        taught = catalogue.skills_of(course_id)[skill_id]
        teaching.append(
            TeachingCourse(
                course_id=course_id, title=course.title, level=taught, hours=course.hours
            )
        )
    enough = [course for course in teaching if is_enough(course.level, level)]
    return sorted(
        enough or teaching,
        key=lambda c: (c.hours is None, c.hours or 0.0, c.course_id),
    )

"""The catalogue as REST shows it."""

from __future__ import annotations

from typing import Protocol

from graphrec.recommend.catalogue import Catalogue, Course, Role, Skill
from serving.schemas import (
    CourseDetail,
    CourseSummary,
    NeededSkill,
    RoleDetail,
    RoleSummary,
    SkillSummary,
    TaughtSkill,
)


class _CourseFilter(Protocol):
    level: list[str]
    language: list[str]
    provider: list[str]
    min_hours: float | None
    max_hours: float | None


def find_courses(catalogue: Catalogue, text: str, *, hidden: bool) -> list[Course]:
    """Courses whose id or title contains ``text``, case ignored; hidden ones on demand."""
    wanted = text.casefold()
    return [
        c
        for c in catalogue.courses.values()
        if (hidden or not c.hidden)
        and (not wanted or wanted in c.name.casefold() or wanted in c.course_id.casefold())
    ]


def passes(course: Course, asked: _CourseFilter) -> bool:
    """Whether a course meets the filters; one of unknown hours meets no bound on hours."""
    for values, value in (
        (asked.level, course.level),
        (asked.language, course.language),
        (asked.provider, course.provider),
    ):
        if values and value not in values:
            return False
    if asked.min_hours is not None and (course.hours is None or course.hours < asked.min_hours):
        return False
    return asked.max_hours is None or (course.hours is not None and course.hours <= asked.max_hours)


def course_summary(course: Course) -> CourseSummary:
    """A course in a list."""
    return CourseSummary(
        course_id=course.course_id,
        title=course.title,
        level=course.level,
        hours=course.hours,
        language=course.language,
        provider=course.provider,
    )


def course_detail(catalogue: Catalogue, course_id: str) -> CourseDetail:
    """A course with its skills and requirements.

    Raises:
        UnknownIdError: There is none.
    """
    course = catalogue.course(course_id)
    return CourseDetail(
        **course_summary(course).model_dump(),
        description=course.description,
        published_at=course.published_at,
        hidden=course.hidden,
        teaches=[
            TaughtSkill(skill_id=s, name=_skill_name(catalogue, s), level=level)
            for s, level in catalogue.skills_of(course_id).items()
        ],
        requires=[list(group) for group in catalogue.required_groups(course_id)],
        required_by=list(catalogue.required_by(course_id)),
    )


def find_skills(catalogue: Catalogue, text: str) -> list[Skill]:
    """Skills whose id or name contains ``text``, case ignored."""
    wanted = text.casefold()
    return [
        s
        for s in catalogue.skills.values()
        if not wanted or wanted in s.name.casefold() or wanted in s.skill_id.casefold()
    ]


def skill_summary(catalogue: Catalogue, skill: Skill) -> SkillSummary:
    """A skill in a list."""
    return SkillSummary(
        skill_id=skill.skill_id,
        name=skill.title,
        description=skill.description,
        requires=list(catalogue.prerequisites_of(skill.skill_id)),
        num_courses=len(catalogue.courses_teaching(skill.skill_id)),
    )


def role_summary(catalogue: Catalogue, role: Role) -> RoleSummary:
    """A role in a list."""
    return RoleSummary(
        role_id=role.role_id,
        name=role.title,
        description=role.description,
        num_skills=len(catalogue.role_needs(role.role_id)),
    )


def role_detail(catalogue: Catalogue, role_id: str) -> RoleDetail:
    """A role with the skills it needs.

    Raises:
        UnknownIdError: There is none.
    """
    role = catalogue.role(role_id)
    return RoleDetail(
        **role_summary(catalogue, role).model_dump(),
        needs=[
            NeededSkill(
                skill_id=s,
                name=_skill_name(catalogue, s),
                level=need.level,
                essential=need.essential,
            )
            for s, need in catalogue.role_needs(role_id).items()
        ],
    )


def _skill_name(catalogue: Catalogue, skill_id: str) -> str | None:
    skill = catalogue.skills.get(skill_id)
    return skill.title if skill else None

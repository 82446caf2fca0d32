"""What a learner still lacks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from graphrec.recommend.skill_gap import SkillGap
from serving.access import RequireScope
from serving.deps import ERRORS, NOT_FOUND, LearnerId, ServiceDep

router = APIRouter(
    prefix="/v1",
    tags=["learners"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("integrator"))],
)


@router.get(
    "/learners/{learner_id:id}/skill-gap",
    response_model=list[SkillGap],
    responses=NOT_FOUND,
    summary="Skills a learner lacks for a role",
)
async def read_skill_gap(
    service: ServiceDep,
    learner_id: LearnerId,
    role: Annotated[str, Query(min_length=1, max_length=512, description="Id of the role.")],
) -> list[SkillGap]:
    """Every skill that the role needs, with the level needed and the level held."""
    return await service.workers.run(service.recommender.skill_gap, learner_id, role)

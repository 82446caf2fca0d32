"""What only an administrator may do, and which bundle answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from serving.access import RequireScope
from serving.deps import ERRORS, NOT_FOUND, ModelId, ServiceDep
from serving.schemas import SnapshotAnswer

router = APIRouter(
    prefix="/v1",
    tags=["administration"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("admin"))],
)


@router.post(
    "/admin/snapshots",
    status_code=201,
    response_model=SnapshotAnswer,
    summary="Write a snapshot to train from",
)
async def write_snapshot(service: ServiceDep) -> SnapshotAnswer:
    """Exports the graph as of this moment into the store; `graphrec train --snapshot` reads it."""
    return SnapshotAnswer.of(await service.workers.run(service.recommender.snapshot))


@router.get("/models", summary="The bundle that answers")
async def read_models(service: ServiceDep) -> dict[str, Any]:
    """Its id, data, models and validation metrics."""
    return service.recommender.bundle_info()


@router.get(
    "/models/{model_id:id}/card",
    response_class=Response,
    responses={**NOT_FOUND, 200: {"content": {"text/markdown": {}}, "description": "The card."}},
    summary="The model card of a bundle",
)
async def read_model_card(model_id: ModelId, service: ServiceDep) -> Response:
    """Markdown: use, data, models, quality, limits, cost; an alias will do for the id."""
    card = await service.workers.run(service.recommender.model_card, model_id)
    return Response(card, media_type="text/markdown; charset=utf-8")

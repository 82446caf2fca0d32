"""What learners did: taken in by batches, durable before the answer."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Depends
from starlette.responses import Response

from serving.access import RequireScope
from serving.deps import ERRORS, ServiceDep, json_response
from serving.schemas import EventBatch, EventBatchAnswer

router = APIRouter(
    prefix="/v1",
    tags=["events"],
    responses=ERRORS,
    dependencies=[Depends(RequireScope("integrator"))],
)


@router.post("/events", response_model=EventBatchAnswer, summary="Take in up to 1,000 events")
async def ingest_events(service: ServiceDep, body: EventBatch) -> Response:
    """Each event is accepted, a duplicate, or quarantined with the reason.

    The answer comes after the accepted ones are written durably, and the learner's next
    recommendation reflects them. Where no answer came, send the batch again: an `event_id`
    counts once.
    """
    outcomes = await service.writer.run(service.recommender.ingest, body.events)
    num = Counter(outcome.status for outcome in outcomes)
    for status, count in num.items():
        service.metrics.events.labels(status).inc(count)
    return json_response(
        EventBatchAnswer(
            accepted=num["accepted"],
            duplicate=num["duplicate"],
            quarantined=num["quarantined"],
            outcomes=outcomes,
        )
    )

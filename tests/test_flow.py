"""Events in, HTTP answer out: what a learner did changes what the next answer is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from service_world import build_world, listening

from graphrec import Recommender
from graphrec.settings import Settings
from serving.app import create_app
from serving.settings import ServiceSettings


def _courses(client: httpx.Client, learner: str) -> list[str]:
    answer = client.get(f"/v1/learners/{learner}/recommendations?k=200")
    assert answer.status_code == 200
    return [course["course_id"] for course in answer.json()["courses"]]


def _send(client: httpx.Client, number: int, kind: str, course: str, **fields: Any) -> None:
    event = {"event_id": f"flow-{number}", "type": kind, "learner_id": "Ada", "course_id": course}
    answer = client.post("/v1/events", json={"events": [event | fields]})
    assert answer.json()["outcomes"][0]["status"] == "accepted", answer.text


def test_the_next_answer_reflects_an_event(tmp_path: Path) -> None:
    settings = Settings(store=tmp_path, graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    with Recommender.open(settings) as recommender:
        app = create_app(ServiceSettings(), recommender)
        with listening(app) as client:
            newcomer = _courses(client, "Ada")
            assert newcomer
            assert "C04" not in newcomer  # C03 comes first

            first = newcomer[0]
            _send(client, 1, "enrolled", first)
            assert first not in _courses(client, "Ada")

            _send(client, 2, "completed", "C03", at="2026-05-01T09:30:00Z", score=87)
            after = _courses(client, "Ada")
            assert "C04" in after
            assert "C03" not in after

            path = {"learner_id": "Ada", "target": {"course_id": "C05"}}
            steps = client.post("/v1/paths", json=path).json()["steps"]
            assert [c["course_id"] for s in steps for c in s["courses"]] == ["C04", "C05"]

    with Recommender.open(settings) as reopened:  # and it outlives the process
        rows = reopened.store.export("interactions").to_pylist()
        assert {r["course_id"] for r in rows if r["learner_id"] == "Ada"} == {first, "C03"}

"""``graphrec serve`` as its own process: start, stop, kill, a second owner, a new champion."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_world import ServeProcess, build_world, graphrec_command

from graphrec.graph.store import open_store
from graphrec.settings import Settings


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    build_world(Settings(store=folder, graph_buffer_mb=64, graph_max_gb=1))
    return folder


def _event(number: int, prefix: str) -> dict[str, Any]:
    return {
        "event_id": f"{prefix}-{number}",
        "type": "viewed",
        "learner_id": f"{prefix}-{number % 7}",
        "course_id": f"C{number % 10:02d}",
        "at": 1_710_000_000_000 + number,
    }


def _graphrec(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*graphrec_command(), *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_it_starts_answers_and_ends_with_requests_in_flight_answered(store: Path) -> None:
    with ServeProcess(store, "--port", "0") as served:
        assert served.ready["host"] == "127.0.0.1"
        assert served.ready["num_courses"] == 22
        assert served.ready["ready"] is False
        assert served.client.get("/health/live").status_code == 200
        answers: list[int] = []

        def send(number: int) -> None:
            events = [_event(number * 1000 + i, "flight") for i in range(1000)]
            url = f"{served.ready['url']}/v1/events"
            answers.append(httpx.post(url, json={"events": events}, timeout=30).status_code)

        threads = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        _wait_for_requests_in_flight(served.client, 3)
        served.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert answers == [200, 200, 200]
        assert served.process.wait(30) == 0
    with open_store(Settings(store=store)) as graph:
        rows = graph.export("interactions").to_pylist()
    assert sum(str(row["event_id"]).startswith("flight-") for row in rows) == 3000


def _wait_for_requests_in_flight(client: httpx.Client, num: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        text = client.get("/metrics").text  # itself a request in flight
        found = re.search(r"^graphrec_http_requests_in_flight ([0-9.]+)", text, re.MULTILINE)
        if found and float(found[1]) > num:
            return
    raise AssertionError("no requests in flight were seen")


def test_ctrl_c_ends_it_quietly(store: Path) -> None:
    with ServeProcess(store, "--port", "0") as served:
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(30) == 0
        assert "Traceback" not in served.stderr()


def test_a_taken_port_is_said(store: Path) -> None:
    with ServeProcess(store, "--port", "0") as served:
        taken = int(served.ready["port"])
        other = store.parent / "other"
        build_world(Settings(store=other, graph_buffer_mb=64, graph_max_gb=1))
        with ServeProcess(other, "--port", str(taken)) as second:
            assert second.ready["port"] > taken
            assert second.client.get("/health/live").status_code == 200


def test_a_second_owner_is_told_how_to_go_on(store: Path) -> None:
    with ServeProcess(store, "--port", "0") as served:
        second = _graphrec("serve", "--store", str(store), "--port", "0")
        assert second.returncode == 5, second.stderr
        message = " ".join(second.stderr.split())
        assert "owns" in message
        assert "/v1/events" in message or "service" in message
        assert "Traceback" not in second.stderr
        assert served.client.get("/v1/learners/L0/recommendations").status_code == 200


def test_beyond_loopback_it_refuses_to_start_without_a_key(store: Path) -> None:
    refused = _graphrec("serve", "--store", str(store), "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    assert refused.returncode == 8, refused.stderr
    assert "graphrec keys create" in " ".join(refused.stderr.split())


def test_kill_nine_loses_no_answered_event(store: Path) -> None:
    answered: list[str] = []
    with ServeProcess(store, "--port", "0") as served:

        def stream(sender: int) -> None:
            with httpx.Client(base_url=served.ready["url"], timeout=30) as client:
                for batch in range(1000):
                    start = sender * 1_000_000 + batch * 20
                    events = [_event(start + i, "kill") for i in range(20)]
                    try:
                        answer = client.post("/v1/events", json={"events": events}).json()
                    except (httpx.HTTPError, ValueError):
                        return
                    answered.extend(
                        o["event_id"] for o in answer["outcomes"] if o["status"] == "accepted"
                    )

        threads = [threading.Thread(target=stream, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(answered) < 500 and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(served.process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join(30)
        assert served.process.wait(10) == -signal.SIGKILL
    assert len(answered) >= 500
    with open_store(Settings(store=store)) as graph:
        kept = set(graph.export("interactions")["event_id"].to_pylist())
    assert set(answered) <= kept

"""A designer's own Cypher over HTTP: bounded, refused in words, and nobody else waits for it."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from service_world import build_world, listening

from graphrec import Recommender
from graphrec.access import KeyStore
from graphrec.settings import Settings
from serving.app import create_app
from serving.settings import ServiceSettings

SLOW = (
    "MATCH (a:Learner)-[:COMPLETED]->(b:Course) MATCH (c:Learner)-[:COMPLETED]->(d:Course) "
    "MATCH (e:Learner)-[:COMPLETED]->(f:Course) MATCH (g:Learner)-[:COMPLETED]->(h:Course) "
    "RETURN count(DISTINCT a.id + b.id + c.id + d.id + e.id + f.id + g.id + h.id) AS n"
)


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recommender]:
    store = tmp_path_factory.mktemp("store")
    settings = Settings(store=store, graph_buffer_mb=256, graph_max_gb=1)
    build_world(settings)
    with Recommender.open(settings) as recommender:
        yield recommender


@pytest.fixture(scope="module")
def client(recommender: Recommender) -> Iterator[httpx.Client]:
    service = ServiceSettings(max_query_rows=50, max_query_s=3)
    with listening(create_app(service, recommender)) as client:
        yield client


def _ask(client: httpx.Client, query: str, **body: Any) -> httpx.Response:
    return client.post("/v1/cypher", json={"query": query, **body})


def test_rows_with_parameters(client: httpx.Client) -> None:
    response = _ask(
        client,
        "MATCH (c:Course)-[r:REQUIRES]->(d:Course) WHERE c.id = $id RETURN d.id AS id, c, r;",
        parameters={"id": "C05"},
    )
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer["columns"] == ["id", "c", "r"]
    assert (answer["num_rows"], answer["truncated"]) == (1, False)
    row = answer["rows"][0]
    assert row["id"] == "C04"
    assert row["c"]["_label"] == "Course"
    assert row["c"]["title"] == "Course 5"
    assert row["r"]["_type"] == "REQUIRES"


def test_rows_are_bounded(client: httpx.Client) -> None:
    product = "MATCH (a:Learner) MATCH (b:Learner) MATCH (c:Learner) RETURN a.id, b.id, c.id"
    answer = _ask(client, product).json()
    assert (answer["num_rows"], answer["truncated"]) == (50, True)
    answer = _ask(client, product, max_rows=2).json()
    assert (answer["num_rows"], answer["truncated"]) == (2, True)


def test_as_csv(client: httpx.Client) -> None:
    query = "MATCH (s:Skill) RETURN s.id AS id, s.name AS name ORDER BY id"
    response = client.post(
        "/v1/cypher", json={"query": query, "max_rows": 2}, headers={"Accept": "text/csv"}
    )
    assert response.headers["content-type"].startswith("text/csv")
    assert response.headers["x-truncated"] == "true"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert rows == [{"id": f"S{i}", "name": f"Skill {i}"} for i in range(2)]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"query": "CREATE (:Course {id: 'x'})"}, "query", "only reads"),
        ({"query": "MATCH (c:Course) SET c.title = ''"}, "query", "only reads"),
        ({"query": "RETURN 1; RETURN 2"}, "query", "second statement"),
        ({"query": "COMMIT; CREATE (:Course {id: 'x'})"}, "query", "second statement"),
        ({"query": "MATCH (a)-[:REQUIRES*]->(b) RETURN b"}, "query", "30 hops"),
        ({"query": "MATCH (c:Course) RETURN c.nothing"}, "query", "nothing"),
        ({"query": "MATCH (c:Course RETURN c"}, "query", "engine refuses"),
        ({"query": "RETURN $x AS x"}, "x", "not given"),
        ({"query": "RETURN 1 AS a, 2 AS a"}, "query", "Two columns"),
        ({"query": "RETURN 1", "max_rows": 51}, "max_rows", "50"),
        ({"query": "RETURN 1", "max_rows": 0}, "max_rows", "greater"),
        ({"query": "RETURN 1", "timeout_s": 4}, "timeout_s", "3 s"),
        ({"query": "RETURN 1", "nope": 4}, "nope", "no such field"),
        ({"query": 7}, "query", "string"),
        ({}, "query", "required"),
    ],
)
def test_what_is_wrong_is_named(
    client: httpx.Client, body: dict[str, Any], field: str, said: str
) -> None:
    response = client.post("/v1/cypher", json=body)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["field"] == field
    assert said in response.json()["detail"]
    assert len(client.get("/v1/courses?limit=200").json()["courses"]) == 21  # nothing was written


def test_a_large_body_is_refused(client: httpx.Client) -> None:
    assert _ask(client, "RETURN 1", parameters={"x": "a" * 300_000}).status_code == 413


def test_a_slow_query_is_stopped_and_nobody_waits_for_it(client: httpx.Client) -> None:
    stopped: list[httpx.Response] = []
    slow = [
        threading.Thread(target=lambda: stopped.append(_ask(client, SLOW, timeout_s=2)))
        for _ in range(2)
    ]
    for thread in slow:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in slow):
        started = time.perf_counter()
        assert client.get("/health/live").status_code == 200
        assert client.get("/v1/learners/L1/recommendations?k=3").status_code == 200
        assert client.get("/v1/queries/prerequisite_closure?course_id=C05").status_code == 200
        waits.append(time.perf_counter() - started)
    assert len(waits) > 3
    assert max(waits) < 1.5
    for response in stopped:
        assert response.status_code == 422
        assert response.json()["type"] == "urn:graphrec:problem:query-limit"
        assert "stopped" in response.json()["detail"]


def test_a_named_query_as_csv_and_in_the_description(client: httpx.Client) -> None:
    path = "/v1/queries/prerequisite_closure?course_id=C05"
    for response in (
        client.get(f"{path}&format=csv"),
        client.get(path, headers={"Accept": "text/csv"}),
    ):
        assert response.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["course_id"] for row in rows] == ["C04", "C03"]
    assert client.get(f"{path}&format=json").json()["num_rows"] == 2
    assert client.get(f"{path}&format=xml").json()["field"] == "format"
    described = client.get("/openapi.json").json()["paths"]
    for query in client.get("/v1/queries").json():
        operation = described[f"/v1/queries/{query['name']}"]["get"]
        names = [parameter["name"] for parameter in operation["parameters"]]
        assert names == [*(p["name"] for p in query["parameters"]), "format"]
    parameters = described["/v1/queries/startable_courses"]["get"]["parameters"]
    by_name = {parameter["name"]: parameter for parameter in parameters}
    assert by_name["learner_id"]["required"]
    assert by_name["limit"]["schema"]["type"] == "integer"
    assert by_name["limit"]["schema"]["minimum"] == 1


def test_it_needs_a_designers_key(recommender: Recommender) -> None:
    keys = KeyStore(recommender.settings.keys_path)
    secrets = {scope: keys.create(scope, [scope]) for scope in ("designer", "integrator")}
    app = create_app(ServiceSettings(require_keys=True), recommender, keys=keys)
    with listening(app) as client:
        asked = {
            scope: client.post(
                "/v1/cypher",
                json={"query": "RETURN 1 AS x"},
                headers={"Authorization": f"Bearer {secret}"},
            ).status_code
            for scope, secret in secrets.items()
        }
        assert asked == {"designer": 200, "integrator": 403}
        assert _ask(client, "RETURN 1 AS x").status_code == 401

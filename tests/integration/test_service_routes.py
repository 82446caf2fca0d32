"""The routes over a real graph and a real server, without a bundle and without keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from service_world import ODD_COURSE, ODD_LEARNER, build_world, listening

from graphrec import Recommender
from graphrec.access import KeyStore
from graphrec.settings import Settings
from serving.app import create_app
from serving.settings import ServiceSettings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(store=tmp_path_factory.mktemp("store"), graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    return settings


@pytest.fixture(scope="module")
def recommender(settings: Settings) -> Iterator[Recommender]:
    with Recommender.open(settings) as recommender:
        yield recommender


@pytest.fixture(scope="module")
def client(recommender: Recommender) -> Iterator[httpx.Client]:
    service = ServiceSettings(max_query_rows=3, max_events_body_bytes=300_000)
    with listening(create_app(service, recommender)) as client:
        yield client


def _ok(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    return response.json()


def _field(response: httpx.Response, status: int) -> str | None:
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert response.status_code == status, response.text
    body = response.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(body)
    field: str | None = body.get("field")
    return field


def _recommended(client: httpx.Client, learner: str, query: str = "") -> list[str]:
    body = _ok(client.get(f"/v1/learners/{quote(learner, safe='')}/recommendations{query}"))
    return [course["course_id"] for course in body["courses"]]


def test_a_learner_is_given_what_is_eligible_and_new(client: httpx.Client) -> None:
    body = _ok(client.get("/v1/learners/L0/recommendations?k=200"))
    assert (body["learner_id"], body["is_cold"], body["bundle"]) == ("L0", False, None)
    given = {course["course_id"] for course in body["courses"]}
    assert given >= {"C15", ODD_COURSE}  # C00 is completed, so the odd one is open
    assert not given & {f"C{i:02d}" for i in range(10)}
    assert "HIDDEN" not in given
    scores = [course["score"] for course in body["courses"]]
    assert scores == sorted(scores, reverse=True)
    assert all(course["reason"]["text"] for course in body["courses"])


def test_filters_and_exclusions_hold(client: httpx.Client) -> None:
    query = "?k=200&language=en&max_hours=16&min_hours=13&exclude=C13"
    assert _recommended(client, "L0", query) == ["C15"]
    both = set(_recommended(client, "L0", "?k=200&language=en&language=de"))
    assert both == set(_recommended(client, "L0", "?k=200&level=1")) | {ODD_COURSE}


def test_an_unknown_learner_is_answered_cold(client: httpx.Client) -> None:
    body = _ok(client.get("/v1/learners/nobody%2F1/recommendations?k=3"))
    assert body["is_cold"]
    assert body["learner_id"] == "nobody/1"
    assert len(body["courses"]) == 3
    assert body["warnings"]


def test_ids_of_any_characters(client: httpx.Client) -> None:
    learner, course = quote(ODD_LEARNER, safe=""), quote(ODD_COURSE, safe="")
    assert _ok(client.get(f"/v1/learners/{learner}/recommendations"))["learner_id"] == ODD_LEARNER
    assert _ok(client.get(f"/v1/courses/{course}"))["course_id"] == ODD_COURSE
    similar = _ok(client.get(f"/v1/courses/{course}/similar?k=2"))
    assert all("S1" in found["shared_skills"] for found in similar)
    assert len(similar) == 2
    assert _ok(client.get("/v1/roles/R%2F1"))["num_skills"] == 2
    excluded = _recommended(client, ODD_LEARNER, f"?k=200&exclude={course}")
    assert ODD_COURSE not in excluded


def test_a_session_is_answered(client: httpx.Client) -> None:
    body = {"recent_courses": ["C03"], "target_role_id": "R/1", "k": 200, "exclude": ["C11"]}
    answer = _ok(client.post("/v1/recommendations", json=body))
    given = [course["course_id"] for course in answer["courses"]]
    assert "C04" in given  # C03 opens it
    assert not {"C03", "C05", "C11"} & set(given)
    assert answer["learner_id"] is None
    assert any(c["reason"]["code"] == "teaches_needed_skill" for c in answer["courses"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("k=0", "k"),
        ("k=201", "k"),
        ("k=ten", "k"),
        ("k=", "k"),
        ("max_hours=nan", "max_hours"),
        ("max_hours=-1", "max_hours"),
        ("langauge=en", "langauge"),
        ("role=nope", "role"),
        ("novelty=1.1", "novelty"),
        ("novelty=nan", "novelty"),
        ("exploration=.6", "exploration"),
        ("exploration=-1", "exploration"),
    ],
)
def test_wrong_parameters_are_named(client: httpx.Client, query: str, field: str) -> None:
    assert _field(client.get(f"/v1/learners/L0/recommendations?{query}"), 422) == field


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"k": "x"}, "k"),
        ({"filters": {"level": "a"}}, "filters.level"),
        ({"filters": {"levle": []}}, "filters.levle"),
        ({"target_role_id": "nope"}, "target_role_id"),
        ({"recent_courses": [1]}, "recent_courses.0"),
        ({"novelty": "much"}, "novelty"),
        ({"exploration": 0.7}, "exploration"),
        ([], "body"),
    ],
)
def test_wrong_fields_of_a_session_are_named(client: httpx.Client, body: Any, field: str) -> None:
    assert _field(client.post("/v1/recommendations", json=body), 422) == field


def test_a_path_meets_prerequisites_first(client: httpx.Client) -> None:
    body = {"target": {"course_id": "C05"}, "hours_per_week": 5}
    answer = _ok(client.post("/v1/paths", json=body))
    order = {c["course_id"]: s["order"] for s in answer["steps"] for c in s["courses"]}
    assert order["C03"] < order["C04"] < order["C05"]
    assert answer["complete"]
    assert answer["total_hours"] == sum(c["hours"] for s in answer["steps"] for c in s["courses"])
    learner = _ok(client.post("/v1/paths", json={**body, "completed": ["C03", "C04"]}))
    assert [c["course_id"] for s in learner["steps"] for c in s["courses"]] == ["C05"]


@pytest.mark.parametrize(
    ("accept", "kind", "start"),
    [
        ("text/calendar", "text/calendar", "BEGIN:VCALENDAR"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html", "<!DOCTYPE html>"),
        ("application/json;q=0.2, text/*;q=0.1", "application/json", "{"),
        ("*/*", "application/json", "{"),
        ("text/*", "text/calendar", "BEGIN:VCALENDAR"),
    ],
)
def test_a_path_comes_as_accept_prefers(
    client: httpx.Client, accept: str, kind: str, start: str
) -> None:
    body = {"target": {"course_id": "C05"}, "hours_per_week": 5}
    answer = client.post("/v1/paths", json=body, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.text.startswith(start)


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/html;q=much"])
def test_a_path_in_no_known_form_is_refused(client: httpx.Client, accept: str) -> None:
    body = {"target": {"course_id": "C05"}}
    answer = client.post("/v1/paths", json=body, headers={"Accept": accept})
    assert _field(answer, 406) == "Accept"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "target"),
        ({"target": {"course_id": "nope"}}, "target.course_id"),
        ({"target": {"role_id": "nope"}}, "target.role_id"),
        ({"target": {}}, "target"),
        ({"target": {"course_id": "C05"}, "learner_id": "nobody"}, "learner_id"),
        ({"target": {"course_id": "C05"}, "hours_per_week": -1}, "hours_per_week"),
        ({"target": {"course_id": "C05"}, "deadline": "soon"}, "deadline"),
    ],
)
def test_wrong_fields_of_a_path_are_named(client: httpx.Client, body: Any, field: str) -> None:
    assert _field(client.post("/v1/paths", json=body), 422) == field


def test_events_are_judged_one_by_one(client: httpx.Client, recommender: Recommender) -> None:
    def event(number: int, **fields: Any) -> dict[str, Any]:
        base = {"event_id": f"judged-{number}", "type": "enrolled", "learner_id": "Eve"}
        return base | {"course_id": "C10", "at": 1_700_000_000_000} | fields

    events = [event(1), event(1), event(2, course_id="nope"), event(3, type="slept"), "no event"]
    answer = _ok(client.post("/v1/events", json={"events": events}))
    assert [o["status"] for o in answer["outcomes"]] == [
        "accepted",
        "duplicate",
        "quarantined",
        "quarantined",
        "quarantined",
    ]
    assert (answer["accepted"], answer["duplicate"], answer["quarantined"]) == (1, 1, 3)
    assert "course_id" in answer["outcomes"][2]["reason"]
    assert "type" in answer["outcomes"][3]["reason"]
    again = _ok(client.post("/v1/events", json={"events": [event(1)]}))
    assert again["outcomes"][0]["status"] == "duplicate"
    rows = recommender.store.export("interactions").to_pylist()
    assert sum(row["learner_id"] == "Eve" for row in rows) == 1


def test_a_batch_of_events_is_bounded(client: httpx.Client) -> None:
    assert _field(client.post("/v1/events", json={"events": []}), 422) == "events"
    assert _field(client.post("/v1/events", json={"events": [{}] * 1001}), 422) == "events"
    assert _field(client.post("/v1/events", json={"event": []}), 422) == "events"
    too_large = {"events": [{"event_id": "x" * 300_000}]}
    assert _field(client.post("/v1/events", json=too_large), 413) is None


def test_courses_are_paged_and_filtered(client: httpx.Client) -> None:
    page = _ok(client.get("/v1/courses?limit=7&offset=7"))
    assert page["total"] == 21
    assert len(page["courses"]) == 7
    rest = [_ok(client.get(f"/v1/courses?limit=7&offset={o}"))["courses"] for o in (0, 14, 21)]
    ids = [c["course_id"] for c in [*rest[0], *page["courses"], *rest[1]]]
    assert ids == sorted(set(ids))
    assert rest[2] == []
    assert _ok(client.get("/v1/courses?hidden=true"))["total"] == 22
    assert _ok(client.get("/v1/courses?q=ODD"))["total"] == 1
    assert _ok(client.get("/v1/courses?language=de&max_hours=5"))["total"] == 3
    assert _field(client.get("/v1/courses?limit=501"), 422) == "limit"
    assert _field(client.get("/v1/courses?page=2"), 422) == "page"


def test_the_rest_of_the_catalogue(client: httpx.Client) -> None:
    course = _ok(client.get("/v1/courses/C05"))
    assert course["requires"] == [["C04"]]
    assert course["teaches"] == [{"skill_id": "S5", "name": "Skill 5", "level": 1.0}]
    assert _ok(client.get("/v1/courses/C04"))["required_by"] == ["C05"]
    assert _field(client.get("/v1/courses/nope"), 404) == "course_id"
    assert _field(client.get("/v1/courses/nope/similar"), 404) == "course_id"
    assert _field(client.get("/v1/courses/C05/similar?k=0"), 422) == "k"
    skills = _ok(client.get("/v1/skills?q=skill 2"))
    assert skills["skills"][0]["requires"] == ["S1"]
    assert skills["skills"][0]["num_courses"] == 3
    roles = _ok(client.get("/v1/roles"))["roles"]
    assert [role["role_id"] for role in roles] == ["R/1"]
    assert {n["skill_id"] for n in _ok(client.get("/v1/roles/R%2F1"))["needs"]} == {"S1", "S2"}
    assert _field(client.get("/v1/roles/nope"), 404) == "role_id"


def test_a_skill_gap(client: httpx.Client) -> None:
    learner = quote(ODD_LEARNER, safe="")
    rows = _ok(client.get(f"/v1/learners/{learner}/skill-gap?role=R%2F1"))
    assert {row["skill_id"] for row in rows} == {"S1", "S2"}
    assert _field(client.get("/v1/learners/nobody/skill-gap?role=R%2F1"), 404) == "learner_id"
    assert _field(client.get(f"/v1/learners/{learner}/skill-gap?role=nope"), 422) == "role"
    assert _field(client.get(f"/v1/learners/{learner}/skill-gap"), 422) == "role"


def test_named_queries(client: httpx.Client) -> None:
    listed = {query["name"]: query for query in _ok(client.get("/v1/queries"))}
    assert {"orphan_courses", "skill_gap", "prerequisite_closure"} <= set(listed)
    answer = _ok(client.get("/v1/queries/dropout_by_course"))
    assert set(answer["rows"][0]) == set(listed["dropout_by_course"]["columns"])
    assert (answer["num_rows"], answer["truncated"]) == (3, True)
    closure = _ok(client.get("/v1/queries/prerequisite_closure?course_id=C05"))
    assert {"C03", "C04"} <= {v for row in closure["rows"] for v in row.values()}
    assert _field(client.get("/v1/queries/prerequisite_closure"), 422) == "course_id"
    assert _field(client.get("/v1/queries/nope"), 404) == "name"
    assert _field(client.get("/v1/queries/orphan_courses?nope=1"), 422) == "nope"
    assert _field(client.get("/v1/queries/orphan_courses?limit=1&limit=2"), 422) == "limit"
    assert _field(client.get("/v1/queries/orphan_courses?limit=x"), 422) == "limit"


def test_without_a_bundle_ready_says_why_and_popularity_answers(client: httpx.Client) -> None:
    assert _ok(client.get("/health/live"))["status"] == "live"
    response = client.get("/health/ready")
    assert _field(response, 503) is None
    assert "bundle" in response.json()["detail"]
    assert response.headers["retry-after"]
    body = _ok(client.get("/v1/learners/L1/recommendations"))
    assert body["source"] == "popularity"
    assert len(body["courses"]) == 10
    assert _ok(client.get("/v1/models")) == {}


def test_a_snapshot_is_written(client: httpx.Client, settings: Settings) -> None:
    answer = _ok(client.post("/v1/admin/snapshots"), 201)
    folder = Path(answer["directory"])
    assert folder.is_relative_to(settings.snapshots_dir)
    assert (folder / "courses.parquet").is_file()
    assert answer["rows"]["courses"] == 22


def test_metrics_count_events_and_sources(client: httpx.Client) -> None:
    _ok(client.get("/v1/learners/L1/recommendations"))
    text = client.get("/metrics").text
    assert 'graphrec_recommendations_total{source="popularity"}' in text
    assert 'graphrec_events_total{outcome="accepted"}' in text
    assert 'route="/v1/learners/{learner_id}/recommendations"' in text
    assert "graphrec_ready 0.0" in text
    assert "L1" not in text


def test_the_description_is_worth_reading(client: httpx.Client) -> None:
    spec = _ok(client.get("/openapi.json"))
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            place = f"{method} {path}"
            assert operation["summary"], place
            assert operation["description"], place
            assert all(p["description"] for p in operation.get("parameters", [])), place
            for name in re.findall(r"{(\w+)}", path):
                assert name in {p["name"] for p in operation["parameters"]}, place
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert "application/problem+json" in answer["content"], place
            if body := operation.get("requestBody"):
                content = body["content"]["application/json"]
                schema = content["schema"].get("$ref", "").rpartition("/")[2]
                examples = content.get("examples") or spec["components"]["schemas"][schema].get(
                    "examples"
                )
                assert examples, place
    assert "HTTPValidationError" not in json.dumps(spec)
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "/v1/paths" in page.text
    assert "<script" not in page.text
    assert client.get("/", follow_redirects=True).text == page.text


def test_keys_open_what_their_scope_says(recommender: Recommender, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.json")
    secret = {scope: keys.create(scope, [scope]) for scope in ("integrator", "designer", "admin")}
    service = ServiceSettings(require_keys=True)
    with listening(create_app(service, recommender, keys=keys)) as client:

        def status(path: str, key: str | None, method: str = "GET") -> int:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            return client.request(method, path, headers=headers).status_code

        wanted = {
            "/v1/learners/L0/recommendations": (200, 403, 200),
            "/v1/courses": (200, 200, 200),
            "/v1/queries": (403, 200, 200),
            "/v1/models": (403, 403, 200),
            "/metrics": (200, 200, 200),
        }
        for path, statuses in wanted.items():
            assert tuple(status(path, key) for key in secret.values()) == statuses, path
            assert status(path, None) == status(path, "gr_0_0") == 401
        assert status("/v1/admin/snapshots", secret["integrator"], "POST") == 403
        for path in ("/health/live", "/docs", "/openapi.json"):
            assert status(path, None) == 200
        refused = client.get("/v1/courses")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        by_header = client.get("/v1/courses", headers={"X-API-Key": secret["designer"]})
        assert by_header.status_code == 200
        keys.revoke("integrator")
        assert status("/v1/courses", secret["integrator"]) == 401

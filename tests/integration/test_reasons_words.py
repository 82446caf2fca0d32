"""Reasons in the reader's language, by the service and the command; and without any bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from service_world import build_world, listening
from typer.testing import CliRunner

from graphrec import Recommender
from graphrec.cli.main import app
from graphrec.settings import Settings
from serving.app import create_app
from serving.settings import ServiceSettings

_URL = "/v1/learners/L0/recommendations"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("words")
    head = {"owner": "ann", "expires": "2090-12-31", "kind": "must_take"}
    rules = [
        head | {"id": "safety", "courses": ["C16"]},
        head | {"id": "privacy", "courses": ["C17"], "due": "2089-01-31"},
    ]
    file = folder / "rules.yaml"
    file.write_text(json.dumps({"version": 1, "rules": rules}), "utf-8")
    store = folder / "store"
    settings = Settings(store=store, graph_buffer_mb=64, graph_max_gb=1, rules=str(file))
    build_world(settings)
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with (
        Recommender.open(settings) as recommender,
        listening(create_app(ServiceSettings(), recommender)) as client,
    ):
        yield client


def _texts(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [course["reason"]["text"] for course in response.json()["courses"]]


def test_the_language_of_a_learners_reasons(client: httpx.Client) -> None:
    english = _texts(client.get(_URL))
    german = _texts(client.get(_URL, params={"messages_language": "de-AT"}))
    assert english[:2] == [
        "It must be taken by 2089-01-31 (rule privacy).",
        "It must be taken (rule safety).",
    ]
    assert german[:2] == [
        "Pflichtkurs, fällig bis 2089-01-31 (Regel privacy).",
        "Pflichtkurs (Regel safety).",
    ]
    assert all(one != other for one, other in zip(english, german, strict=True))
    header = {"accept-language": "fr, de;q=0.8, en;q=0.3"}
    assert _texts(client.get(_URL, headers=header)) == german
    assert _texts(client.get(_URL, headers={"accept-language": "zh"})) == english
    asked = {"messages_language": "en"}
    assert _texts(client.get(_URL, params=asked, headers=header)) == english
    assert _texts(client.get(_URL)) == english  # what was said in German is not kept for others


def test_the_language_of_a_sessions_reasons(client: httpx.Client) -> None:
    body = {"recent_courses": ["C03"], "target_role_id": "R/1", "k": 8}
    english = _texts(client.post("/v1/recommendations", json=body))
    german = _texts(client.post("/v1/recommendations", json=body | {"messages_language": "de"}))
    assert "Analyst needs Skill 1, which this course teaches." in english
    assert "Für „Analyst“ braucht man „Skill 1“; dieser Kurs vermittelt es." in german
    # The filter of courses is another field, and leaves the words alone.
    given = client.post("/v1/recommendations", json=body | {"filters": {"language": ["de"]}})
    assert not any("Kurs" in text for text in _texts(given))


def test_the_language_of_a_paths_reasons(client: httpx.Client) -> None:
    body = {"completed": ["C00"], "target": {"role_id": "R/1"}}
    english = client.post("/v1/paths", json=body).json()
    german = client.post("/v1/paths", json=body | {"messages_language": "de"}).json()
    header = {"accept-language": "de-DE"}
    assert client.post("/v1/paths", json=body, headers=header).json() == german
    assert english["path_id"] == german["path_id"]  # the same plan in other words
    (one,) = english["steps"][0]["courses"][0]["reasons"][:1]
    (other,) = german["steps"][0]["courses"][0]["reasons"][:1]
    assert one["text"] == "Teaches 'Skill 1' (S1), needed by the role 'Analyst' (R/1)."
    assert other["text"] == "Vermittelt 'Skill 1' (S1); das braucht die Rolle 'Analyst' (R/1)."
    assert one["evidence"] == other["evidence"]
    assert [fact["relation"] for fact in one["evidence"]] == ["NEEDS", "TEACHES"]


def test_a_language_that_is_no_text_is_refused(client: httpx.Client) -> None:
    response = client.post("/v1/recommendations", json={"messages_language": ["de"]})
    assert response.status_code == 422
    assert response.json()["field"] == "messages_language"
    response = client.get(_URL, params={"messages_language": "x" * 1001})
    assert response.status_code == 422


def test_the_facts_are_answered_too(client: httpx.Client) -> None:
    body = {"recent_courses": ["C03"], "k": 20}
    courses = client.post("/v1/recommendations", json=body).json()["courses"]
    reason = next(c["reason"] for c in courses if c["course_id"] == "C04")
    assert reason["code"] == "unlocked_by"
    plain = {"count": None, "score": None}
    assert reason["evidence"] == [
        {"from_id": None, "relation": "IN_SESSION", "to_id": "C03"} | plain,
        {"from_id": "C04", "relation": "REQUIRES", "to_id": "C03"} | plain,
    ]


def test_without_a_bundle_reasons_hold_too(settings: Settings, tmp_path: Path) -> None:
    store = Settings(store=tmp_path / "own", graph_buffer_mb=64, graph_max_gb=1)
    build_world(store)
    arguments = ["--store", str(store.store)]
    environment = {"GRAPHREC_RULES": settings.rules}
    check = ["reasons", "check", "--answers", "60", "--json", *arguments]
    result = CliRunner().invoke(app, check, env=environment)
    assert result.exit_code == 0, result.output
    codes = json.loads(result.stdout)["codes"]
    assert codes["required"]["hold"] == codes["required"]["reasons"] > 0
    assert {"unlocked_by", "shares_skill", "teaches_needed_skill"} <= set(codes)
    asked = ["recommend", "L0", "--lang", "de", "--json", *arguments]
    answer = json.loads(CliRunner().invoke(app, asked).stdout)
    texts = " ".join(course["reason"]["text"] for course in answer["courses"])
    asked = ["path", "--to-role", "R/1", "--lang", "de", "--json", *arguments]
    assert "Vermittelt" in CliRunner().invoke(app, asked).stdout
    assert "Er führt „Skill 4“" in texts
    assert "It goes on" not in texts


def test_an_empty_graph_is_no_success(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["reasons", "check", "--store", str(tmp_path / "empty")])
    assert result.exit_code != 0
    assert "The graph has no courses" in str(result.exception)

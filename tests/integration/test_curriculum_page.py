"""The designers' page in a real browser: rows, the graph, red cycles, keys, 1,000 courses."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from service_world import ODD_COURSE, build_world, listening

from graphrec import Recommender
from graphrec.access import KeyStore
from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.settings import Settings
from serving.app import create_app
from serving.curriculum.graph import MAX_NODES, draw_graph
from serving.settings import ServiceSettings


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recommender]:
    settings = Settings(store=tmp_path_factory.mktemp("store"), graph_buffer_mb=256, graph_max_gb=1)
    build_world(settings)
    with Recommender.open(settings) as recommender:
        yield recommender


@pytest.fixture(scope="module")
def client(recommender: Recommender) -> Iterator[httpx.Client]:
    with listening(create_app(ServiceSettings(), recommender)) as client:
        yield client


def browse(client: httpx.Client, folder: Path, place: str, *flags: str) -> str:
    """The page as headless Chromium has it in the end, its log beside."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        pytest.skip("no Chromium on this machine: install Debian's 'chromium' to see the page")
    done = subprocess.run(
        [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu",
            "--virtual-time-budget=9000",
            f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", *flags,
            "--dump-dom", f"{client.base_url}/curriculum#{place}",
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert console == [], console
    return done.stdout


def test_the_page_asks_draws_and_shows_a_card(client: httpx.Client, tmp_path: Path) -> None:
    place = f"query=startable_courses&learner_id=L1&course={quote(ODD_COURSE)}&card=C00"
    page = browse(client, tmp_path, place)
    assert 'id="message" role="alert" hidden' in page
    assert re.search(r'data-drawn="2 nodes, 0 red"', page)
    assert "<h3>Course 0</h3>" in page
    assert re.search(r"<p id=\"count\"[^>]*>\d+ rows", page)
    assert '<th scope="col">course_id</th>' in page


def test_at_phone_width(client: httpx.Client, tmp_path: Path) -> None:
    shot = tmp_path / "phone.png"
    browse(client, tmp_path, "role=R/1", "--window-size=390,800", f"--screenshot={shot}")


def test_errors_are_said_on_the_page(client: httpx.Client, tmp_path: Path) -> None:
    page = browse(client, tmp_path, "role=<b>nobody</b>", "--log-level=3")
    assert re.search('<p id="message" role="alert">.*&lt;b&gt;nobody&lt;/b&gt;', page)


def test_nothing_is_loaded_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/curriculum")
    policy = page.headers.get_list("content-security-policy")
    assert len(policy) == 1
    assert "unsafe" not in policy[0]
    assert "http" not in page.text
    for name in re.findall(r'(?:href|src)="(curriculum/[^"]+)"', page.text):
        found = client.get(f"/{name}")
        assert found.status_code == 200
        assert found.headers["content-type"].startswith("text/")
    assert client.get("/curriculum/..%2Findex.html").status_code == 404
    assert client.get("/curriculum/index.html").status_code == 404


def test_the_graph_of_a_role_of_a_course_and_of_nothing(client: httpx.Client) -> None:
    of_course = client.get("/v1/curriculum/graph", params={"course": "C05"}).json()
    assert [n["course_id"] for n in of_course["nodes"]] == ["C03", "C04", "C05"]
    pairs = {(e["course_id"], e["requires"]) for e in of_course["edges"]}
    assert pairs == {("C05", "C04"), ("C04", "C03")}
    of_role = client.get("/v1/curriculum/graph", params={"role": "R/1"}).json()
    assert {n["coverage"] for n in of_role["nodes"] if n["is_target"]} == {0.5}
    everything = client.get("/v1/curriculum/graph").json()
    assert everything["total"] == 5
    assert client.get("/v1/curriculum/graph", params={"role": "no"}).status_code == 422
    both = client.get("/v1/curriculum/graph", params={"role": "R/1", "course": "C05"})
    assert both.status_code == 422


def test_a_key_is_asked_for(recommender: Recommender, tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "keys.json")
    with listening(
        create_app(ServiceSettings(require_keys=True), recommender, keys=keys)
    ) as client:
        assert client.get("/curriculum").status_code == 200
        assert client.get("/v1/curriculum/graph").status_code == 401


def chain(length: int) -> Catalogue:
    courses = {
        f"{n:04}": Course(f"{n:04}", f"Course {n}", None, None, 1.0, None, None, None, False)
        for n in range(length)
    }
    requires = {f"{n:04}": ((f"{n // 2:04}",),) for n in range(1, length)}
    return Catalogue(courses=courses, requires={**requires, "0000": (("0001",),)})


def test_cycles_are_told_and_what_is_too_large_is_cut() -> None:
    graph = draw_graph(chain(1_000), [])
    assert len(graph.nodes) == 1_000
    assert {(e.course_id, e.requires) for e in graph.edges if e.in_cycle} == {
        ("0000", "0001"), ("0001", "0000"),
    }  # fmt: skip
    large = draw_graph(chain(MAX_NODES + 50), [], course_id="0040")
    assert not large.truncated
    assert draw_graph(chain(MAX_NODES + 50), []).truncated


def test_a_thousand_courses_are_drawn(
    recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = chain(1_000)
    monkeypatch.setattr(type(recommender), "catalogue", property(lambda _: catalogue))
    with listening(create_app(ServiceSettings(), recommender)) as client:
        page = browse(client, tmp_path, "all=1&card=0999")
    assert 'data-drawn="1000 nodes, 2 red"' in page
    assert "<h3>Course 999</h3>" in page

"""A path as a calendar and as a page: escaped, folded, stable, drawn, and shown in Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from graphrec.demo.catalogue import load_catalogue
from graphrec.recommend.catalogue import Catalogue, Course
from graphrec.recommend.path_drawing import draw, wrapped
from graphrec.recommend.path_edges import edges_of
from graphrec.recommend.path_export import to_icalendar
from graphrec.recommend.path_page import title_of, to_html
from graphrec.recommend.path_schemas import PathResponse, parse_request
from graphrec.recommend.paths import plan

STAMP = datetime(2027, 1, 1, tzinfo=UTC)
REQUEST = parse_request(
    {
        "target": {"role_id": "analytics-engineer"},
        "hours_per_week": 6,
        "start_at": "2027-01-11",
    }
)
NASTY = '<script>alert("x")</script> & ünï 統計学; a, b\\\nc'


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.from_tables(load_catalogue())


@pytest.fixture(scope="module")
def answer(catalogue: Catalogue) -> PathResponse:
    return plan(REQUEST, catalogue)


def nasty(hours: float | None = 3.0) -> tuple[PathResponse, Catalogue]:
    courses = {
        name: Course(name, NASTY, None, None, hours, None, None, None, False) for name in "ab"
    }
    catalogue = Catalogue(courses=courses, requires={"b": (("a",),)})
    return plan(parse_request({"target": {"course_id": "b"}}), catalogue), catalogue


def unfolded(text: str) -> list[str]:
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    return text.replace("\r\n ", "").split("\r\n")[:-1]


def test_a_plan_is_a_calendar_of_its_steps(answer: PathResponse) -> None:
    lines = unfolded(to_icalendar(answer, title="Weg", stamp=STAMP))
    uids = [line for line in lines if line.startswith("UID:")]
    assert len(set(uids)) == len(uids) == len(answer.steps)
    kinds = {line for line in lines if line.startswith("BEGIN:V")} - {"BEGIN:VCALENDAR"}
    assert kinds in ({"BEGIN:VEVENT"}, {"BEGIN:VTODO"})
    firsts = [line[-8:] for line in lines if line.startswith("DTSTART;VALUE=DATE:")]
    ends = [line[-8:] for line in lines if line.startswith("DTEND;VALUE=DATE:")]
    assert all(first < end for first, end in zip(firsts, ends, strict=True))
    assert to_icalendar(answer, title="Weg", stamp=STAMP) == to_icalendar(
        answer.model_copy(deep=True), title="Weg", stamp=STAMP
    )


def test_without_dates_steps_are_tasks_and_their_text_comes_back() -> None:
    response, _ = nasty()
    lines = unfolded(to_icalendar(response, stamp=STAMP))
    assert lines.count("BEGIN:VTODO") == 2
    assert not any(line.startswith("DTSTART") for line in lines)
    said = next(line for line in lines if line.startswith("SUMMARY:")).removeprefix("SUMMARY:")
    plain = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], said)
    assert plain == f"Step 1: {NASTY}"


def test_nothing_to_do_and_nothing_to_be_had_are_calendars_too(catalogue: Catalogue) -> None:
    _, small = nasty()
    done = plan(parse_request({"target": {"course_id": "a"}, "completed": ["a"]}), small)
    assert "STATUS:COMPLETED" in unfolded(to_icalendar(done, stamp=STAMP))
    blocked = plan(parse_request({"target": {"course_id": "b"}, "exclude": ["a"]}), small)
    assert not blocked.steps
    assert "STATUS:NEEDS-ACTION" in unfolded(to_icalendar(blocked, stamp=STAMP))
    page = to_html(blocked, small)
    assert "Not reached" in page or "Notes" in page
    assert "<svg" not in page


class _Checker(HTMLParser):
    """Tags balance, and nothing runs or points outside."""

    VOID = frozenset({"meta", "rect", "path", "use", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe", "object"}
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in {"src", "href"} or str(value).startswith("#")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(page: str) -> str:
    checker = _Checker()
    checker.feed(page)
    assert checker.open == []
    assert "url(" not in page
    assert "http" not in page.replace("http-equiv", "")
    return checker.text


def test_the_page_says_all_of_the_plan(answer: PathResponse, catalogue: Catalogue) -> None:
    page = to_html(answer, catalogue, title=title_of(REQUEST.target, catalogue))
    text = checked(page)
    assert "Path to Analytics Engineer" in text
    for step in answer.steps:
        for course in step.courses:
            assert course.course_id in text
            assert all(catalogue.skill_name(g.skill_id) in text for g in course.skills_gained)
    assert page == to_html(
        answer.model_copy(deep=True), catalogue, title="Path to Analytics Engineer"
    )


@pytest.mark.parametrize("hours", [3.0, None])
def test_what_data_says_is_never_markup(hours: float | None) -> None:
    response, catalogue = nasty(hours)
    page = to_html(response, catalogue, title=NASTY)
    assert NASTY.partition("\\")[0] in checked(page)
    assert ("hours unknown" in page) == (hours is None)


@pytest.mark.parametrize("columns", [1, 3])
def test_boxes_lie_apart_inside_the_drawing_and_below_what_they_need(
    columns: int, answer: PathResponse, catalogue: Catalogue
) -> None:
    drawing = draw(answer, catalogue, columns=columns)
    found = re.findall(r'<rect class="box" x="([\d.]+)" y="([\d.]+)" width="(\d+)"', drawing.inside)
    boxes = [(float(x), float(y), float(w)) for x, y, w in found]
    assert len(boxes) == len(set(boxes)) == sum(len(step.courses) for step in answer.steps)
    assert all(x >= 0 and x + w <= drawing.width for x, _, w in boxes)
    for x, y, w in boxes:
        beside = [b for b in boxes if b[1] == y and b[0] != x]
        assert all(abs(b[0] - x) > w for b in beside)
        assert not any(y < cut < y + 90 for cut in drawing.cuts)
    edges = edges_of(answer, catalogue)
    assert drawing.inside.count('class="edge') == len(edges) > 0


def test_long_words_and_scripts_without_spaces_are_cut_to_their_lines() -> None:
    assert wrapped("one two three", 8, 2) == ["one two", "three"]
    assert wrapped("統計学入門" * 9, 20, 2)[1].endswith("…")
    assert [len(line) for line in wrapped("x" * 30, 10, 3)] == [10, 10, 10]
    assert wrapped("", 10, 2) == [""]


def test_chromium_shows_the_page_and_prints_it(
    answer: PathResponse, catalogue: Catalogue, tmp_path: Path
) -> None:
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        pytest.skip("no Chromium on this machine: install Debian's 'chromium' to see the page")
    page, pdf = tmp_path / "path.html", tmp_path / "path.pdf"
    page.write_text(to_html(answer, catalogue), encoding="utf-8")
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'p'}"]
    for asked in ("--screenshot=" + str(tmp_path / "wide.png"), f"--print-to-pdf={pdf}"):
        done = subprocess.run(
            [browser, *flags, "--window-size=1100,1400", asked, page.as_uri()],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "wide.png").read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().count(b"/Type /Page\n") >= 2

"""schema.org courses in JSON-LD: graphs, lists, references, prefixes, and what is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_readers_standards import load

from graphrec.errors import SourceError

STATS = {
    "@type": "Course",
    "@id": "https://uni.example/stats",
    "courseCode": "ST101",
    "name": [{"@value": "Statistik", "@language": "de"}, {"@value": "Stats", "@language": "en"}],
    "provider": {"@type": "Organization", "name": "Uni Zürich"},
    "timeRequired": "PT12H30M",
    "datePublished": "2024-03-01",
    "teaches": ["averages", {"@type": "DefinedTerm", "@id": "urn:s:1", "name": "Regression"}],
}
LEARNING = {
    "@type": ["Course", "LearningResource"],
    "courseCode": "ML201",
    "name": "Machine <learning>",
    "educationalLevel": {"@type": "DefinedTerm", "name": "Advanced"},
    "coursePrerequisites": [
        {"@id": "https://uni.example/stats"},
        "Basic mathematics",
        {"@type": "AlignmentObject", "alignmentType": "prerequisite", "targetName": "python"},
    ],
    "competencyRequired": "averages",
    "teaches": {"@type": "DefinedTerm", "termCode": "ml", "name": "ML"},
    "hasCourseInstance": [{"@id": "_:run"}],
}
RUN = {
    "@id": "_:run",
    "@type": "CourseInstance",
    "inLanguage": "en",
    "courseSchedule": {"@type": "Schedule", "duration": "PT3H", "repeatCount": 10},
}


def put(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "courses.jsonld"
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "document",
    [
        {"@context": "https://schema.org", "@graph": [STATS, LEARNING, RUN]},
        [LEARNING, STATS, RUN],
        {"@type": "ItemList", "itemListElement": [
            {"@type": "ListItem", "item": {**LEARNING, "hasCourseInstance": RUN}},
            {"@type": "ListItem", "item": STATS},
        ]},
        json.loads(
            json.dumps([STATS, LEARNING, RUN])
            .replace('"Course"', '"schema:Course"')
            .replace('"teaches"', '"http://schema.org/teaches"')
        ),
    ],
)  # fmt: skip
def test_every_way_of_writing_says_the_same(document: Any, tmp_path: Path) -> None:
    summary, tables = load("schema-org", put(tmp_path, document))
    courses = {c["course_id"]: c for c in tables["courses"]}
    assert courses.keys() == {"https://uni.example/stats", "ML201"}
    stats, learning = courses["https://uni.example/stats"], courses["ML201"]
    assert (stats["title"], stats["hours"], stats["provider"]) == ("Stats", 12.5, "Uni Zürich")
    assert (learning["hours"], learning["language"], learning["level"]) == (30.0, "en", "Advanced")
    assert {s["skill_id"]: s["name"] for s in tables["skills"]} == {
        "averages": None, "urn:s:1": "Regression", "ml": "ML", "python": "python"
    }  # fmt: skip
    assert [r["requires_course_id"] for r in tables["requires"]] == ["https://uni.example/stats"]
    before = {(r["skill_id"], r["requires_skill_id"]) for r in tables["skill_prerequisites"]}
    assert before == {("ml", "python"), ("ml", "averages")}
    assert any("1 prerequisites in prose" in note for note in summary.notes)
    assert summary.quarantined == []


def test_what_is_broken_is_refused_by_itself_with_its_line(tmp_path: Path) -> None:
    broken = [
        STATS,
        {"@type": "Course", "name": "nameless", "@id": "_:b0"},
        {"@type": "Course", "courseCode": "B", "timeRequired": "3 fortnights"},
        {"@type": "Course", "courseCode": "C", "coursePrerequisites": {"@id": "urn:unknown"}},
        {**STATS, "name": "Another"},
        {"@type": "Course", "courseCode": "W", "timeRequired": "P6W"},
    ]
    path = put(tmp_path, broken)
    summary, tables = load("schema-org", path)
    assert {c["course_id"] for c in tables["courses"]} == {STATS["@id"], "C", "W"}
    lines = path.read_text(encoding="utf-8").splitlines()
    places = {r.reason: int(r.examples[0].rpartition(":")[2]) for r in summary.quarantined}
    nameless = places["the course has no @id, courseCode, identifier or url"]
    assert "nameless" in "".join(lines[nameless - 1 : nameless + 3])
    bad = places["timeRequired is not an ISO 8601 duration like PT12H"]
    assert '"B"' in "".join(lines[bad - 1 : bad + 3])
    assert "requires_course_id is not among the courses" in places
    assert len(places) == 4
    assert any("1 durations in days" in warning for warning in summary.warnings)


def test_courses_that_require_each_other_are_kept_and_told(tmp_path: Path) -> None:
    ring = [
        {"@type": "Course", "courseCode": a, "name": a, "coursePrerequisites": b}
        for a, b in (("A", "B"), ("B", {"@type": "Course", "courseCode": "A"}))
    ]
    summary, tables = load("schema-org", put(tmp_path, ring))
    assert len(tables["courses"]) == len(tables["requires"]) == 2
    assert [sorted(cycle.ids) for cycle in summary.cycles] == [["A", "B"]]


def test_what_a_file_does_not_say_stays_in_the_graph(tmp_path: Path) -> None:
    load("schema-org", put(tmp_path, [STATS]))
    _, tables = load("schema-org", put(tmp_path, {"@type": "Course", "@id": STATS["@id"]}))
    assert tables["courses"][0]["hours"] == 12.5


def test_a_file_without_courses(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no schema\.org Course") as caught:
        load("schema-org", put(tmp_path, {"@type": "Person", "name": "Ada"}))
    assert caught.value.remedy

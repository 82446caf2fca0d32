"""Competency frameworks and course lists in their standards' own shapes, whole and broken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphrec.errors import SourceError
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import open_reader
from graphrec.events.readers.durations import CalendarLengthError, DurationError, hours_of
from graphrec.events.source import ReadLog
from graphrec.graph.ingest import ImportSummary, ingest
from graphrec.graph.ladybug import LadybugStore
from graphrec.schema import TABLES

SKILL = "http://data.europa.eu/esco/skill/"
JOB = "http://data.europa.eu/esco/occupation/"
ESCO = {
    "skills_en.csv": "conceptType,conceptUri,skillType,reuseLevel,preferredLabel,altLabels,"
    "status,modifiedDate,description\n"
    f'KnowledgeSkillCompetence,{SKILL}1,skill/competence,cross-sector,"débug ""software""",'
    '"fix bugs\nrepair code",released,2016-12-20T19:32:45Z,"Find, and mend."\n'
    f"KnowledgeSkillCompetence,{SKILL}2,knowledge,cross-sector,Python,,released,,\n"
    f"KnowledgeSkillCompetence,{SKILL}2,knowledge,cross-sector,Cobra,,released,,\n"
    "KnowledgeSkillCompetence,,knowledge,cross-sector,no id,,released,,\n",
    "occupations_en.csv": "conceptType,conceptUri,iscoGroup,preferredLabel,altLabels,status,"
    f"description,code\nOccupation,{JOB}a,2512,software developer,,released,Writes,2512.4\n",
    "occupationSkillRelations_en.csv": "occupationUri,relationType,skillType,skillUri\n"
    f"{JOB}a,essential,skill/competence,{SKILL}1\n{JOB}a,optional,knowledge,{SKILL}2\n"
    f"{JOB}a,vital,knowledge,{SKILL}2\n{JOB}a,essential,knowledge,{SKILL}99\n",
    "skillSkillRelations_en.csv": "originalSkillUri,originalSkillType,relationType,"
    f"relatedSkillType,relatedSkillUri\n{SKILL}1,skill/competence,essential,knowledge,{SKILL}2\n"
    f"{SKILL}2,knowledge,essential,skill/competence,{SKILL}1\n"
    f"{SKILL}2,knowledge,optional,skill/competence,{SKILL}1\n",
    "broaderRelationsSkillPillar_en.csv": "conceptType,conceptUri,broaderType,broaderUri\n"
    f"KnowledgeSkillCompetence,{SKILL}1,SkillGroup,http://data.europa.eu/esco/skill/S5\n",
}


def link(kind: str, origin: str, destination: str) -> dict[str, Any]:
    ends = {"originNodeURI": origin, "destinationNodeURI": destination}
    nodes = {name: {"title": i, "identifier": i, "uri": f"urn:{i}"} for name, i in ends.items()}
    return {"identifier": f"{kind}-{origin}", "associationType": kind, **nodes}


CASE = {
    "CFDocument": {"identifier": "doc", "title": "Data work", "caseVersion": "1.1"},
    "CFItems": [
        {"identifier": "role", "uri": "urn:role", "fullStatement": "Analyst",
         "CFItemType": "Job Role"},
        {"identifier": "group", "fullStatement": "Data", "CFItemType": "Domain"},
        {"identifier": "clean", "humanCodingScheme": "D.1", "abbreviatedStatement": "Clean",
         "fullStatement": "Cleans tables “by hand”.", "CFItemType": "Competency"},
        {"identifier": "chart", "uri": "urn:chart", "fullStatement": "Draws charts"},
        {"fullStatement": "nothing names this"},
    ],
    "CFAssociations": [
        link("isChildOf", "role", "doc"),
        link("isChildOf", "group", "role"),
        link("isChildOf", "clean", "group"),
        link("isChildOf", "group", "clean"),
        link("isRelatedTo", "role", "chart"),
        link("precedes", "clean", "chart"),
        link("precedes", "clean", "elsewhere"),
        {"associationType": "precedes", "originNodeURI": "urn:chart"},
        {**link("isPeerOf", "clean", "chart"), "destinationNodeURI": "urn:chart"},
    ],
}  # fmt: skip
COURSES = (
    "Course Code;Title;Duration;Language;Skills;Prerequisites;Rating\r\n"
    "PY1;Python ñ 入門;PT1H30M;en;python=2 | sql;;5\r\n"
    "PY2;Python II;2 h;en;python=3;PY1;5\r\n"
    'ML1;"Machine; learning";P4W;en;ml;"PY2; SQ1|PY1";4\r\n'
    "BAD;Bad;soon;en;;;1\r\n"
    "PY1;Another;PT2H;en;;;1\r\n"
    "HALF;row\r\n"
)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    return folder


def load(source: str, path: Path) -> tuple[ImportSummary, dict[str, list[dict[str, Any]]]]:
    """The import's account and the rows that are in the graph after it."""
    log = ReadLog(Quarantine(path.parent / "q.jsonl"))
    with LadybugStore(path.parent / "graph") as graph:
        graph.migrate()
        summary = ingest(graph, open_reader(source, path, log))
        tables = {name: graph.export(name).to_pylist() for name in TABLES}
    return summary, tables


def test_esco_becomes_roles_that_need_skills(tmp_path: Path) -> None:
    summary, tables = load("esco", write(tmp_path / "esco", ESCO))
    assert [s["name"] for s in tables["skills"]] == ['débug "software"', "Python"]
    assert tables["skills"][0]["description"] == "Find, and mend."
    assert [r["name"] for r in tables["roles"]] == ["software developer"]
    needs = {row["skill_id"]: row["essential"] for row in tables["needs"]}
    assert needs == {f"{SKILL}1": True, f"{SKILL}2": False}
    assert len(tables["skill_prerequisites"]) == 2
    assert [c.table for c in summary.cycles] == ["skill_prerequisites"]
    said = {r.reason: r.examples for r in summary.quarantined}
    assert said["relationType is not one of essential, optional"] == [
        "occupationSkillRelations_en.csv:4"
    ]
    assert said["skill_id is not among the skills"] == ["occupationSkillRelations_en.csv:5"]
    assert said["skill_id is empty"] == ["skills_en.csv:6"]
    assert any("1 broader relations" in note for note in summary.notes)
    assert any("1 optional relations" in note for note in summary.notes)


def test_another_language_of_esco_is_chosen_by_its_file(tmp_path: Path) -> None:
    german = {"skills_de.csv": f"conceptUri,preferredLabel\n{SKILL}1,Fehler beheben\n"}
    folder = write(tmp_path / "esco", {**ESCO, **german})
    _, tables = load("esco", folder / "skills_de.csv")
    assert [s["name"] for s in tables["skills"]] == ["Fehler beheben"]
    assert tables["roles"] == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"occupations_en.csv": "x\n"}, "skills_en.csv is missing; found: occupations_en.csv"),
        ({"skills_en.csv": "conceptUri,name\nu,n\n"}, "skills_en.csv:1: column preferredLabel"),
        ({"skills_de.csv": "x", "skills_fr.csv": "x"}, "several languages: de, fr"),
        ({"skills_en.csv": "conceptUri;preferredLabel\nu;n\n"}, "separated by semicolons"),
    ],
)
def test_what_is_not_esco_is_said_with_place_and_remedy(
    files: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError) as caught:
        load("esco", write(tmp_path / "esco", files))
    assert message in str(caught.value)
    assert caught.value.remedy


def test_case_items_are_skills_and_job_roles_roles(tmp_path: Path) -> None:
    path = tmp_path / "framework.json"
    path.write_text(json.dumps(CASE, indent=1, ensure_ascii=False), encoding="utf-8")
    summary, tables = load("case", path)
    assert {s["skill_id"]: s["name"] for s in tables["skills"]} == {
        "group": "Data", "clean": "Clean", "chart": "Draws charts"
    }  # fmt: skip
    assert {(n["role_id"], n["skill_id"]) for n in tables["needs"]} == {
        ("role", "group"), ("role", "clean"), ("role", "chart")
    }  # fmt: skip
    assert tables["skill_prerequisites"] == [{"skill_id": "chart", "requires_skill_id": "clean"}]
    lines = path.read_text(encoding="utf-8").splitlines()
    refused = {r.reason: int(r.examples[0].rpartition(":")[2]) for r in summary.quarantined}
    assert '"nothing names this"' in lines[refused["identifier is missing"]]
    assert len(refused) == 3
    assert any("1 associations 'isPeerOf': not read" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{\n"CFItems": [\n}', "f.json:3", "not JSON"),
        ('{"items": []}', "f.json", "found: ['items']"),
        ("[]", "f.json", "not a CASE package"),
        ('{"CFItems": {}}', "f.json", "not a CASE package"),
        ("[" * 100_000, "f.json", "nested too deeply"),
    ],
)
def test_what_is_no_case_package(text: str, place: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(text, encoding="utf-8")
    with pytest.raises(
        SourceError, match=message.replace("[", r"\[").replace("]", r"\]")
    ) as caught:
        load("case", tmp_path / "f.json")
    assert caught.value.where.endswith(place)
    assert caught.value.remedy


def test_a_plain_csv_of_skills(tmp_path: Path) -> None:
    path = tmp_path / "skills.csv"
    path.write_text(
        "\ufeffCode\tTitle\tPrerequisites\tRoles\tColour\n"
        "py\tPython\t\tanalyst=2; engineer=3\tred\nst\tStatistics\tpy;ma\tanalyst\t\n",
        encoding="utf-8",
    )
    summary, tables = load("skills-csv", path)
    assert [s["name"] for s in tables["skills"]] == ["Python", "Statistics"]
    levels = {(n["role_id"], n["skill_id"]): n["level"] for n in tables["needs"]}
    assert levels == {("analyst", "py"): 2.0, ("engineer", "py"): 3.0, ("analyst", "st"): None}
    assert tables["skill_prerequisites"] == [{"skill_id": "st", "requires_skill_id": "py"}]
    assert summary.quarantined[0].reason == "requires_skill_id is not among the skills"
    assert any("no place for column Colour" in warning for warning in summary.warnings)


def test_a_plain_csv_of_courses(tmp_path: Path) -> None:
    path = tmp_path / "courses.csv"
    path.write_bytes(COURSES.encode())
    summary, tables = load("courses-csv", path)
    hours = {c["course_id"]: (c["title"], c["hours"]) for c in tables["courses"]}
    assert hours["PY1"] == ("Python ñ 入門", 1.5)
    assert hours["PY2"] == ("Python II", 2.0)
    assert hours["ML1"] == ("Machine; learning", None)
    assert {(t["course_id"], t["skill_id"]): t["level"] for t in tables["teaches"]} == {
        ("PY1", "python"): 2.0, ("PY1", "sql"): None, ("PY2", "python"): 3.0, ("ML1", "ml"): None
    }  # fmt: skip
    groups = {(r["requires_course_id"], r["any_of"]) for r in tables["requires"]}
    assert groups == {("PY1", None), ("PY2", None), ("PY1", "2")}
    assert {r.examples[0]: r.count for r in summary.quarantined} == {
        "courses.csv:4": 1, "courses.csv:5": 1, "courses.csv:6": 1, "courses.csv:7": 1
    }  # fmt: skip
    assert any("1 durations in days" in warning for warning in summary.warnings)


@pytest.mark.parametrize("source", ["courses-csv", "skills-csv"])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b\n1,2\n", "f.csv:1: column"),
        (b"id,name\n\xe9,\xe9\n\xe8,x\n", "not UTF-8"),
        (b"id,code,name\n1,2,3\n", "both mean"),
        (b"PK\x03\x04xlsx", "a zip archive"),
        (b"", "the file is empty"),
    ],
)
def test_a_csv_that_cannot_be_used(source: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(data)
    with pytest.raises(SourceError) as caught:
        load(source, tmp_path / "f.csv")
    assert message in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "hours"),
    [("PT12H", 12), ("PT1H30M", 1.5), ("pt90m", 1.5), ("P0DT5H", 5), ("2 hours 15 min", 2.25),
     ("PT3600S", 1), ("1,5 h", 1.5)],
)  # fmt: skip
def test_durations_in_hours(text: str, hours: float) -> None:
    assert hours_of(text) == hours


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "soon", "-PT1H", "12"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(DurationError):
        hours_of(text)


def test_weeks_say_no_hours() -> None:
    with pytest.raises(CalendarLengthError):
        hours_of("P4W")

"""Each public data set, in small: what it becomes in the native tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphrec.errors import SourceError
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import open_reader
from graphrec.events.source import ReadLog
from graphrec.schema import TABLES

MOOCCUBE = {
    "course.tsv": "id\tname\nC_1\t数据库\nC_2\tEcology\n",
    "concept.tsv": "id\tname\nK_a\ta\nK_b\tb\n",
    "school.tsv": "id\tname\nS_1\t清华\n",
    "rel_school_course.tsv": "start_id\tend_id\nS_1\tC_1\nS_9\tC_2\n",
    "rel_course_concept.tsv": "start_id\tend_id\nC_1\tK_a\n",
    "rel_prerequisite.tsv": "start_id\tend_id\nK_a\tK_b\n",
    "rel_prerequisite_cyclic.tsv": "start_id\tend_id\nK_b\tK_a\n",
    "rel_user_course.tsv": "start_id\tend_id\nU_1\tC_1\n",
    "learner_index.tsv": "user_id\tlearner\nU_1\t0\n",
    "video_index.tsv": "video_id\tvideo\nV_x\t0\nV_y\t1\n",
    "rel_course_video.tsv": "start_id\tend_id\nC_1\tV_x\nC_2\tV_x\n",
    "video_watch.tsv": "learner\tvideo\tt\n0\t0\t1492869242\n0\t1\t5\n7\t0\t5\n0\t0\tsoon\n",
    "course_text.json": json.dumps({"C_1": "text"}),
    "teacher.tsv": "id\tname\nT_1\tx\n",
}
MOOCCUBEX = {
    "courses.tsv": "course\tcourse_id\n0\tC_10\n1\tC_11\n",
    "sequences.tsv": "7\t1 0\n8\t0 5 1\n9\n",
    "kg.tsv": "course\trel\tentity\n0\tconcept\t3321\n1\tconcept\t3321\n"
    "0\tabout_similar\t1\n9\tconcept\t3322\n",
    "schools.csv": 'S_1,"University of California, Berkeley"\n',
    "course_school.csv": "C_10,S_1\nC_99,S_1\n",
}
ITEM = (
    "item_id,language,name,nb_views,description,created_at,"
    "Difficulty,Job,Software,Theme,duration,type\n"
)
MARS = {
    "items_en.csv": ITEM
    + "1,en,Start,5,N/A,2018,Beginner,\"['Finance', 'Sales']\",['Excel'],['Produce'],1800,webcast\n"
    + "2,en,Go on,5,\"a\nb\",2019,N/A,['Finance'],['Excel'],[],90,tutorial\n"
    + "3,en,Broken,5,x,2019,N/A,[],__import__('os'),[],90,tutorial\n",
    "users_en.csv": "user_id,job\n10,finance\n11,pilot\n12,N/A\n",
    "implicit_ratings_en.csv": "item_id,user_id,created_at\n1,10,2016-11-02 20:59:23\n",
    "explicit_ratings_en.csv": "user_id,item_id,watch_percentage,created_at,rating\n"
    "10,2,87,2018-09-28 16:18:29,9\n10,2,none,2018-09-28 16:18:30,9\n",
}  # fmt: skip
TRACK = {
    "track": "tiny",
    "concepts": [{"slug": "basics", "name": "Basics"}, {"slug": "loops", "name": "Loops"}],
    "exercises": {
        "concept": [
            {"slug": "a", "name": "A", "concepts": ["basics"], "prerequisites": []},
            {"slug": "b", "name": "B", "concepts": ["loops"], "prerequisites": ["basics"]},
        ],
        "practice": [
            {"slug": "c", "name": "C", "practices": ["loops"], "prerequisites": ["loops"],
             "difficulty": 4, "status": "deprecated"}
        ],
    },
}  # fmt: skip


def write(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def tables(source: str, path: Path, **options: Any) -> tuple[dict[str, list[Any]], ReadLog]:
    """Rows with their lines (under "line") of every table, and the log."""
    log = ReadLog(Quarantine(path.parent / "q.jsonl"))
    found: dict[str, list[Any]] = {}
    for batch in open_reader(source, path, log, **options).batches():
        assert list(TABLES).index(batch.table) >= max(map(list(TABLES).index, found), default=0)
        rows = batch.rows.to_pylist()
        lines = batch.lines.tolist()
        found.setdefault(batch.table, []).extend(
            {**row, "line": line} for row, line in zip(rows, lines, strict=True)
        )
    log.quarantine.close()
    return found, log


def reasons(log: ReadLog) -> dict[str, list[str]]:
    return {reason.reason: reason.examples for reason in log.quarantine.reasons}


def test_mooccube(tmp_path: Path) -> None:
    found, log = tables("mooccube", write(tmp_path / "in", MOOCCUBE))
    assert found["courses"][0] == {
        "course_id": "C_1",
        "title": "数据库",
        "description": "text",
        "language": "zh",
        "provider": "清华",
        "line": 2,
    }
    assert found["skill_prerequisites"] == [
        {"requires_skill_id": "K_a", "skill_id": "K_b", "line": 2}
    ]
    enrolled, *viewed = found["interactions"]
    assert enrolled == {"learner_id": "U_1", "course_id": "C_1", "type": "enrolled", "line": 2}
    assert [(v["course_id"], v["at"], v["line"]) for v in viewed[:2]] == [
        ("C_1", "1492869242000", 2),
        ("C_2", "1492869242000", 2),
    ]
    assert viewed[2]["at"] == "not a time: soon"  # for the validation to refuse
    assert reasons(log) == {
        "the school or the course of this link is unknown": ["rel_school_course.tsv:3"],
        "the learner is not in learner_index.tsv": ["video_watch.tsv:4"],
        "the video belongs to no course": ["video_watch.tsv:3"],
    }
    assert "teacher.tsv: 1 teachers, not read" in log.notes
    assert "rel_prerequisite_cyclic.tsv: 1 prerequisites, read only with --with-cycles" in log.notes


def test_mooccube_with_cycles(tmp_path: Path) -> None:
    found, _ = tables("mooccube", write(tmp_path / "in", MOOCCUBE), with_cycles=True)
    assert len(found["skill_prerequisites"]) == 2


def test_mooccube_needs_only_its_courses(tmp_path: Path) -> None:
    found, log = tables("mooccube", write(tmp_path / "in", {"course.tsv": "id\tname\nC_1\tx\n"}))
    assert list(found) == ["courses"]
    assert any("rel_prerequisite.tsv is not there" in text for text in log.warnings)
    with pytest.raises(SourceError, match=r"course\.tsv is missing; found: kg\.tsv"):
        tables("mooccube", write(tmp_path / "other", {"kg.tsv": ""}))


def test_mooccubex(tmp_path: Path) -> None:
    found, log = tables("mooccubex", write(tmp_path / "in", MOOCCUBEX))
    assert [(c["course_id"], c["provider"]) for c in found["courses"]] == [
        ("C_10", "University of California, Berkeley"),
        ("C_11", None),
    ]
    assert [s["skill_id"] for s in found["skills"]] == ["3321", "3322"]
    assert [(t["course_id"], t["line"]) for t in found["teaches"]] == [("C_10", 2), ("C_11", 3)]
    assert [(e["learner_id"], e["course_id"], e["seq"]) for e in found["interactions"]] == [
        ("7", "C_11", 0),
        ("7", "C_10", 1),
        ("8", "C_10", 0),
        ("8", "C_11", 2),
    ]
    assert [x["learner_id"] for x in found["learners"]] == ["7", "8"]
    assert reasons(log) == {
        "the course index is not in courses.tsv": ["kg.tsv:5", "sequences.tsv:2"],
        "the number of fields is not that of the header": ["sequences.tsv:3"],
    }
    assert "kg.tsv: 1 links 'about_similar', not read" in log.notes


def test_mars(tmp_path: Path) -> None:
    found, log = tables("mars", write(tmp_path / "in", MARS))
    first, second, _ = found["courses"]
    assert (first["title"], first["level"], first["hours"]) == ("Start", "Beginner", "0.5")
    assert (first["description"], first["published_at"]) == (None, "2018-01-01")
    assert (second["description"], second["level"], second["line"]) == ("a\nb", None, 3)
    assert [s["skill_id"] for s in found["skills"]] == ["Excel", "Produce"]
    assert [r["role_id"] for r in found["roles"]] == ["Finance", "Sales"]
    assert [x["role_id"] for x in found["learners"]] == ["Finance", None, None]
    assert [(n["role_id"], n["skill_id"], n["essential"]) for n in found["needs"]] == [
        ("Finance", "Excel", False)
    ]
    viewed, rated, odd = found["interactions"]
    assert (viewed["type"], viewed["at"]) == ("viewed", "2016-11-02 20:59:23")
    assert (rated["type"], rated["score"], rated["progress"]) == ("rated", "9", "0.87")
    assert odd["progress"] == "none"  # for the validation to refuse
    assert list(reasons(log)) == ["Software is not a list of tags; the item is kept without them"]
    assert any("pilot (1)" in note for note in log.notes)


def test_exercism_one_track_keeps_its_slugs(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"tiny.json": json.dumps(TRACK, indent=1)})
    for path in (folder, folder / "tiny.json"):
        found, log = tables("exercism", path)
        assert [(c["course_id"], c["hidden"]) for c in found["courses"]] == [
            ("a", "false"),
            ("b", "false"),
            ("c", "true"),
        ]
        assert [s["skill_id"] for s in found["skills"]] == ["basics", "loops"]
        (needed,) = found["skill_prerequisites"]
        assert (needed["skill_id"], needed["requires_skill_id"]) == ("loops", "basics")
        text = (folder / "tiny.json").read_text().splitlines()
        assert '"slug": "b"' in text[needed["line"] - 1]
        assert log.notes[0].startswith("tiny.json: 1 of 3 exercises teach no concept; their 1 ")


def test_exercism_several_tracks_are_prefixed(tmp_path: Path) -> None:
    other = json.dumps({**TRACK, "track": "other"})
    folder = write(tmp_path / "in", {"tiny.json": json.dumps(TRACK), "other.json": other})
    found, _ = tables("exercism", folder)
    assert {s["skill_id"] for s in found["skills"]} == {
        "tiny/basics",
        "tiny/loops",
        "other/basics",
        "other/loops",
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"track": "x", "concepts": [1], "exercises": {}}'])
def test_exercism_that_is_no_track(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"not JSON|not a track"):
        tables("exercism", write(tmp_path / "in", {"x.json": text}))


def test_movielens_100k(tmp_path: Path) -> None:
    flags = ["0"] * 19
    flags[1] = flags[5] = "1"
    item = "1|Toy Story (1995)|01-Jan-1995||http://x|" + "|".join(flags)
    old = "2|Café|04-Feb-1922||http://x|" + "|".join(["0"] * 19)
    folder = write(tmp_path / "in", {"u.data": "1\t1\t4\t881250949\n1\t2\tx\tsoon\n"})
    (folder / "u.item").write_bytes(f"{item}\n{old}\n".encode("latin-1"))
    found, _ = tables("movielens", folder)
    assert [(c["title"], c["published_at"]) for c in found["courses"]] == [
        ("Toy Story (1995)", "1995-01-01"),
        ("Café", "1922-02-04"),
    ]
    assert [t["skill_id"] for t in found["teaches"]] == ["Action", "Comedy"]
    first, second = found["interactions"]
    assert (first["type"], first["score"], first["at"]) == ("rated", "4", "881250949000")
    assert second["at"] == "soon is no time"


def test_movielens_1m(tmp_path: Path) -> None:
    files = {
        "movies.dat": "1::Toy: Story (1995)::Animation|Comedy\n",
        "ratings.dat": "1::1::5::978300760\n1::1::5\n",
        "users.dat": "1::F::1::10::48067\n",
    }
    found, log = tables("movielens", write(tmp_path / "in", files))
    assert found["courses"][0]["title"] == "Toy: Story (1995)"
    assert [t["skill_id"] for t in found["teaches"]] == ["Animation", "Comedy"]
    assert [e["at"] for e in found["interactions"]] == ["978300760000"]
    assert reasons(log) == {"the number of fields is not that of the header": ["ratings.dat:2"]}
    with pytest.raises(SourceError, match=r"neither u\.item nor movies\.dat"):
        tables("movielens", write(tmp_path / "other", {"ratings.csv": ""}))

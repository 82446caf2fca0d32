"""``graphrec query`` lists without a store, runs by name, and names what was wrong."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphrec.graph.ladybug import LadybugStore

MAIN = "from graphrec.cli.main import main; main()"


def _query(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", MAIN, "query", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    with LadybugStore(folder / "graph", buffer_mb=128, max_gb=8) as store:
        store.migrate()
        store.write("courses", pa.table({"course_id": ["a", "b", "c"], "title": ["[A]", "B", ""]}))
        requires = {"course_id": ["b", "c"], "requires_course_id": ["a", "b"]}
        store.write("requires", pa.table(requires))
    return folder


def test_the_list_opens_no_store(tmp_path: Path) -> None:
    done = _query("--json", "--store", str(tmp_path / "none"))
    listed = json.loads(done.stdout)
    assert {"name", "subject", "purpose", "parameters", "columns"} == set(listed[0])
    assert "skill_gap" in {entry["name"] for entry in listed}
    assert not (tmp_path / "none").exists()
    assert "orphan_courses" in _query().stdout


def test_rows_as_json_and_as_a_table(folder: Path) -> None:
    arguments = ("prerequisite_closure", "--param", "course_id=c", "--store", str(folder))
    assert json.loads(_query(*arguments, "--json").stdout) == [
        {"course_id": "b", "title": "B", "depth": 1},
        {"course_id": "a", "title": "[A]", "depth": 2},
    ]
    shown = _query(*arguments).stdout
    assert "[A]" in shown
    assert "2 rows" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prerequisite_closure",), "course_id"),
        (("prerequisite_closure", "-p", "course_id=c", "-p", "depth=3"), "depth"),
        (("orphan_courses", "-p", "limit=few"), "limit"),
        (("orphan_courses", "-p", "limit"), "--param name=value"),
        (("nothing",), "no query 'nothing'"),
    ],
)
def test_what_is_wrong_is_named_and_no_store_is_made(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = _query(*arguments, "--store", str(tmp_path / "none"))
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none").exists()


def test_csv_and_parquet_hold_the_same_rows(folder: Path, tmp_path: Path) -> None:
    asked = ("prerequisite_closure", "-p", "course_id=c", "--store", str(folder))
    shown = _query(*asked, "--format", "csv").stdout
    assert list(csv.DictReader(io.StringIO(shown))) == [
        {"course_id": "b", "title": "B", "depth": "1"},
        {"course_id": "a", "title": "[A]", "depth": "2"},
    ]
    done = _query(*asked, "--output", str(tmp_path / "new" / "rows.parquet"))
    assert "2 rows" in done.stderr
    assert not done.stdout
    assert pq.read_table(tmp_path / "new" / "rows.parquet").to_pylist() == [
        {"course_id": "b", "title": "B", "depth": 1},
        {"course_id": "a", "title": "[A]", "depth": 2},
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "parquet"), "--output"),
        (("--format", "csv", "--json"), "another format"),
        (("--format", "xlsx"), "xlsx"),
    ],
)
def test_a_format_that_cannot_be_is_refused(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = _query("orphan_courses", *arguments, "--store", str(tmp_path / "none"))
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_file_of_ones_own(folder: Path, tmp_path: Path) -> None:
    bare, headed = tmp_path / "bare.cypher", tmp_path / "headed.cypher"
    text = "MATCH (c:Course) WHERE c.id >= $least RETURN c.id AS id ORDER BY id LIMIT $n"
    bare.write_text(f"\ufeff// a note\n{text};\n", encoding="utf-8")
    headed.write_text(
        "// purpose: Mine.\n// parameters:\n//   least: string -- from here\n"
        f"//   n: int = 1 -- so many\n// columns:\n//   id -- the course\n{text}\n",
        encoding="utf-8",
    )
    store = ("--store", str(folder), "--format", "csv")
    done = _query("--file", str(bare), "-p", "least=a", "-p", "n=9", "--max-rows", "2", *store)
    assert done.stdout.split() == ["id", "a", "b"]
    assert "more than 2 rows" in done.stderr
    assert _query("--file", str(headed), "-p", "least=b", *store).stdout.split() == ["id", "b"]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("MATCH (c)\nSET c.x = 1", (), "Line 2: SET is not allowed"),
        ("RETURN 1; RETURN 2", (), "second statement"),
        ("RETURN $a AS a", (), "$a, which is not given"),
        ("RETURN 1 AS a", ("-p", "b=1"), "does not use $b"),
        ("RETURN 1 AS a", ("--timeout", "0"), "timeout_s"),
        ("RETURN 1 AS a", ("orphan_courses",), "not both"),
        ("// parameters:\n//   n: number\nRETURN $n AS n", ("-p", "n=1"), "mine.cypher:2"),
        ("// parameters:\n//   n: int\nRETURN $n AS n", ("-p", "n=x"), "not of type int"),
        (None, (), "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(
    text: str | None, arguments: tuple[str, ...], said: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.cypher"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    done = _query("--file", str(path), *arguments, "--store", str(folder))
    assert done.returncode not in (0, 1)
    assert said in done.stderr
    assert "Traceback" not in done.stderr

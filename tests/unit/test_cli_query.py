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

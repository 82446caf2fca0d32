"""The real data sets, through the real commands: counts as shared/data/README.md states them."""

from __future__ import annotations

import filecmp
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from graphrec.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run ``graphrec ARGS``; exit code and what it printed."""

    def run(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["graphrec", *map(str, args)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def imported(command: Any, *args: object) -> dict[str, Any]:
    code, out, err = command("import", *args, "--json")
    assert code == 0, err
    summary: dict[str, Any] = json.loads(out)
    for counts in summary["tables"].values():
        parts = ("written", "unchanged", "duplicates", "quarantined")
        assert counts["read"] == sum(counts[part] for part in parts)
    return summary


def graph(summary: dict[str, Any]) -> dict[str, int]:
    return {name: rows for name, rows in summary["graph"].items() if rows}


def test_mooccube(command: Any, data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "mooccube"
    first = imported(command, "mooccube", source, "--store", tmp_path / "store")
    assert graph(first) == {
        "courses": 706,
        "skills": 700,
        "learners": 4723,
        "teaches": 10300,
        "skill_prerequisites": 1605,
        # 24,933 enrolments; 126,131 watches, where a video may be of more courses than one.
        "interactions": 24933 + 161705,
    }
    assert (first["quarantined"], first["cycles"]) == ([], [])
    again = imported(command, "mooccube", source, "--store", tmp_path / "store")
    assert not any(counts["written"] for counts in again["tables"].values())
    assert graph(again) == graph(first)
    cyclic = imported(command, "mooccube", source, "--with-cycles", "--store", tmp_path / "store")
    needs = cyclic["tables"]["skill_prerequisites"]
    assert (needs["read"], needs["unchanged"], needs["duplicates"]) == (1605 + 197, 1605, 23)
    assert cyclic["graph"]["skill_prerequisites"] == 1605 + 197 - 23
    assert cyclic["cycles"]


def test_mooccube_with_damage(command: Any, data_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "mooccube"
    shutil.copytree(data_dir / "mooccube", source, copy_function=shutil.copyfile)
    source.chmod(0o755)
    (source / "video_watch.tsv").unlink()
    path = source / "rel_course_concept.tsv"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = b"C_none\t" + lines[5].split(b"\t")[1]
    lines[6] = b"only one field\n"
    lines[7] = b"\xff\xfe" + lines[7]
    path.write_bytes(b"".join(lines))
    summary = imported(command, "mooccube", source, "--store", tmp_path / "store")
    assert summary["tables"]["teaches"]["quarantined"] == 3
    assert summary["graph"]["teaches"] == 10297
    places = {r["reason"]: r["examples"] for r in summary["quarantined"]}
    assert places["course_id is not among the courses"] == ["rel_course_concept.tsv:6"]
    assert any("video_watch.tsv" in text for text in summary["warnings"])
    (source / "course.tsv").write_text("数据", encoding="gb18030")
    code, _, err = command("import", "mooccube", source, "--store", tmp_path / "other")
    assert code == 2
    assert "course.tsv" in err
    assert not (tmp_path / "other" / "graph").exists()


def test_mars(command: Any, data_dir: Path, tmp_path: Path) -> None:
    summary = imported(command, "mars", data_dir / "mars", "--store", tmp_path / "store")
    assert summary["graph"]["courses"] == 1167
    assert (summary["graph"]["skills"], summary["graph"]["roles"]) == (38 + 15, 10)
    assert summary["tables"]["interactions"]["read"] == 21908 + 3659
    # Every second of a view or rating that is told twice with other values is kept apart.
    assert summary["tables"]["interactions"]["quarantined"] == 4


def test_mooccubex_reads_a_million_enrolments(command: Any, data_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "mooccubex"
    shutil.copytree(data_dir / "mooccubex", source, copy_function=shutil.copyfile)
    source.chmod(0o755)
    head = (source / "sequences.tsv").read_bytes().splitlines(keepends=True)[:2000]
    (source / "sequences.tsv").write_bytes(b"".join(head))
    summary = imported(command, "mooccubex", source, "--store", tmp_path / "store")
    assert summary["quarantined"] == []
    rows = sum(len(line.split(b"\t")[1].split()) for line in head)
    assert graph(summary) == {
        "courses": 3321,
        "skills": 6105,
        "learners": 2000,
        "teaches": 54759,
        "interactions": rows,
    }


def test_exercism_round_trip(command: Any, data_dir: Path, tmp_path: Path) -> None:
    track = data_dir / "exercism" / "csharp.json"
    summary = imported(command, "exercism", track, "--store", tmp_path / "one")
    assert summary["graph"]["courses"] == 42 + 143
    assert (summary["graph"]["skills"], summary["graph"]["skill_prerequisites"]) == (72, 222)
    for store, folder in (("one", "a"), ("two", "b")):
        if store == "two":
            imported(command, "native", tmp_path / "a", "--store", tmp_path / store)
        code, _, err = command("export", "native", tmp_path / folder, "--store", tmp_path / store)
        assert code == 0, err
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["courses.csv", "skill_prerequisites.csv", "skills.csv", "teaches.csv"]
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False)[0] == names
    code, _, err = command("export", "native", tmp_path / "a", "--store", tmp_path / "one")
    assert code == 2
    assert "not empty" in err
    code, _, _ = command(
        "export", "native", tmp_path / "a", "--force", "--format", "parquet",
        "--store", tmp_path / "one",
    )  # fmt: skip
    assert code == 0
    assert not list((tmp_path / "a").glob("*.csv"))
    again = imported(command, "native", tmp_path / "a", "--store", tmp_path / "two")
    assert not any(counts["written"] for counts in again["tables"].values())

"""``graphrec shell``: from a pipe as a script, at a prompt with history, completion and pages."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from graphrec.cli.shell import at_prompt, from_script
from graphrec.cli.shell_completion import ShellCompleter
from graphrec.cli.shell_session import ShellSession
from graphrec.cli.shell_text import is_complete, split_statements, statements_of
from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.queries import QueryLibrary


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    with LadybugStore(folder / "graph", buffer_mb=128, max_gb=8) as store:
        store.migrate()
        ids = [f"c{i:02d}" for i in range(60)]
        store.write("courses", pa.table({"course_id": ids, "title": ["[A]; é"] * 60}))
        requires = {"course_id": ids[1:], "requires_course_id": ids[:-1]}
        store.write("requires", pa.table(requires))
    return folder


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def graph(folder: Path) -> Iterator[LadybugStore]:
    with LadybugStore(folder / "graph", buffer_mb=128, max_gb=8) as store:
        yield store


@pytest.fixture
def session(graph: LadybugStore, out: io.StringIO) -> ShellSession:
    console = Console(file=out, width=120, height=20)
    return ShellSession(graph, QueryLibrary.load(), console, max_rows=50, timeout_s=5)


def _type(session: ShellSession, keys: str, history: Path, *later: str) -> None:
    with create_pipe_input() as typed:
        typed.send_text(keys)
        pauses = [
            threading.Timer(0.4 * after, typed.send_text, (more,))
            for after, more in enumerate(later, 1)
        ]
        for pause in pauses:
            pause.start()
        at_prompt(session, history, input=typed, output=DummyOutput())
        for pause in pauses:
            pause.join()


@pytest.mark.timeout(60)
def test_a_prompt_runs_what_is_typed_and_keeps_it(
    session: ShellSession, out: io.StringIO, tmp_path: Path
) -> None:
    history = tmp_path / "store" / "history"
    _type(
        session,
        ":set n=c02\rMATCH (c:Course {id: $n})\rRETURN c.id AS found;\r"
        ":run prerequisite_closure course_id=c02\r:nope\rRETURN 'x;y' AS x\r\r:quit\r",
        history,
    )
    for shown in ("found", "c01", "x;y"):
        assert shown in out.getvalue()
    kept = history.read_text(encoding="utf-8")
    assert "+MATCH (c:Course {id: $n})\n+RETURN c.id AS found;" in kept
    assert history.stat().st_mode & 0o077 == 0


@pytest.mark.timeout(60)
def test_tab_completes_ctrl_c_drops_the_line_and_ctrl_d_leaves(
    session: ShellSession, out: io.StringIO, tmp_path: Path
) -> None:
    keys = ("RETURN 'dropped\x03", ":run prerequisite_cl\t", " course_id=c01\r", "\x04")
    _type(session, keys[0], tmp_path / "history", *keys[1:])
    assert "dropped" not in out.getvalue()
    assert "c00" in out.getvalue()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (":", ":queries"),
        (":queries cat", "catalogue"),
        (":run startable", "startable_courses"),
        (":run startable_courses learner_id=x li", "limit="),
        ("MATCH (c:Co", "Course"),
        ("MATCH (c:Course)-[r:REQ", "REQUIRES"),
        ("MATCH (c:Course)-[r:TEACHES|IN_", "IN_ROLE"),
        ("MATCH (c:Course) WHERE c.prov", "provider"),
        ("MATCH (l:Learner)-[r:RATED]->() WHERE r.sc", "score"),
        ("MATCH (c:Course {ti", "title"),
        ("MATCH (c) WHERE c.ess", "essential"),
        ("mat", "MATCH"),
        ("MATCH (c:Course {id: $", "chosen"),
    ],
)
def test_what_is_offered(session: ShellSession, typed: str, offered: str) -> None:
    session.values["chosen"] = 1
    found = list(ShellCompleter(session).get_completions(Document(typed), CompleteEvent()))
    assert offered in {completion.text for completion in found}


def test_a_variable_offers_the_properties_of_its_label(session: ShellSession) -> None:
    document = Document("MATCH (s:Skill) RETURN s.")
    found = ShellCompleter(session).get_completions(document, CompleteEvent())
    assert [completion.text for completion in found] == ["id", "name", "description"]


def test_a_long_table_is_paged(
    graph: LadybugStore, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    monkeypatch.setattr("pydoc.pager", lambda text, title="": pages.append(text))
    console = Console(file=out, width=80, height=20)
    library = QueryLibrary.load()
    session = ShellSession(graph, library, console, max_rows=50, timeout_s=5, paged=True)
    assert session.handle("MATCH (c:Course) RETURN c.id AS id ORDER BY id")
    assert "c49" in pages[0]
    assert "c49" not in out.getvalue()
    assert "There are more" in out.getvalue()
    assert session.handle("MATCH (c:Course) RETURN c.id AS id ORDER BY id LIMIT 3")
    assert len(pages) == 1


def _pipe(script: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = "from graphrec.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "shell", "--store", str(folder), *options],
        input=script,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_from_a_pipe(tmp_path: Path) -> None:
    script = ":help\n:schema\n:queries\nRETURN 1 AS one\nCREATE (n)\nRETURN 'it''s' AS x\n"
    done = _pipe(script + "RETURN 2 AS two", tmp_path / "new")
    assert done.returncode == 2
    for said in (
        ":run",
        "(:Course)-[:REQUIRES",
        "(:Learner)-[:TARGETS]",
        "skill_gap",
        "one",
        "two",
    ):
        assert said in done.stdout
    assert "CREATE is not allowed" in done.stderr
    assert "Traceback" not in done.stderr
    done = _pipe("RETURN [1] AS a;\n:set x=é\nRETURN $x AS b;", tmp_path / "new", "--json")
    assert done.returncode == 0
    decoder, text, found = json.JSONDecoder(), done.stdout.replace("$x = 'é'", ""), []
    while text.strip():
        rows, end = decoder.raw_decode(text.strip())
        found.append(rows)
        text = text.strip()[end:]
    assert found == [[{"a": [1]}], [{"b": "é"}]]


def test_a_script_goes_on_after_an_error(session: ShellSession, out: io.StringIO) -> None:
    assert from_script(session, "") == 0
    assert from_script(session, ":run\n:run nothing\n:queries none\n:run 'open\n:set x") == 2
    assert from_script(session, ":set s='a b'\nRETURN $s AS s, $t AS t\n:quit\n:nope") == 2
    assert from_script(session, "RETURN 1 AS x // a\n\n// b\nRETURN 2 AS y") == 0
    assert "y" in out.getvalue()


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("a\nb", ["a", "b"]),
        ("a\n b;c;\n:d\ne", ["a\n b", "c", ":d", "e"]),
        ("a 'x;\ny';\n\nb", ["a 'x;\ny'", "b"]),
        ("a /* ; */ b\nc", ["a /* ; */ b", "c"]),
        ("a 'open;\nb", ["a 'open;\nb"]),
        ("", []),
        (";;", []),
    ],
)
def test_statements_of_a_script(script: str, statements: list[str]) -> None:
    assert list(statements_of(script.split("\n"))) == statements


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_what_no_semicolon_splits_stays_whole(text: str) -> None:
    assert "".join(split_statements(text.replace(";", ""))) == text.replace(";", "").strip()
    assert is_complete(f"{text}\n")

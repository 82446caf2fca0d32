"""What README and docs say can be done: commands parse, links resolve, examples run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from service_world import graphrec_command

import serving.app  # noqa: F401 - declares how ids stand in paths
from graphrec.cli.main import app
from graphrec.demo.catalogue import load_catalogue
from graphrec.events.schema import Event
from graphrec.graph.store import open_store
from graphrec.recommend.path_schemas import PathRequest
from graphrec.recommend.schemas import RecommendRequest
from graphrec.settings import Settings
from serving.routers import (
    admin,
    catalogue,
    curriculum,
    cypher,
    events,
    health,
    learners,
    paths,
    recommendations,
)
from serving.routers import queries as query_routes
from serving.settings import ServiceSettings

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]
)
_RUNS = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?graphrec(?= |$)")
_PROGRAMS = ("sh", "console")


@dataclass(frozen=True)
class Line:
    """One line of code of a page."""

    page: Path
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.number}"


def _code(page: Path) -> Iterator[Line]:
    """Lines of fenced and indented code, a line that is continued as one."""
    fence, joined = None, ""
    for number, text in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if text.startswith("```"):
            fence = None if fence is not None else text[3:].strip()
        elif fence is not None and text.endswith("\\"):
            joined += text[:-1]
        elif fence is not None or text.startswith("    "):
            yield Line(page, number, fence or "", (joined + text).strip())
            joined = ""


def _spans(page: Path) -> Iterator[str]:
    """Code within sentences and tables."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    yield from (span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", text))


def _blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.S | re.M)


# Commands. They are parsed as the command line parses them, and not run.


def _parse(arguments: list[str]) -> None:
    """Resolve a command with its options and arguments; raises what the command line would."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("graphrec", list(arguments[:1]), resilient_parsing=True)
    rest = arguments
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, rest)
        is_group = hasattr(command, "resolve_command")
        context = command.make_context(name, rest, parent=context, resilient_parsing=is_group)


def _options(arguments: list[str]) -> tuple[set[str], set[str]]:
    """Options that a synopsis names, and those that its command has."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("graphrec", [], resilient_parsing=True)
    rest = arguments
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, [], parent=context, resilient_parsing=True)
    known = {opt for param in command.params for opt in param.opts}
    return {word for word in rest if re.fullmatch(r"--[a-z][a-z-]*", word)}, known


def _command_lines() -> list[Line]:
    return [line for page in PAGES for line in _code(page) if _RUNS.match(line.text)]


def _arguments(line: str) -> list[str]:
    """Words after ``graphrec`` up to a pipe, a remark or the next command."""
    words = shlex.split(_RUNS.sub("", line, count=1), comments=True)
    ends = [i for i, word in enumerate(words) if word in {"|", "&&", ";", ">", "&"}]
    return words[: min(ends, default=len(words))]


def test_there_are_commands_to_check() -> None:
    assert len(_command_lines()) > 40


@pytest.mark.parametrize("line", _command_lines(), ids=str)
def test_a_command_line_parses(line: Line) -> None:
    if line.language in _PROGRAMS:
        arguments = _arguments(line.text)
        if "--help" not in arguments:
            _parse(arguments)
        return
    # A synopsis: prose after two spaces, brackets around what may be left out.
    synopsis = re.split(r"\s{2,}", _RUNS.sub("", line.text, count=1).strip())[0]
    words = re.sub(r"[\[\]|]", " ", synopsis).split()
    named, known = _options(words)
    assert named <= known | {"--help"}


def test_commands_in_sentences_exist() -> None:
    spans = [(page, s) for page in PAGES for s in _spans(page) if re.match(r"graphrec [a-z]", s)]
    assert len(spans) > 10
    for page, span in spans:
        for part in re.split(r" && ", span):
            words = [w for w in part.split()[1:] if w not in {"…", "..."}]
            alternatives = words[0].split("|") + words[1:2] if "|" in words[0] else None
            for name in alternatives or [words[0]]:
                named, known = _options([name, *words[1:]])
                assert named <= known | {"--help"}, (page.name, span)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, flags=re.M))
    named = {
        target
        for page in PAGES
        for text in [*_spans(page), *(line.text for line in _code(page))]
        for target in re.findall(r"^make ([a-z0-9-]+)", text)
    }
    assert {"demo", "test", "setup"} <= named
    assert named <= targets


def test_every_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.M)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## \w", makefile, flags=re.M), target


# Links, files and names.


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), target


def test_files_that_are_named_exist() -> None:
    tops = "cypher|graphrec|training|serving|tests|benchmarks|docs|deploy"
    pattern = re.compile(rf"(?:{tops})/[\w./-]+")
    for page in PAGES:
        for span in _spans(page):
            for name in span.split() if pattern.fullmatch(span.split()[0]) else []:
                if pattern.fullmatch(name):
                    assert (ROOT / name).exists() or list(ROOT.glob(name + "*")), (page.name, name)


def _routes() -> set[str]:
    modules = (
        admin,
        catalogue,
        curriculum,
        cypher,
        events,
        health,
        learners,
        paths,
        query_routes,
        recommendations,
    )
    routers = [*(module.router for module in modules), recommendations.direct]
    found = {route.path for router in routers for route in router.routes}  # type: ignore[attr-defined]
    return {re.sub(r"\{[^}]+\}", "{}", path) for path in found} | {"/openapi.json"}


def test_routes_that_are_named_exist() -> None:
    routes = [re.compile(re.sub(r"\\\{\\\}", "[^/]+", re.escape(r)) + "$") for r in _routes()]
    named = [
        (page.name, path)
        for page in PAGES
        for text in [*_spans(page), *(line.text for line in _code(page))]
        for path in re.findall(r"(?<![\w.])(?:https?://[\w.:-]+)?(/v1/[\w{}%./:-]+)", text)
    ]
    assert len(named) > 15
    for page, path in named:
        shown = path.rstrip("./:")
        assert any(route.match(shown) for route in routes), (page, path)


def test_bodies_that_are_sent_are_valid() -> None:
    bodies = [
        (match[1], json.loads(match[2]))
        for page in PAGES
        for line in _code(page)
        for match in [re.search(r"(/v1/[a-z]+)\b.*-d '(.+)'", line.text)]
        if match
    ]
    assert {route for route, _ in bodies} == {"/v1/paths", "/v1/recommendations", "/v1/events"}
    for route, body in bodies:
        if route == "/v1/paths":
            PathRequest.model_validate(body)
        elif route == "/v1/recommendations":
            RecommendRequest.model_validate(body)
        else:
            assert [Event.model_validate(event) for event in body["events"]]


# Settings.


def _settings() -> dict[str, str]:
    """Variable -> what it means, of both settings classes."""
    return {
        f"{cls.model_config.get('env_prefix', '')}{name.upper()}": field.description or ""
        for cls in (Settings, ServiceSettings)
        for name, field in cls.model_fields.items()
    }


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(GRAPHREC_\w+)` \| .* \| (.*) \|$", text, flags=re.M))
    assert len(_settings()) > 20
    for variable, description in _settings().items():
        assert description
        assert rows.get(variable) == description, variable


def test_variables_that_are_named_or_read_are_documented() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(GRAPHREC_\w+)`", settings, flags=re.M))
    variable = re.compile(r"GRAPHREC_[A-Z0-9]+(?:_[A-Z0-9]+)*\b(?![_*])")
    code = [p for top in ("graphrec", "training", "serving") for p in (ROOT / top).rglob("*.py")]
    code += [*(ROOT / "deploy").rglob("*.sh"), *(ROOT / "benchmarks").glob("*.*")]
    for path in [*PAGES, *code]:
        unknown = set(variable.findall(path.read_text(encoding="utf-8"))) - documented
        assert unknown == set(), path


# Examples run.


def _run(code: str, folder: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHREC_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**environment, "HOME": str(folder), "GRAPHREC_GRAPH_BUFFER_MB": "64"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_page_runs(tmp_path: Path) -> None:
    (code,) = _blocks(ROOT / "docs" / "python.md", "python")
    lines = _run(code, tmp_path).splitlines()
    assert lines[0] == "popularity True"
    assert "accepted" in lines
    assert any("python" in line for line in lines)


def test_the_bundle_page_runs(tmp_path: Path) -> None:
    (code,) = _blocks(ROOT / "docs" / "bundle.md", "python")
    _run(code, tmp_path)
    assert (tmp_path / "bundles" / "champion.alias").is_file()


def test_the_readme_example_runs(tmp_path: Path) -> None:
    """On the store that the demo leaves, with its catalogue and one learner."""
    store = Settings(
        store=tmp_path / ".local/share/graphrec/demo", graph_buffer_mb=64, graph_max_gb=1
    )
    with open_store(store) as graph:
        for name, rows in load_catalogue().items():
            graph.write(name, rows)
    (code,) = _blocks(ROOT / "README.md", "python")
    sends = "import sys\nfrom graphrec import Recommender\n" + (
        "with Recommender.open('~/.local/share/graphrec/demo') as recommender:\n"
        "    recommender.ingest([{'event_id': '1', 'type': 'completed', 'learner_id': "
        "'learner-000001', 'course_id': 'python-core'}])\n"
    )
    _run(sends, tmp_path)
    printed = _run(code, tmp_path)
    assert len(printed.splitlines()) > 6
    assert "python-core" not in printed


def test_the_results_are_those_measured() -> None:
    script = str(ROOT / "benchmarks" / "results_table.py")
    subprocess.run([sys.executable, script, "--check"], check=True)


def test_the_command_says_its_version() -> None:
    done = subprocess.run(
        [*graphrec_command(), "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"graphrec \d+\.\d+\.\d+\S*", done.stdout.strip())

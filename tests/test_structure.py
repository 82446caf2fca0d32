"""The shape of the code: sizes, names, directions, and what must never be in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("graphrec", "training", "serving")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60

_OWNERS = {
    "ladybug": "graphrec/graph/ladybug.py",
    "neo4j": "graphrec/graph/neo4j.py",
    "scann": "graphrec/index/scann.py",
}
"""Optional engines, each imported in one file alone."""

_PICKLERS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def _sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(tree: ast.AST) -> Iterator[str]:
    """Top names of everything imported from elsewhere, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return {_name(p): ast.parse(_text(p)) for p in _sources(*PACKAGES)}


def test_no_file_is_two_files() -> None:
    sizes = {_name(p): _text(p).count("\n") for p in _sources(*PACKAGES, "tests")}
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_no_function_is_two_functions(trees: dict[str, ast.Module]) -> None:
    found = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert found == []


def test_every_module_says_what_it_is(trees: dict[str, ast.Module]) -> None:
    assert [name for name, tree in trees.items() if not ast.get_docstring(tree)] == []


def test_nothing_is_pickled(trees: dict[str, ast.Module]) -> None:
    assert [name for name, tree in trees.items() if _PICKLERS & set(_imports(tree))] == []
    texts = {_name(p): _text(p) for p in _sources(*PACKAGES)}
    # NumPy and torch unpickle on request, and torch.load and torch.save always.
    calls = re.compile(r"allow_pickle\s*=\s*True|\btorch\.(load|save)\(")
    assert [name for name, text in texts.items() if calls.search(text)] == []


def test_nothing_is_left_to_do() -> None:
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    files = [*_sources(*PACKAGES, "tests", "benchmarks"), *(ROOT / "cypher").glob("*.cypher")]
    assert [_name(p) for p in files if marks.search(_text(p))] == []
    assert [_name(p) for p in _sources(*PACKAGES) if "NotImplementedError" in _text(p)] == []


@pytest.mark.parametrize(("package", "owner"), _OWNERS.items())
def test_an_engine_is_imported_in_one_file(
    package: str, owner: str, trees: dict[str, ast.Module]
) -> None:
    assert [name for name, tree in trees.items() if package in _imports(tree)] == [owner]


def test_only_training_imports_ray_and_only_serving_fastapi(trees: dict[str, ast.Module]) -> None:
    homes = {"ray": "training/", "fastapi": "serving/", "starlette": "serving/"}
    for package, home in homes.items():
        found = [name for name, tree in trees.items() if package in set(_imports(tree))]
        assert found
        assert [name for name in found if not name.startswith(home)] == []


def test_nothing_names_a_machine() -> None:
    """No absolute path of somebody's machine in what is published."""
    suffixes = {".py", ".md", ".toml", ".sh", ".cypher", ".lua", ".json", ""}
    homes = re.compile(r"(?<![\w.~$}])/(?:work|home|root|Users)/\w")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: nothing says which files are published")
    paths = [ROOT / line for line in listed.stdout.splitlines()]
    found = [
        _name(path)
        for path in paths
        if path.suffix in suffixes and path.is_file() and homes.search(_text(path))
    ]
    assert found == []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def test_test_modules_have_names_of_their_own() -> None:
    """Without packages, pytest imports test modules by their bare name."""
    names = Counter(path.name for path in _sources("tests"))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_stages_import_only_what_lies_before_them() -> None:
    # A process of its own: the linter puts the checkout on sys.path and reads its cache.
    code = "import sys, importlinter.cli as c; sys.exit(c.lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout

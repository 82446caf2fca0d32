"""What is built installs elsewhere and runs, and the core needs nothing but its dependencies."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from service_world import build_world

from graphrec.bundle import BundleStore
from graphrec.events.splits import hold_out_last
from graphrec.features.signals import with_signals
from graphrec.graph.store import open_store
from graphrec.models.fitting import default_config, fit_neural
from graphrec.models.registry import MODEL_NAMES
from graphrec.recommend.compose import Validation, compose, fit_models
from graphrec.recommend.model_io import TrainedPipeline, write_pipeline
from graphrec.schema import TABLES
from graphrec.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("graphrec", "training", "serving")
_WHEEL_LIMIT_BYTES = 2_000_000

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    """A wheel of this checkout, installed without its dependencies in a fresh folder."""

    wheel: Path
    sdist: Path
    site: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    dist = tmp_path_factory.mktemp("dist")
    _run(["-m", "hatchling", "build", "-d", str(dist)], cwd=ROOT)
    (wheel,), (sdist,) = list(dist.glob("*.whl")), list(dist.glob("*.tar.gz"))
    site = tmp_path_factory.mktemp("site")
    _install(wheel, site)
    return Installed(wheel, sdist, site)


def _install(wheel: Path, site: Path) -> None:
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]
    _run(["-m", "pip", "install", *options, "--target", str(site), str(wheel)], cwd=site)


def _run(
    arguments: list[str], *, cwd: Path, site: Path | None = None, fails: bool = False
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHREC_")}
    if site is not None:
        environment["PYTHONPATH"] = str(site)
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done


def _files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_packages_and_nothing_else(installed: Installed) -> None:
    names = _files(installed.wheel)
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    wanted |= {f"graphrec/cypher/{p.name}" for p in (ROOT / "cypher").glob("*.cypher")}
    wanted |= {f"graphrec/demo/{p.name}" for p in (ROOT / "graphrec/demo").glob("*.csv")}
    wanted |= {f"graphrec/recommend/messages/{name}.json" for name in ("de", "en")}
    page = ROOT / "serving/curriculum/static"
    wanted |= {p.relative_to(ROOT).as_posix() for p in page.rglob("*") if p.is_file()}
    wanted.add("graphrec/py.typed")
    assert wanted <= names
    assert {n for n in names - wanted if ".dist-info/" not in n} == set()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert installed.wheel.stat().st_size < _WHEEL_LIMIT_BYTES


def test_the_sdist_builds_the_same_wheel(installed: Installed, tmp_path: Path) -> None:
    with tarfile.open(installed.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "Makefile", "tests/test_packaging.py"):
        assert (unpacked / name).is_file(), name
    assert not (unpacked / ".venv").exists()
    _run(["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again")], cwd=unpacked)
    (again,) = (tmp_path / "again").glob("*.whl")
    assert _files(again) == _files(installed.wheel)


def test_the_installed_wheel_runs_elsewhere(installed: Installed, tmp_path: Path) -> None:
    where = "import graphrec, training, serving; print(graphrec.__file__, serving.__file__)"
    printed = _run(["-c", where], cwd=tmp_path, site=installed.site).stdout.split()
    assert all(path.startswith(str(installed.site)) for path in printed)
    command = ["-m", "graphrec.cli.main"]
    shown = _run([*command, "--help"], cwd=tmp_path, site=installed.site).stdout
    for name in ("demo", "import", "train", "serve", "recommend", "path", "doctor"):
        assert name in shown
    told = _run([*command, "query", "--json"], cwd=tmp_path, site=installed.site).stdout
    names = {query["name"] for query in json.loads(told)}
    assert "skill_gap" in names
    assert len(names) >= 10
    scripts = [path.name for path in (installed.site / "bin").iterdir()]
    assert "graphrec" in scripts


# The core alone: every package that only an extra or the tests bring is hidden.


def _closure(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Distributions that installing ``name`` brings, by canonical name, itself included."""
    found: set[str] = set()
    waiting = [(canonicalize_name(name), extras)]
    while waiting:
        distribution, wanted = waiting.pop()
        if distribution in found and not wanted:
            continue
        found.add(distribution)
        try:
            lines = requires(distribution) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in {"", *wanted}):
                one = canonicalize_name(requirement.name)
                if one not in found or requirement.extras:
                    waiting.append((one, frozenset(requirement.extras)))
    return found


def _declared(extra: str = "") -> list[Requirement]:
    """Requirements of the checkout's pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(line) for line in lines]


@pytest.fixture(scope="module")
def hidden() -> list[str]:
    """Top-level modules of what is installed here and the core does not bring."""
    allowed = {name for one in _declared() for name in _closure(one.name, frozenset(one.extras))}
    allowed.add("graphrec")
    modules = [
        module
        for module, owners in packages_distributions().items()
        if not any(canonicalize_name(owner) in allowed for owner in owners)
    ]
    assert {"torch", "transformers", "ray", "sklearn", "onnx", "httpx", "pytest"} <= set(modules)
    return sorted(set(modules) - set(PACKAGES))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a bundle of every model, briefly trained as ``graphrec train`` does."""
    settings = Settings(store=tmp_path_factory.mktemp("world"), graph_buffer_mb=64, graph_max_gb=1)
    build_world(settings)
    with open_store(settings) as store:
        tables = store.export_snapshot(list(TABLES))
    dataset, signals = with_signals(tables)
    held = hold_out_last(dataset.histories, min_length=2, seed=0)
    validation = Validation(held.inputs, held.targets, signals.take(held.rows))

    def briefly(name: str, train: Any, chosen_on: Any) -> Any:
        config = default_config(name, train).model_copy(update={"max_epochs": 1})
        return fit_neural(name, train, chosen_on, config)

    fitted = fit_models(dataset.with_histories(held.train), validation, fit_neural=briefly)
    assert set(fitted.skipped) == {"graph_filter"}  # ease stands in its place
    assert list(fitted.models) == [name for name in MODEL_NAMES if name != "graph_filter"]
    pipeline = compose(fitted.models, validation)
    trained = TrainedPipeline(pipeline, dataset.items, has_commitments=True)
    info = {"snapshot_hash": "0" * 64, "config": {}, "seed": 0, "code_version": "test"}
    info |= {"metrics": {}, "models": list(fitted.models)}
    bundles = BundleStore(settings.bundles_dir)
    bundle = bundles.publish(lambda writer: write_pipeline(writer, trained), info=info)
    bundles.set_alias("champion", bundle.id)
    return settings.store_dir


@dataclass(frozen=True)
class Core:
    """The graphrec command on the installed wheel, with the core's packages alone."""

    start: list[str]
    folder: Path
    site: Path

    def __call__(self, *arguments: object, fails: bool = False) -> subprocess.CompletedProcess[str]:
        told = [*self.start, *map(str, arguments)]
        return _run(told, cwd=self.folder, site=self.site, fails=fails)


@pytest.fixture(scope="module")
def core(installed: Installed, hidden: list[str], tmp_path_factory: pytest.TempPathFactory) -> Core:
    folder = tmp_path_factory.mktemp("core")
    (folder / "hidden.json").write_text(json.dumps(hidden), encoding="utf-8")
    start = [str(ROOT / "tests" / "core_only.py"), str(folder / "hidden.json")]
    return Core(start, folder, installed.site)


def test_the_core_recommends_by_every_model(core: Core, world: Path) -> None:
    answer = json.loads(core("recommend", "L1", "--k", 3, "--store", world, "--json").stdout)
    assert answer["source"] == "pipeline"
    assert len(answer["courses"]) == 3
    assert {*MODEL_NAMES} - {"graph_filter"} <= set(answer["courses"][0]["scores"])


def test_the_core_plans_and_asks(core: Core, world: Path) -> None:
    planned = core("path", "--to-course", "C05", "--store", world, "--json").stdout
    steps = json.loads(planned)["steps"]
    assert [c["course_id"] for s in steps for c in s["courses"]] == ["C03", "C04", "C05"]
    asked = core("query", "prerequisite_closure", "-p", "course_id=C05", "--store", world, "--json")
    assert {row["course_id"] for row in json.loads(asked.stdout)} == {"C03", "C04"}


def test_the_core_imports_and_exports(core: Core, world: Path, tmp_path: Path) -> None:
    core("export", "native", tmp_path / "out", "--store", world)
    told = core("import", "native", tmp_path / "out", "--store", tmp_path / "store", "--json")
    assert json.loads(told.stdout)["graph"]["courses"] == 22


def test_the_core_serves(core: Core, world: Path) -> None:
    command = [*core.start, "serve", "--port", "0", "--store", str(world), "--json"]
    with subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(core.site)},
    ) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.rstrip().endswith("\n}"):
                line = process.stdout.readline()
                assert line, "it did not start"
                text += line
            url = json.loads(text)["url"]
            answer = httpx.get(f"{url}/v1/learners/L1/recommendations?k=3", timeout=30).json()
            assert answer["source"] == "pipeline"
        finally:
            process.terminate()
        assert process.wait(30) == 0


def test_without_its_extra_a_command_names_it(core: Core, world: Path) -> None:
    done = core("train", "--store", world, fails=True)
    assert done.returncode == 9
    assert "graphrec[train]" in done.stderr


# Honest metadata: what is imported is declared, and what is declared is used.

_BY_EXTRA = {"training/": "train", "graphrec/graph/neo4j.py": "neo4j"}
_USED_BY_NAME = {
    "httptools": "uvicorn's HTTP parser, by serving/server.py",
    "uvloop": "uvicorn's event loop",
    "neo4j-rust-ext": "speeds up the neo4j driver",
    "onnxscript": "torch.onnx",
}
_IMPORT_NAMES = {"scikit-learn": "sklearn", "pyyaml": "yaml"}


def _imported() -> dict[str, set[str]]:
    """Top-level name of every import of the packages -> the files that import it."""
    found: dict[str, set[str]] = {}
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                where = path.relative_to(ROOT).as_posix()
                found.setdefault(name.partition(".")[0], set()).add(where)
    return {k: v for k, v in found.items() if k not in {*sys.stdlib_module_names, *PACKAGES}}


def _module(requirement: Requirement) -> str:
    return _IMPORT_NAMES.get(requirement.name, re.sub(r"[-.]", "_", requirement.name))


def test_what_is_imported_is_declared() -> None:
    core = {_module(one) for one in _declared()}
    extras = {name: {_module(one) for one in _declared(name)} for name in ("train", "neo4j")}
    missing = {
        name: sorted(files)
        for name, files in _imported().items()
        if name not in core and not any(name in modules for modules in extras.values())
    }
    assert missing == {}


def test_what_is_declared_is_used() -> None:
    imported = set(_imported())
    declared = [*_declared(), *_declared("train"), *_declared("neo4j")]
    unused = [o.name for o in declared if _module(o) not in imported]
    assert sorted(unused) == sorted(_USED_BY_NAME)

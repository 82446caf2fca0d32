"""Fixtures that every test may use: where the real data is, and a store of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from neo4j_server import neo4j_url  # noqa: F401 - a fixture of every test

import graphrec.cli.common  # noqa: F401 - a console made under a test's COLUMNS would keep them

ROOT = Path(__file__).resolve().parent.parent

# Two OpenMP threads on two busy cores are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files stay whole among parallel processes, and one process alone starts a Neo4j.

    The files of Ray come first: they take longest.
    """
    with_neo4j = {item.path for item in items if "neo4j_url" in getattr(item, "fixturenames", ())}
    with_ray = {item.path for item in items if item.get_closest_marker("ray")}
    for item in items:
        group = "neo4j" if item.path in with_neo4j else str(item.path.relative_to(ROOT))
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.path not in with_ray)


@pytest.fixture(scope="session", autouse=True)
def _text_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Vectors of texts are kept for the session, and not in anybody's home."""
    os.environ.setdefault("GRAPHREC_TEXT_CACHE", str(tmp_path_factory.mktemp("text_cache")))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; skips, saying so, where there is none."""
    found = Path(os.environ.get("GRAPHREC_DATA", ROOT.parent / "shared" / "data"))
    if not (found / "README.md").is_file():
        pytest.skip(f"no real data at {found}: set GRAPHREC_DATA to its folder")
    return found

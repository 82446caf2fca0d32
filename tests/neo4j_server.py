"""A real Neo4j for the tests, started once a session by ``deploy/neo4j/neo4j.sh``."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graphrec.errors import StoreUnavailableError

SCRIPT = Path(__file__).resolve().parent.parent / "deploy" / "neo4j" / "neo4j.sh"
MISSING = (
    "the real Neo4j cannot be started: {what} is missing. "
    "Install it with: apt-get install openjdk-17-jre-headless maven"
)
_WAIT_S = 90


@pytest.fixture(scope="session")
def neo4j_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running Neo4j without authentication; empty at first.

    Without Java or Maven the tests that ask for it are skipped, in CI they fail.
    """
    with running_neo4j(tmp_path_factory.mktemp("neo4j")) as url:
        yield url


@contextmanager
def running_neo4j(home: Path, password: str = "") -> Iterator[str]:
    """A Neo4j of its own in ``home``, stopped afterwards."""
    lacking = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if lacking:
        message = MISSING.format(what=" and ".join(lacking))
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    started = _script("start", home, *(["--password", password] if password else []))
    assert started.returncode == 0, started.stderr
    url = started.stdout.strip()
    try:
        _wait(url, password)
        yield url
    finally:
        _script("stop", home)


def _script(command: str, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, command, "--home", home, *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _wait(url: str, password: str) -> None:
    """The port opens seconds before the first query is answered."""
    from graphrec.graph.neo4j import Neo4jStore

    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            with Neo4jStore(url, password=password) as store:
                store.migrate()
                return
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)

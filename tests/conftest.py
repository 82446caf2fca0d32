"""Fixtures that every test may use: where the real data is, and a store of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from neo4j_server import neo4j_url  # noqa: F401 - a fixture of every test

ROOT = Path(__file__).resolve().parent.parent

# Two OpenMP threads on two busy cores are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what stands behind "&" with Ctrl-C ignored, and a process started from it inherits
# that; a caught signal, though, is set back by exec, so what a test interrupts can be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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

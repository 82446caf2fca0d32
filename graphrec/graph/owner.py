"""Stage 2, GRAPH: one process owns an embedded graph, held by a lock on a file beside it.

The engine's own lock is a POSIX record lock, which the owner loses by merely opening the
database file again; this one is a ``flock`` on a file that nothing else ever opens.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from graphrec.errors import StoreOwnedError

REMEDY = (
    "Go on through the service that owns it (post events to its /v1/events, ask it under /v1), "
    "stop that process first, or keep the graph in Neo4j with GRAPHREC_GRAPH_URL=bolt://..., "
    "which many processes may use at once."
)


class Owner:
    """The claim of this process on a folder, held until ``release``.

    Args:
        folder: Folder of the graph; must exist.

    Raises:
        StoreOwnedError: Another process, or another store of this one, holds the claim.
    """

    def __init__(self, folder: Path) -> None:
        self._file: IO[str] | None = (folder / ".owner").open("a+", encoding="utf-8")
        if not _lock(self._file):
            message = _refusal(self._file, folder)
            self._file.close()
            raise StoreOwnedError(message, where=str(folder), remedy=REMEDY)
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the folder up; idempotent. The file stays, so that nobody locks a dead one."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def _lock(file: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lock_windows(file: IO[str]) -> bool:
    import importlib

    locking = importlib.import_module("msvcrt")
    file.seek(2**20)  # past the content, so that others can read the pid
    try:
        locking.locking(file.fileno(), locking.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _refusal(file: IO[str], folder: Path) -> str:
    file.seek(0)
    pid = file.read().strip()
    if pid == str(os.getpid()):
        return f"This process has already opened the graph in {folder}."
    known = f" (process {pid})" if pid.isdigit() else ""
    return f"Another process owns this graph{known}."

"""Stage 2, GRAPH: people's own queries as guests, who give way where memory runs short.

The embedded engine has one buffer pool for all: a guest that fills it would make everybody
else's reads and writes fail. These ask for room instead: guests are stopped, and they try again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from graphrec.errors import QueryError

T = TypeVar("T")

_PAUSES_S: Final = (0.02, 0.1, 0.5)


def is_full(error: BaseException) -> bool:
    """Whether the engine said that it has no memory left."""
    said = str(error.__cause__ or error)
    return "Buffer manager exception" in said or "bad_alloc" in said


@dataclass(eq=False)
class Guest:
    """One query of somebody's own, running.

    Attributes:
        connection: Its own; ``interrupt()`` stops what runs on it.
        is_evicted: Whether it had to give way.
    """

    connection: Any
    is_evicted: bool = False


class Guests:
    """The guests of one store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Guest] = set()

    @contextmanager
    def enter(self, connection: Any) -> Iterator[Guest]:
        """Be a guest; the connection is closed afterwards."""
        guest = Guest(connection)
        with self._lock:
            self._running.add(guest)
        try:
            yield guest
        finally:
            with self._lock:  # no interrupt may reach a connection that closes
                self._running.discard(guest)
            connection.close()

    def make_room(self) -> None:
        """Stop every guest."""
        with self._lock:
            for guest in self._running:
                guest.is_evicted = True
                guest.connection.interrupt()

    def beside(self, work: Callable[[], T]) -> T:
        """Do ``work``, a whole transaction; where memory is short, without guests, again.

        Raises:
            QueryError: It failed for another reason, or memory is short without guests.
        """
        for pause_s in _PAUSES_S:
            try:
                return work()
            except QueryError as error:
                if not is_full(error):
                    raise
            self.make_room()
            time.sleep(pause_s)
        return work()

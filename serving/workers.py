"""A bounded thread pool for calls too long for the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from serving.errors import OverloadedError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Workers:
    """Runs calls in ``num_threads`` threads and lets ``max_waiting`` more wait.

    A call whose request was given up still holds its thread until it ends; one that still
    waits is dropped.
    """

    def __init__(self, num_threads: int, max_waiting: int) -> None:
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix="graphrec-call")
        self._room = threading.BoundedSemaphore(num_threads + max_waiting)

    async def run(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The call's result, or its exception.

        Raises:
            OverloadedError: Too many calls wait already.
        """
        if not self._room.acquire(blocking=False):
            raise OverloadedError(
                "Too many long calls wait already.", remedy="Try again in a moment."
            )
        future = self._pool.submit(call, *args, **kwargs)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[_T]) -> None:
        self._room.release()

    def close(self) -> None:
        """Let running calls end and drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)

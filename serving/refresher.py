"""A thread that looks for a newly published champion, beside the requests."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from serving.logs import frames_of
from serving.metrics import Metrics


class _Refreshes(Protocol):
    def refresh(self) -> bool: ...


class Refresher:
    """Calls ``refresh`` every ``interval_s`` seconds until it is stopped."""

    def __init__(
        self, recommender: _Refreshes, *, interval_s: float, metrics: Metrics, log: Any
    ) -> None:
        self._recommender = recommender
        self._interval_s = interval_s
        self._metrics = metrics
        self._log = log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graphrec-refresh", daemon=True)

    def start(self) -> None:
        """Begin looking."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for a look under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                if self._recommender.refresh():
                    self._log.info("new_champion")
            except Exception as error:  # noqa: BLE001 - the old bundle keeps answering
                self._metrics.failed_refreshes.inc()
                self._log.error("refresh", error=type(error).__name__, at=frames_of(error))

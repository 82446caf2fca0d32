"""What a service does beside its requests: takes up a new champion, prepares shortlists."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from serving.logs import frames_of
from serving.metrics import Metrics


class _Kept(Protocol):
    @property
    def is_prepared(self) -> bool: ...
    @property
    def num_prepared(self) -> int: ...
    def prepare(self, should_stop: Callable[[], bool]) -> int: ...
    def refresh(self) -> bool: ...


class Upkeep:
    """A thread that looks for a champion every ``interval_s`` and prepares in between.

    Args:
        recommender: What is kept up.
        interval_s: Between two looks.
        settle_s: At most so long the first preparation may hold ``is_settled`` back.
        on_settled: Called once, when everything is prepared or that time is over.
        metrics: Counts failures.
        log: Gets one line a change.
    """

    def __init__(
        self,
        recommender: _Kept,
        *,
        interval_s: float,
        settle_s: float,
        on_settled: Callable[[], None],
        metrics: Metrics,
        log: Any,
    ) -> None:
        self._recommender = recommender
        self._interval_s = interval_s
        self._settle_s = settle_s
        self._on_settled = on_settled
        self._metrics = metrics
        self._log = log
        self.is_settled = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graphrec-upkeep", daemon=True)

    def start(self) -> None:
        """Begin; with nothing to prepare it is settled at once."""
        if self._recommender.is_prepared:
            self._settle()
        else:
            self._log.info("preparing")
        self._thread.start()

    def stop(self) -> None:
        """End; waits for the step under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        if not self.is_settled:
            self._try("prepare", partial(self._prepare, time.monotonic() + self._settle_s))
            if not self._stop.is_set():
                self._settle()
        while not self._stop.is_set():
            due = time.monotonic() + self._interval_s
            self._try("prepare", partial(self._prepare, due))
            if not self._stop.wait(max(0.0, due - time.monotonic())):
                self._try("refresh", self._refresh)

    def _settle(self) -> None:
        self.is_settled = True
        self._try("announce", self._on_settled)

    def _prepare(self, due: float) -> None:
        before = self._recommender.num_prepared
        now = self._recommender.prepare(lambda: self._stop.is_set() or time.monotonic() >= due)
        if now != before:
            self._log.info("prepared", learners=now)

    def _refresh(self) -> None:
        if self._recommender.refresh():
            self._log.info("new_champion")

    def _try(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - requests are answered as before
            self._metrics.failed_upkeep.labels(what).inc()
            self._log.error(what, error=type(error).__name__, at=frames_of(error))

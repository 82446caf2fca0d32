"""How epochs' reports come from the workers to the process that asked for the training.

An actor's process imports the module of its class: this one imports nothing that takes time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphrec.models.training import Progress

_POLL_S = 0.5


class Board:
    """A Ray actor that holds epochs' reports until the driver fetches them."""

    def __init__(self) -> None:
        self._reports: list[tuple[str, int, int, dict[str, float]]] = []

    def add(self, report: tuple[str, int, int, dict[str, float]]) -> None:
        """Take a report from the first worker."""
        self._reports.append(report)

    def take(self) -> list[tuple[str, int, int, dict[str, float]]]:
        """Hand over what has come since the last call."""
        reports, self._reports = self._reports, []
        return reports


@contextmanager
def board_beside(ray: Any, progress: Progress | None) -> Iterator[Any]:
    """The actor whose reports a thread of this process passes to ``progress``."""
    if progress is None:
        yield None
        return
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    # Beside the driver, as Ray's own controller is: no other node that is lost takes it along.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = ray.remote(num_cpus=0, scheduling_strategy=here)(Board).remote()
    is_over = threading.Event()

    def pass_on() -> None:
        is_last = False
        while not is_last:
            is_last = is_over.wait(_POLL_S)
            try:
                reports = ray.get(board.take.remote(), timeout=5)
            except (ray.exceptions.RayError, RuntimeError):
                continue  # the cluster is going; the main thread says why
            for report in reports:
                progress(*report)

    thread = threading.Thread(target=pass_on, name="training-progress", daemon=True)
    thread.start()
    try:
        yield board
    finally:
        is_over.set()
        thread.join(timeout=10)

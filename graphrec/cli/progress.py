"""How long work shows itself: one line a step on stderr, epochs with their metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping

from graphrec.cli.common import err_console


class StepLog:
    """Prints what is being done, with the seconds since the start."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self, line: str) -> None:
        """Print one line."""
        elapsed = time.perf_counter() - self._start
        err_console.print(f"[dim]{elapsed:7.1f} s[/dim]  {line}", highlight=False, soft_wrap=True)

    def epoch(self, name: str, epoch: int, max_epochs: int, metrics: Mapping[str, float]) -> None:
        """Print one epoch of a neural model."""
        shown = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
        self(f"{name}: epoch {epoch}/{max_epochs}  {shown}")

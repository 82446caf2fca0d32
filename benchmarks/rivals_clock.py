"""The stopwatch of one contestant: seconds of training alone, and what it exports at each lap.

Shared by the drivers of ``rivals.py``, which run in environments of their own: it imports
NumPy and nothing of graphrec.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Vectors = Callable[[], "tuple[np.ndarray, np.ndarray]"]
"""Makes float32 [asked, dim] of the learners asked and [num_items, dim] of the items."""


class BudgetSpentError(Exception):
    """The seconds are over; raised where a foreign loop has to be left."""


class Stopwatch:
    """Adds up seconds of training, and stands still while a contestant exports.

    The clock is the processor's: a contestant has one thread and a core to itself, and
    where others take some of that core their share is not the contestant's.

    Attributes:
        folder: Takes ``curve.jsonl``, a line a lap, and each lap's vectors as ``<lap>.npz``.
        budget_s: Seconds of training.
        every_s: Seconds of training between laps.
    """

    def __init__(self, folder: Path, budget_s: float, every_s: float) -> None:
        self.folder, self.budget_s, self.every_s = folder, budget_s, every_s
        self._seconds = self._wall_s = self._last_lap_s = 0.0
        self._laps = self._steps = 0
        self._since = (0.0, 0.0)

    def start(self) -> None:
        """Training begins, or goes on."""
        self._since = (time.process_time(), time.perf_counter())

    def elapsed_s(self) -> float:
        """Seconds of training until now."""
        return self._seconds + time.process_time() - self._since[0]

    def step(self, vectors: Vectors) -> None:
        """After each step of training: a lap is taken where one is due.

        Raises:
            BudgetSpentError: The seconds are over.
        """
        self._steps += 1
        if self.elapsed_s() - self._last_lap_s >= self.every_s or self.is_over():
            self.lap(vectors)
        if self.is_over():
            raise BudgetSpentError

    def is_over(self) -> bool:
        """Whether the seconds are spent."""
        return self.elapsed_s() >= self.budget_s

    def lap(self, vectors: Vectors) -> None:
        """Stop the time, export, and go on."""
        self._seconds = self.elapsed_s()
        self._wall_s += time.perf_counter() - self._since[1]
        self._last_lap_s = self._seconds
        self._laps += 1
        learners, items = vectors()
        np.savez(
            self.folder / f"{self._laps:04d}.npz",
            learners=np.asarray(learners, np.float32),
            items=np.asarray(items, np.float32),
        )
        row = {
            "lap": self._laps,
            "steps": self._steps,
            "seconds": round(self._seconds, 2),
            "wall_s": round(self._wall_s, 2),
        }
        with (self.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.start()

    def say(self, **facts: Any) -> None:
        """Write what is to be known of the contestant: versions, config, preparation."""
        (self.folder / "about.json").write_text(json.dumps(facts), encoding="utf-8")


def rows_of(indptr: np.ndarray, items: np.ndarray, max_len: int) -> tuple[np.ndarray, np.ndarray]:
    """The newest ``max_len`` items of each history, padded with -1 on the right.

    Args:
        indptr: int64 [n + 1].
        items: int [nnz].
        max_len: Columns.

    Returns:
        int64 [n, max_len], and the number of items in each row, int64 [n].
    """
    lengths = np.minimum(np.diff(indptr), max_len)
    columns = np.arange(max_len)
    is_item = columns < lengths[:, None]
    rows = np.full((len(lengths), max_len), -1, np.int64)
    rows[is_item] = items[((indptr[1:] - lengths)[:, None] + columns)[is_item]]
    return rows, lengths

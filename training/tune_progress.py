"""How a search shows itself: a line an epoch, and on a terminal a bar with the best so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from graphrec.cli.common import err_console
from graphrec.cli.progress import StepLog
from training.tune import Trial


class SearchProgress:
    """A line an epoch, and on a terminal a bar of trials with the best so far."""

    def __init__(self, log: StepLog, num_trials: int) -> None:
        self._log, self._num_trials = log, num_trials
        self._best: tuple[float, int] = (-1.0, 0)
        self._begun: set[int] = set()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TimeElapsedColumn(),
            console=err_console,
            transient=True,
            disable=not err_console.is_terminal,
        )
        self._task = self._bar.add_task("starting Ray", total=num_trials)

    def __enter__(self) -> SearchProgress:
        self._bar.start()
        return self

    def __exit__(self, *of: object) -> None:
        self._bar.stop()

    def epoch(self, trial: Trial, epoch: int, most: int, report: Mapping[str, Any]) -> None:
        """Show one epoch of a trial."""
        self._best = max(self._best, (float(report["best"]), -trial.number))
        best = f"best {self._best[0]:.4f} (trial {-self._best[1]})"
        self._bar.update(self._task, description=best, completed=trial.number - 1)
        if trial.number not in self._begun:
            self._begun.add(trial.number)
            self._log(f"trial {trial.number}/{self._num_trials}: {told(trial)}")
        self._log(
            f"trial {trial.number}/{self._num_trials}  epoch {epoch}/{most}  "
            f"loss {report['loss']:.4f}  ndcg@10 {report['ndcg@10']:.4f}  {best}"
        )


def told(trial: Trial) -> str:
    """A trial's configuration as one line."""
    fields = ", ".join(f"{key} {value}" for key, value in trial.config.items())
    default = "the default" if trial.number == 1 or not fields else ""
    return ": ".join(part for part in (default, fields) if part)

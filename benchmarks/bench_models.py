"""Makes every figure of the models again, into benchmarks/results.

    python benchmarks/bench_models.py                    every table, the quick ones first
    python benchmarks/bench_models.py mars gowalla       these tables
    python benchmarks/bench_models.py --list             what there is, and what it would cost

A result that this code made with the same command is not made again (``--again``: it is;
``--missing``: whatever made it). Ctrl-C keeps what is done, and the training under way goes on
from its last epoch. Data is found by GRAPHREC_DATA, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from bench_steps import DATA, Bench, Step, steps_of
from model_tables import JOBS, TABLES, Script
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
_INTERRUPTED = 130


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Makes the models' figures again.")
    names = ", ".join(TABLES)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"Of {names}; none: all.")
    parser.add_argument("--again", action="store_true", help="Make what is up to date too.")
    parser.add_argument("--missing", action="store_true", help="Only what has no result at all.")
    parser.add_argument("--list", action="store_true", help="Say what would be made.")
    found = os.environ.get(DATA)
    parser.add_argument(
        "--data", type=Path, default=Path(found) if found else ROOT.parent / "shared" / "data"
    )
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument(
        "--work", type=Path, default=ROOT / ".local" / "bench", help="Stores, checkpoints and logs."
    )
    told = parser.parse_args()
    unknown = [name for name in told.tables if name not in TABLES]
    if unknown:
        parser.error(f"there is no table {unknown[0]!r}; one of {names}")
    return told


def main() -> int:
    """0: every table stands; 1: some do not, and why was said; 130: interrupted."""
    told = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(highlight=False)
    # A child runs elsewhere than here only by what it is told: nothing may be relative.
    folders = (path.resolve() for path in (told.data, told.results, told.work))
    bench = Bench(*folders)
    steps = [s for table in told.tables or TABLES for job in TABLES[table] for s in steps_of(job)]
    due = [step for step in steps if is_due(bench, step, again=told.again, missing=told.missing)]
    if told.list:
        console.print(overview(bench, steps, due))
        return 0
    minutes = sum(expected_s(bench, step) for step in due) / 60
    if told.again:
        # A script would go on from what it wrote; two of them may share a file.
        for step in (step for step in due if isinstance(JOBS[step.job], Script)):
            bench.result(step).unlink(missing_ok=True)
    console.print(f"{len(steps) - len(due)} of {len(steps)} results stand; about {minutes:.0f} min")
    try:
        failures = make(bench, due, console)
    except KeyboardInterrupt:
        console.print("interrupted: the same command goes on; what is done stays")
        return _INTERRUPTED
    for name, why in failures.items():
        console.print(f"[red]not made:[/red] {name}: {why}", markup=True)
    if len(failures) < len(due):
        console.print("README.md takes them up by: python benchmarks/results_table.py")
    return int(bool(failures))


def is_due(bench: Bench, step: Step, *, again: bool, missing: bool) -> bool:
    """Whether a result is to be made."""
    if not missing:
        return again or not bench.stands(step)
    if isinstance(JOBS[step.job], Script):
        # A script keeps what it has so far in its result: only a whole one has a stamp.
        return again or not bench.made(step)
    return again or not bench.result(step).is_file()


def expected_s(bench: Bench, step: Step) -> float:
    """Seconds that a result took here the last time, else what its table says."""
    return float(bench.made(step).get("seconds") or 60 * JOBS[step.job].minutes)


def overview(bench: Bench, steps: list[Step], due: list[Step]) -> Table:
    """Every result: whether it stands, why not, and the minutes it takes."""
    table = Table("table", "result", "state", "minutes")
    tables = {job: name for name, jobs in TABLES.items() for job in jobs}
    for step in steps:
        state = "to be made" if step in due else "up to date"
        if step in due and bench.result(step).is_file():
            state = "made by other code"
        state = bench.why_not(step) or state if step in due else state
        minutes = f"{expected_s(bench, step) / 60:.1f}"
        table.add_row(tables[step.job], bench.result(step).name, state, minutes)
    return table


def make(bench: Bench, due: list[Step], console: Console) -> dict[str, str]:
    """Make the results one after the other; returns why some could not be made."""
    failures: dict[str, str] = {}
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("of about {task.fields[expected]:.0f} min"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        total = sum(expected_s(bench, step) for step in due)
        whole = progress.add_task("all tables", total=total, expected=total / 60)
        for step in due:
            seconds = expected_s(bench, step)
            if reason := bench.why_not(step):
                failures[step.name] = reason
            else:
                console.print(f"{step.name}: {step.told}", markup=False, soft_wrap=True)
                task = progress.add_task(step.name, total=seconds, expected=seconds / 60)

                def tell(
                    line: str, elapsed: float, task: int = task, name: str = step.name
                ) -> None:
                    shown = f"{name}: {line}"[:60]
                    progress.update(task, description=shown, completed=elapsed)  # type: ignore[arg-type]

                if reason := bench.make(step, tell):
                    failures[step.name] = reason
                progress.remove_task(task)
            progress.advance(whole, seconds)
    return failures


if __name__ == "__main__":
    sys.exit(main())

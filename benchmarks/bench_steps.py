"""Running one benchmark as the command that a user would type, and keeping what it writes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from made import is_current, read_json, script_digest, stamp, write_json
from model_tables import JOBS, Evaluation, Script, StoreEvaluation, result_names

DATA = "GRAPHREC_DATA"
_HERE = Path(__file__).resolve().parent
_CLOCK = re.compile(r"^\s*\d+\.\d s\s+")
_TAIL = 12

Tell = Callable[[str, float], None]
"""Told a line of the child, and the seconds so far."""


@dataclass(frozen=True)
class Step:
    """One result file.

    Attributes:
        job: Key of ``JOBS``.
        name: Of the step; that of the file without .json, but where scripts share a file.
        told: The command as a person reads it, the folder of data as ``$GRAPHREC_DATA``.
    """

    job: str
    name: str
    told: str


def steps_of(job: str) -> list[Step]:
    """The results of a job, one a seed."""
    found = JOBS[job]
    if isinstance(found, Evaluation):
        names = result_names(job).items()
        return [Step(job, name, told(("graphrec", *found.command(s)))) for s, name in names]
    if isinstance(found, StoreEvaluation):
        first = told(("graphrec", "import", found.source, f"${DATA}/{found.source}"))
        return [Step(job, job, f"{first} && {told(('graphrec', *found.command()))}")]
    (result,) = result_names(job).values()
    shown = {"$DATA": f"${DATA}/{found.data}", "$OUTPUT": f"benchmarks/results/{result}.json"}
    words = [shown.get(word, word) for word in found.arguments]
    return [Step(job, job, told(("python", f"benchmarks/{found.file}", *words)))]


def told(words: Sequence[str]) -> str:
    """A command as one line."""
    return " ".join(word if word.startswith("$") else shlex.quote(word) for word in words)


@dataclass(frozen=True)
class Bench:
    """Where everything is.

    Attributes:
        data: The folder of real data.
        results: Where results are kept.
        work: Stores, checkpoints and logs.
    """

    data: Path
    results: Path
    work: Path

    def result(self, step: Step) -> Path:
        """The file of a result."""
        job = JOBS[step.job]
        return self.results / f"{(isinstance(job, Script) and job.result) or step.name}.json"

    def made(self, step: Step) -> dict[str, Any]:
        """The stamp of a result, {} without one; that of a script's result stands beside it."""
        if isinstance(JOBS[step.job], Script):
            return dict(read_json(self._stamps).get(step.name, {}))
        return dict(read_json(self.result(step)).get("made", {}))

    @property
    def _stamps(self) -> Path:
        return self.results / "scripts.made.json"

    def stands(self, step: Step) -> bool:
        """Whether this code made the result, with this command."""
        made, job = self.made(step), JOBS[step.job]
        return self.result(step).is_file() and is_current(made, step.told, script=_digest(job))

    def why_not(self, step: Step) -> str:
        """What is missing to make a result, or ""."""
        job = JOBS[step.job]
        if isinstance(job, Script) and not (_HERE / job.file).is_file():
            return f"benchmarks/{job.file} is not in this checkout"
        below = job.source if isinstance(job, StoreEvaluation) else job.data
        if isinstance(job, Script) and f"${DATA}" in job.arguments:
            below = below or "README.md"
        if below and not (self.data / below).exists():
            return f"no {below} in {self.data}; set {DATA} to the folder of real data"
        return ""

    def make(self, step: Step, tell: Tell) -> str:
        """Make a result; returns why it failed, or "" when it stands.

        Raises:
            KeyboardInterrupt: The child was ended and its checkpoints stay.
        """
        job, start = JOBS[step.job], time.perf_counter()
        part = self.work / f"{step.name}.part.json"
        part.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(job, Script):
            if job.source and (reason := self._import(job.source, step, tell)):
                return reason
            return self._script(step, job, tell)
        part.unlink(missing_ok=True)
        kept = self.work / "checkpoints" / step.name
        is_resumed = kept.is_dir() and any(kept.iterdir())
        if isinstance(job, StoreEvaluation) and (reason := self._import(job.source, step, tell)):
            return reason
        words = [self._word(word, step) for word in self._arguments(job, step)]
        command = [*_graphrec(), *words, "--checkpoints", str(kept), "--output", str(part)]
        if reason := self._run(command, step, tell):
            return reason
        found = read_json(part)
        if isinstance(job, StoreEvaluation):
            found["data"] = job.source  # not the folder on this machine
        made = stamp(step.told, time.perf_counter() - start, is_resumed=is_resumed)
        write_json(self.result(step), found | {"made": made})
        part.unlink()
        shutil.rmtree(kept, ignore_errors=True)
        return ""

    def _arguments(self, job: Evaluation | StoreEvaluation, step: Step) -> tuple[str, ...]:
        if isinstance(job, StoreEvaluation):
            return job.command()
        (seed,) = (seed for seed, name in result_names(step.job).items() if name == step.name)
        return job.command(seed)

    def _script(self, step: Step, job: Script, tell: Tell) -> str:
        """A script keeps its own result, and goes on by itself where it was interrupted."""
        start = time.perf_counter()
        places = {
            "$DATA": str(self.data / job.data),
            "$OUTPUT": str(self.result(step)),
            "$WORK": str(self.work / step.name),
        }
        words = [self._word(places.get(word, word), step) for word in job.arguments]
        reason = self._run([sys.executable, str(_HERE / job.file), *words], step, tell)
        if not reason:
            made = stamp(step.told, time.perf_counter() - start, script=_digest(job))
            write_json(self._stamps, read_json(self._stamps) | {step.name: made})
        return reason

    def _word(self, word: str, step: Step) -> str:
        store = str(self.work / "stores" / getattr(JOBS[step.job], "source", ""))
        return word.replace(f"${DATA}", str(self.data)).replace("$STORE", store)

    def _import(self, source: str, step: Step, tell: Tell) -> str:
        """Import the data into a store of its own, once."""
        store, done = self.work / "stores" / source, self.work / f"{source}.imported.json"
        command = f"import {source}"
        if is_current(read_json(done).get("made", {}), command):
            return ""
        start = time.perf_counter()
        shutil.rmtree(store, ignore_errors=True)
        words = ("import", source, str(self.data / source), "--store", str(store))
        reason = self._run([*_graphrec(), *words], step, tell)
        if not reason:
            write_json(done, {"made": stamp(command, time.perf_counter() - start)})
        return reason

    def _run(self, command: list[str], step: Step, tell: Tell) -> str:
        """Run a child, showing and keeping what it says; returns why it failed, or ""."""
        start, log = time.perf_counter(), self.work / f"{step.name}.log"
        environment = {**os.environ, DATA: str(self.data), "COLUMNS": "100", "PYTHONUTF8": "1"}
        with log.open("w", encoding="utf-8") as file:
            child = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.PIPE,
                env=environment,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
            assert child.stderr is not None  # noqa: S101 - a pipe
            lines: list[str] = []
            try:
                for line in child.stderr:
                    file.write(line)
                    file.flush()
                    lines = [*lines[-_TAIL:], line.rstrip()]
                    tell(_CLOCK.sub("", line.rstrip()), time.perf_counter() - start)
                code = child.wait()
            except KeyboardInterrupt:
                _end(child)
                raise
        if code == 130:  # Ctrl-C reached the child first
            raise KeyboardInterrupt
        return "" if code == 0 else f"exit code {code}, {log}\n" + "\n".join(lines)


def _digest(job: Evaluation | StoreEvaluation | Script) -> str:
    files = [_HERE / name for name in (job.file, *job.parts)] if isinstance(job, Script) else []
    return script_digest(*files) if files and all(file.is_file() for file in files) else ""


def _graphrec() -> list[str]:
    return [sys.executable, "-m", "graphrec.cli.main"]


def _end(child: subprocess.Popen[str]) -> None:
    """End the child and wait for it; its checkpoints are written whole or not at all."""
    child.terminate()
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()

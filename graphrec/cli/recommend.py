"""``graphrec recommend``: for one learner as a table, for many as JSON Lines."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.progress import track
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    LangOption,
    StoreOption,
    console,
    err_console,
    print_json,
    settings_for,
)
from graphrec.errors import ParameterError, SourceError
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.schemas import (
    MAX_EXPLORATION,
    CourseFilters,
    RecommendRequest,
    RecommendResponse,
)
from graphrec.settings import Settings

_BATCH = 20_000
"""Learners read from the graph at once."""

NoveltyOption = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="How far what everybody takes stands back (GRAPHREC_NOVELTY)."),
]
ExplorationOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=MAX_EXPLORATION,
        help="Share of the places for courses that few took or none (GRAPHREC_EXPLORATION).",
    ),
]


def recommend(
    learner: Annotated[str | None, typer.Argument(help="A learner's id.")] = None,
    learners: Annotated[
        Path | None, typer.Option("--learners", help="File of ids, one a line, no header.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="JSON Lines for --learners.")
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=200, help="Courses each.")] = 10,
    role: Annotated[str | None, typer.Option("--role", help="Role aimed at.")] = None,
    recent: Annotated[
        list[str] | None, typer.Option("--recent", help="A course just taken; repeatable.")
    ] = None,
    language: Annotated[list[str] | None, typer.Option("--language")] = None,
    level: Annotated[list[str] | None, typer.Option("--level")] = None,
    provider: Annotated[list[str] | None, typer.Option("--provider")] = None,
    max_hours: Annotated[float | None, typer.Option("--max-hours", min=0)] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="A course never given; repeatable.")
    ] = None,
    novelty: NoveltyOption = None,
    exploration: ExplorationOption = None,
    lang: LangOption = None,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Recommend courses, by the champion bundle of the store."""
    if (learners is None) != (output is None):
        raise ParameterError("--learners and --output go together.", where="--output")
    settings = settings_for(store)
    novelty = _finite(novelty, "--novelty")
    exploration = _finite(exploration, "--exploration")
    if learners is not None and output is not None:
        ids = list(_read_ids(learners))
        with Recommender.open(settings) as recommender:
            recommender.preload()
            num_cold = _write_batch(
                recommender, ids, k, output, novelty=novelty, exploration=exploration
            )
        err_console.print(
            f"{len(ids):,} learners, {num_cold:,} of them cold: {output}", highlight=False
        )
        return
    request = RecommendRequest(
        learner_id=learner,
        target_role_id=role,
        recent_courses=recent or [],
        exclude=exclude or [],
        filters=CourseFilters(
            level=level or [],
            language=language or [],
            provider=provider or [],
            max_hours=max_hours,
        ),
        k=k,
        novelty=novelty,
        exploration=exploration,
        messages_language=lang,
    )
    _answer(settings, request, as_json=json_output)


def _answer(settings: Settings, request: RecommendRequest, *, as_json: bool) -> None:
    with Recommender.open(settings) as recommender:
        answer = recommender.recommend(request)
    if as_json:
        print_json(answer.model_dump())
    else:
        print_recommendations(answer)


def _read_ids(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise SourceError(f"cannot be read: {exc.strerror}.", where=str(path)) from exc
    except UnicodeDecodeError as exc:
        raise SourceError(f"is not UTF-8 (byte {exc.start}).", where=str(path)) from exc
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return (line for line in lines if line)


def _finite(value: float | None, option: str) -> float | None:
    """The value; NaN is in no range, and passes every comparison."""
    if value is not None and math.isnan(value):
        raise ParameterError("is not a number.", where=option)
    return value


def _write_batch(
    recommender: Recommender,
    ids: list[str],
    k: int,
    output: Path,
    *,
    novelty: float | None = None,
    exploration: float | None = None,
) -> int:
    """Write one line a learner, in order; the file appears whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    num_cold = 0
    answers = (
        answer
        for start in range(0, len(ids), _BATCH)
        for answer in recommender.recommend_many(
            ids[start : start + _BATCH], k, novelty=novelty, exploration=exploration
        )
    )
    shown = track(answers, "recommending", len(ids), console=err_console, transient=True)
    with partial.open("wb") as handle:
        for answer in shown:
            num_cold += answer.cold
            handle.write(orjson.dumps(answer) + b"\n")
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(output)
    return num_cold


def print_recommendations(answer: RecommendResponse) -> None:
    """An answer as a table, with the reasons."""
    who = answer.learner_id or "an anonymous session"
    table = Table(title=f"for {who}, by {answer.source}")
    table.add_column("")
    table.add_column("course")
    table.add_column("hours", justify="right")
    table.add_column("level")
    table.add_column("score", justify="right")
    table.add_column("why")
    for rank, course in enumerate(answer.courses, 1):
        hours = "" if course.hours is None else f"{course.hours:g}"
        title = course.title or course.course_id
        score = f"{course.score:.2f}"
        table.add_row(str(rank), title, hours, course.level or "", score, course.reason.text)
    console.print(table)
    for warning in answer.warnings:
        console.print(f"[yellow]{warning}[/yellow]", highlight=False)

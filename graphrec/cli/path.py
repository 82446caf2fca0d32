"""``graphrec path``: the way from what a learner holds to a role, a course or skills."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    LangOption,
    StoreOption,
    console,
    err_console,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.errors import GraphrecError, InputError, ParameterError, SourceError, UnknownIdError
from graphrec.graph.store import GraphStore
from graphrec.recommend.catalogue import CATALOGUE_TABLES, Catalogue
from graphrec.recommend.learners import Learner, LearnerReader
from graphrec.recommend.mastery import ANONYMOUS
from graphrec.recommend.path_schemas import PathRequest, PathResponse, parse_request
from graphrec.recommend.paths import plan

Ids = list[str] | None

_INVALID = ("invalid-input", "The request cannot be understood")
_UNKNOWN = ("unknown-id", "There is nothing under that id")
_FAILED = ("internal", "The request failed")


def path(
    learner: Annotated[str | None, typer.Option("--learner", help="Learner to plan for.")] = None,
    completed: Annotated[Ids, typer.Option("--completed", help="Completed course.")] = None,
    mastered: Annotated[Ids, typer.Option("--mastered", help="Mastered skill.")] = None,
    to_role: Annotated[str | None, typer.Option("--to-role", help="Role to reach.")] = None,
    to_course: Annotated[str | None, typer.Option("--to-course", help="Course to reach.")] = None,
    to_skill: Annotated[Ids, typer.Option("--to-skill", help="Skill to reach.")] = None,
    hours_per_week: Annotated[float | None, typer.Option(help="Hours of study a week.")] = None,
    deadline: Annotated[str | None, typer.Option(help="ISO date; with --hours-per-week.")] = None,
    max_total_hours: Annotated[float | None, typer.Option(help="Hours of all courses.")] = None,
    language: Annotated[str | None, typer.Option(help="Only courses in this language.")] = None,
    exclude: Annotated[Ids, typer.Option("--exclude", help="Course never to plan.")] = None,
    waive: Annotated[Ids, typer.Option("--waive", help="Course let off: done, no skill.")] = None,
    must_take: Annotated[Ids, typer.Option("--must-take", help="Course to plan anyway.")] = None,
    pin: Annotated[Ids, typer.Option("--pin", help="Course kept where others would do.")] = None,
    provider: Annotated[Ids, typer.Option("--provider", help="Only of this provider.")] = None,
    level: Annotated[Ids, typer.Option("--level", help="Only courses of this level.")] = None,
    max_courses: Annotated[int | None, typer.Option(help="Courses the plan may have.")] = None,
    start_at: Annotated[str | None, typer.Option(help="ISO date; default: today.")] = None,
    lang: LangOption = None,
    requests: Annotated[
        Path | None, typer.Option("--requests", help="JSON Lines of requests, '-' for stdin.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="JSON Lines of answers, in request order.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a learning path (options for several ids may be repeated), or many from a file."""
    document = {
        "learner_id": learner,
        "completed": completed or [],
        "mastered": mastered or [],
        "target": {"role_id": to_role, "course_id": to_course, "skill_ids": to_skill or None},
        "hours_per_week": hours_per_week,
        "deadline": deadline,
        "max_total_hours": max_total_hours,
        "language": language,
        "exclude": exclude or [],
        "waive": waive or [],
        "must_take": must_take or [],
        "pin": pin or [],
        "providers": provider or [],
        "levels": level or [],
        "max_courses": max_courses,
        "start_at": start_at,
        "messages_language": lang,
    }
    if requests is not None:
        _answer_all(requests, output, store)
        return
    if not (to_role or to_course or to_skill):
        raise ParameterError(
            "There is no target.",
            where="--to-role",
            remedy="Give --to-role, --to-course or --to-skill, or --requests FILE.",
        )
    _answer_one(parse_request(document), store, as_json=as_json)


def _answer_one(request: PathRequest, store: Path | None, *, as_json: bool) -> None:
    with open_graph(settings_for(store)) as graph:
        planner = _Planner(graph)
        answer = planner.answer(request)
    print_path(answer, request, planner.catalogue, as_json=as_json)


def _answer_all(requests: Path, output: Path | None, store: Path | None) -> None:
    documents = list(_read(requests))
    with open_graph(settings_for(store)) as graph:
        num_failed = _write(_Planner(graph).answers(documents), output)
    noun = "request" if len(documents) == 1 else "requests"
    err_console.print(f"{len(documents)} {noun} answered, {num_failed} of them with an error.")


class _Planner:
    """Catalogue and learners of one graph."""

    def __init__(self, graph: GraphStore) -> None:
        self.catalogue = Catalogue.from_tables(graph.export_snapshot(CATALOGUE_TABLES))
        self._reader = LearnerReader(
            graph,
            self.catalogue,
            has_completions=bool(graph.run("has_completions")),
            ttl_s=None,
        )

    def answer(self, request: PathRequest, learner: Learner | None = None) -> PathResponse:
        """One answer.

        Raises:
            UnknownIdError: The learner or the target does not exist.
        """
        state = ANONYMOUS
        if request.learner_id is not None:
            learner = learner or self._reader.get(request.learner_id)
            if not learner.is_known:
                raise UnknownIdError(
                    f"There is no learner '{request.learner_id}'.", where="learner_id"
                )
            state = learner.state
        return plan(request, self.catalogue, state)

    def answers(self, documents: list[Any]) -> Iterator[dict[str, Any]]:
        """Answers, or errors, in the order of the requests."""
        parsed = [_parsed(document) for document in documents]
        ids = [r.learner_id for r in parsed if isinstance(r, PathRequest) and r.learner_id]
        unique = list(dict.fromkeys(ids))
        learners = dict(zip(unique, self._reader.get_many(unique), strict=True))
        for request in parsed:
            if isinstance(request, GraphrecError):
                yield _error(request)
                continue
            try:
                learner = learners.get(request.learner_id) if request.learner_id else None
                yield self.answer(request, learner).model_dump()
            except GraphrecError as exc:
                yield _error(exc)


def _parsed(document: Any) -> PathRequest | GraphrecError:
    if isinstance(document, GraphrecError):
        return document
    try:
        return parse_request(document)
    except GraphrecError as exc:
        return exc


def _error(exc: GraphrecError) -> dict[str, Any]:
    """An error in the fields of problem+json, named as the service names it."""
    known = _INVALID if isinstance(exc, InputError) else _FAILED
    name, title = _UNKNOWN if isinstance(exc, UnknownIdError) else known
    return {
        "error": {
            "type": f"urn:graphrec:problem:{name}",
            "title": title,
            "detail": " ".join(part for part in (exc.message, exc.remedy) if part),
            "field": exc.where or None,
        }
    }


def _read(source: Path) -> Iterator[Any]:
    """Decoded lines; a line that is no JSON comes as its error. Blank lines are skipped."""
    try:
        lines = sys.stdin.buffer if str(source) == "-" else source.open("rb")
    except OSError as exc:
        raise SourceError(f"Cannot be read ({exc.strerror}).", where=str(source)) from exc
    with lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError as exc:
                yield SourceError(f"Not JSON: {exc.msg}.", where=f"{source}:{number}")


def _write(answers: Iterable[dict[str, Any]], output: Path | None) -> int:
    """Write answers as JSON Lines; returns how many are errors."""
    num_failed = 0
    target = sys.stdout.buffer if output is None or str(output) == "-" else output.open("wb")
    try:
        for answer in answers:
            num_failed += "error" in answer
            target.write(orjson.dumps(answer) + b"\n")
        target.flush()
    finally:
        if target is not sys.stdout.buffer:
            target.close()
    return num_failed


def print_path(
    answer: PathResponse, request: PathRequest, catalogue: Catalogue, *, as_json: bool = False
) -> None:
    """Print a plan as a table with its notes, or as JSON."""
    if as_json:
        print_json(answer.model_dump())
        return
    if answer.steps:
        console.print(_table(answer, catalogue))
        console.print(_summary(answer), highlight=False)
    elif answer.complete:
        console.print("Nothing is missing: the target is reached already.", highlight=False)
    notes = [(f"Not reached: {note.target}", note.why) for note in answer.unreachable]
    notes += [("Together", note.why) for note in answer.relaxed]
    notes += [("Note", warning) for warning in answer.warnings]
    for title, text in notes:
        console.print(f"[b]{escape(title)}[/b]: {escape(text)}", highlight=False)


def _table(answer: PathResponse, catalogue: Catalogue) -> Table:
    is_dated = any(step.starts_at for step in answer.steps)
    dates = ("From", "To") if is_dated else ()
    heads = ("Step", *dates, "Course", "Hours", "Adds", "Because")
    table = Table(*heads, pad_edge=False, show_lines=True)
    for step in answer.steps:
        span = (step.starts_at or "?", step.ends_at or "?") if is_dated else ()
        for course in step.courses:
            skills = [catalogue.skill_name(gain.skill_id) for gain in course.skills_gained]
            more = f", and {len(skills) - 6} more" if len(skills) > 6 else ""
            table.add_row(
                str(step.order),
                *span,
                escape(catalogue.course_name(course.course_id)),
                "?" if course.hours is None else f"{course.hours:g}",
                escape(", ".join(skills[:6]) + more),
                escape(course.reasons[0].text if course.reasons else ""),
            )
    return table


def _summary(answer: PathResponse) -> str:
    hours = (
        f"about {answer.estimated_hours:g} hours (some are unknown)"
        if answer.total_hours is None
        else f"{answer.total_hours:g} hours"
    )
    finish = f", done on {answer.finish_at}" if answer.finish_at else ""
    return f"{hours}{finish}; {'complete' if answer.complete else 'not complete'}."

"""``graphrec path``: the way from what a learner holds to a role, a course or skills."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from graphrec.cli.common import (
    JsonOption,
    LangOption,
    StoreOption,
    err_console,
    settings_for,
)
from graphrec.cli.path_formats import FormatOption, chosen_form, give_path
from graphrec.errors import GraphrecError, InputError, ParameterError, SourceError, UnknownIdError
from graphrec.recommend.path_schemas import PathRequest, PathTarget, parse_request
from graphrec.recommend.recommender import Recommender

Ids = list[str] | None

_FIELD_OF = {
    "learner": "learner_id",
    "to_role": "role_id",
    "to_course": "course_id",
    "to_skill": "skill_ids",
    "to_skill_level": "skill_levels",
    "provider": "providers",
    "level": "levels",
    "lang": "messages_language",
}
"""Option -> field of a request or its target, where they differ."""

_INVALID = ("invalid-input", "The request cannot be understood")
_UNKNOWN = ("unknown-id", "There is nothing under that id")
_FAILED = ("internal", "The request failed")


def path(
    context: typer.Context,
    learner: Annotated[str | None, typer.Option("--learner", help="Learner to plan for.")] = None,
    completed: Annotated[Ids, typer.Option("--completed", help="Completed course.")] = None,
    mastered: Annotated[Ids, typer.Option("--mastered", help="Mastered skill.")] = None,
    to_role: Annotated[str | None, typer.Option("--to-role", help="Role to reach.")] = None,
    to_course: Annotated[str | None, typer.Option("--to-course", help="Course to reach.")] = None,
    to_skill: Annotated[Ids, typer.Option("--to-skill", help="Skill to reach.")] = None,
    to_skill_level: Annotated[
        Ids, typer.Option("--to-skill-level", help="SKILL=LEVEL: skill to reach at a level.")
    ] = None,
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
    alternatives: Annotated[
        int | None, typer.Option(help="Courses named for another's place, 2 at most by default.")
    ] = None,
    start_at: Annotated[str | None, typer.Option(help="ISO date; default: today.")] = None,
    lang: LangOption = None,
    requests: Annotated[
        Path | None, typer.Option("--requests", help="JSON Lines of requests, '-' for stdin.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="File of the answer; JSON Lines of many.")
    ] = None,
    store: StoreOption = None,
    form: FormatOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a learning path (options for several ids may be repeated), or many from a file."""
    chosen = chosen_form(form, output, as_json=as_json, is_batch=requests is not None)
    if requests is not None:
        _answer_all(requests, output, store)
        return
    if not (to_role or to_course or to_skill or to_skill_level):
        raise ParameterError(
            "There is no target.",
            where="--to-role",
            remedy="Give --to-role, --to-course, --to-skill or --to-skill-level,"
            " or --requests FILE.",
        )
    levels = {"to_skill_level": _levels(to_skill_level)}
    request = parse_request(_document(context.params | levels))
    settings = settings_for(store)
    with Recommender.open(settings) as recommender:
        answer = recommender.path(request)
        catalogue = recommender.catalogue
    give_path(answer, request, catalogue, chosen, output)


def _levels(given: Ids) -> dict[str, str] | None:
    """Skill -> level of ``SKILL=LEVEL``, whose level has no ``=``."""
    if not given:
        return None
    pairs = [one.rpartition("=") for one in given]
    if not all(skill for skill, _, _ in pairs):
        raise ParameterError(
            "A level is missing.", where="--to-skill-level", remedy="Write it SKILL=LEVEL."
        )
    return {skill: level for skill, _, level in pairs}


def _document(options: Mapping[str, Any]) -> dict[str, Any]:
    """A request's fields from the command's options, without those that were not given."""
    fields = {
        _FIELD_OF.get(name, name): value
        for name, value in options.items()
        if value is not None and value != []
    }
    target = {kind: fields.get(kind) for kind in PathTarget.model_fields}
    given = {name: value for name, value in fields.items() if name in PathRequest.model_fields}
    return given | {"target": target}


def _answer_all(requests: Path, output: Path | None, store: Path | None) -> None:
    documents, settings = list(_read(requests)), settings_for(store)
    with Recommender.open(settings) as recommender:
        num_failed = _write(_answers(recommender, documents), output)
    noun = "request" if len(documents) == 1 else "requests"
    err_console.print(f"{len(documents)} {noun} answered, {num_failed} of them with an error.")


def _answers(recommender: Recommender, documents: list[Any]) -> Iterator[dict[str, Any]]:
    """Answers, or errors, in the order of the requests."""
    parsed = [_parsed(document) for document in documents]
    ids = [r.learner_id for r in parsed if isinstance(r, PathRequest) and r.learner_id]
    unique = list(dict.fromkeys(ids))
    learners = dict(zip(unique, recommender.learners.get_many(unique), strict=True))
    for request in parsed:
        if isinstance(request, GraphrecError):
            yield _error(request)
            continue
        try:
            learner = learners.get(request.learner_id) if request.learner_id else None
            yield recommender.path(request, learner=learner).model_dump()
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

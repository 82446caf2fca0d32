"""The answer of ``graphrec path`` as a table, JSON, iCalendar or a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from graphrec.cli.common import console, err_console, print_json
from graphrec.errors import ParameterError
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_export import to_icalendar
from graphrec.recommend.path_page import title_of, to_html
from graphrec.recommend.path_schemas import PathRequest, PathResponse

Form = Literal["table", "json", "ical", "html"]

FormatOption = Annotated[
    Form | None,
    typer.Option("--format", help="Of one path; by default as --output ends (.json, .ics, .html)."),
]
_ENDINGS: dict[str, Form] = {".json": "json", ".ics": "ical", ".html": "html"}


def chosen_form(form: Form | None, output: Path | None, *, as_json: bool, is_batch: bool) -> Form:
    """The form that the options name together.

    Raises:
        ParameterError: They contradict each other, or name none for a file.
    """
    if is_batch:
        if form not in (None, "json"):
            raise ParameterError(
                "Many paths are written as JSON Lines.",
                where="--format",
                remedy="Leave --format out, or ask for one path.",
            )
        return "json"
    if as_json and form not in (None, "json"):
        raise ParameterError(f"--json and --format {form} contradict each other.", where="--json")
    chosen = "json" if as_json else form
    if chosen is None and output is not None:
        chosen = _ENDINGS.get(output.suffix.lower())
        if chosen is None:
            raise ParameterError(
                f"What '{output.name}' is to hold is not clear.",
                where="--output",
                remedy="Name it .json, .ics or .html, or say --format.",
            )
    if chosen == "table" and output is not None:
        raise ParameterError(
            "A table goes to the terminal.",
            where="--output",
            remedy="Choose --format json, ical or html for a file.",
        )
    return chosen or "table"


def give_path(
    answer: PathResponse,
    request: PathRequest,
    catalogue: Catalogue,
    form: Form,
    output: Path | None,
) -> None:
    """Print a plan, or write it to a file."""
    if form == "table":
        print_path(answer, catalogue)
    elif form == "json" and output is None:
        print_json(answer.model_dump())
    else:
        text = _as_text(answer, request, catalogue, form)
        if output is None:
            typer.echo(text, nl=False)
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(text.encode())  # iCalendar's lines end in CRLF on every system
        err_console.print(f"written: {output}")


def _as_text(answer: PathResponse, request: PathRequest, catalogue: Catalogue, form: Form) -> str:
    if form == "json":
        return answer.model_dump_json(indent=2) + "\n"
    title = title_of(request.target, catalogue)
    if form == "ical":
        return to_icalendar(answer, title=title)
    return to_html(answer, catalogue, title=title)


def print_path(answer: PathResponse, catalogue: Catalogue) -> None:
    """Print a plan as a table with its notes."""
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
    """A row a course; dates below the number of a step, so that 80 columns are enough."""
    table = Table(pad_edge=False, show_lines=True)
    for head in ("Step", "Course", "Hours", "Adds", "Because"):
        table.add_column(head, overflow="fold", no_wrap=head in ("Step", "Hours"))
    is_dated = any(step.starts_at for step in answer.steps)
    for step in answer.steps:
        dates = [step.starts_at or "?", step.ends_at or "?"] if is_dated else []
        for place, course in enumerate(step.courses):
            number = "\n".join([str(step.order), *(dates if place == 0 else [])])
            skills = [catalogue.skill_name(gain.skill_id) for gain in course.skills_gained]
            more = f", and {len(skills) - 6} more" if len(skills) > 6 else ""
            instead = ", ".join(one.title or one.course_id for one in course.alternatives)
            table.add_row(
                number,
                escape(catalogue.course_name(course.course_id))
                + (f"\n[dim]or {escape(instead)}[/dim]" if instead else ""),
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

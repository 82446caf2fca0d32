"""A path as one page to read, print and keep: no address outside, no script.

In come a plan and the catalogue, out goes HTML with the path drawn (wide, narrow, and cut at
its rows for paper) and the same as a list, for screen readers and for everybody. Everything
that comes from data is escaped; equal plans give equal pages.
"""

from __future__ import annotations

from html import escape
from typing import Final

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_drawing import Drawing, draw
from graphrec.recommend.path_edges import edges_of
from graphrec.recommend.path_export import step_dates, step_hours, summary
from graphrec.recommend.path_schemas import PathCourse, PathResponse, PathStep, PathTarget
from graphrec.recommend.path_style import STYLE

_PAGE_RATIO: Final = 1.15
"""Height by width of what fits on a sheet beside its heading, on A4 and Letter alike."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def title_of(target: PathTarget, catalogue: Catalogue) -> str:
    """``Path to`` the name of the role, course or skills."""
    if target.role_id is not None:
        name = catalogue.role_name(target.role_id)
    elif target.course_id is not None:
        name = catalogue.course_name(target.course_id)
    else:
        asked = target.skill_ids or target.skill_levels or ()
        skills = [catalogue.skill_name(skill) for skill in asked]
        more = f" and {len(skills) - 3} more" if len(skills) > 3 else ""
        name = ", ".join(skills[:3]) + more
    return f"Path to {name}"


def to_html(response: PathResponse, catalogue: Catalogue, *, title: str = "Learning path") -> str:
    """The page of a plan, UTF-8 when written.

    Args:
        response: The plan.
        catalogue: The one it was made from.
        title: Heading of the page, see ``title_of``.
    """
    name = escape(title)
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{name}</title><style>{STYLE}</style></head><body><main>",
        f'<header><h1>{name}</h1><p class="summary">{escape(summary(response))}</p></header>',
        _drawings(response, catalogue),
        _steps(response, catalogue),
        _notes("Not reached", [(_name(n.target, n.kind, catalogue), n.why)
                               for n in response.unreachable]),
        _notes("Taken together", [("", note.why) for note in response.relaxed]),
        _notes("Notes", [("", warning) for warning in response.warnings]),
        f"<footer>Path {escape(response.path_id)}</footer></main></body></html>\n",
    ]  # fmt: skip
    return "".join(parts)


def _drawings(response: PathResponse, catalogue: Catalogue) -> str:
    """The drawing for wide and narrow screens, and in pieces for paper."""
    if not response.steps:
        return ""
    wide = draw(response, catalogue, columns=3)
    narrow = draw(response, catalogue, columns=1)
    paper = "".join(
        _svg(wide, "sheet", top, bottom, '<use href="#drawn"/>') for top, bottom in _sheets(wide)
    )
    return (
        '<figure><figcaption class="legend">Courses of one step may be taken in parallel. A line'
        " says what comes first: solid, the course is required; dashed, its skill is.</figcaption>"
        + _svg(wide, "wide", 0, wide.height, f'<g id="drawn">{wide.inside}</g>')
        + _svg(narrow, "narrow", 0, narrow.height, narrow.inside)
        + f'<div class="paper">{paper}</div></figure>'
    )


def _svg(drawing: Drawing, kind: str, top: float, bottom: float, inside: str) -> str:
    """A window on a drawing; it is hidden from screen readers, who have the list."""
    box = f"0 {top:g} {drawing.width:g} {bottom - top:g}"
    width = drawing.width * (1.3 if kind == "narrow" else 1)
    return (
        f'<svg class="{kind}" viewBox="{box}" style="max-width:{width:g}px"'
        f' aria-hidden="true" focusable="false">{inside}</svg>'
    )


def _sheets(drawing: Drawing) -> list[tuple[float, float]]:
    """Top and bottom of the piece on each sheet, cut between rows of boxes."""
    room = max(drawing.width, 640.0) * _PAGE_RATIO
    sheets, top = [], 0.0
    for here, following in zip(drawing.cuts, (*drawing.cuts[1:], None), strict=True):
        is_full = following is not None and following - top > room and here > top
        if is_full or following is None:
            sheets.append((top, here))
            top = here
    return sheets


def _steps(response: PathResponse, catalogue: Catalogue) -> str:
    if not response.steps:
        return ""
    before: dict[str, list[str]] = {}
    for edge in edges_of(response, catalogue):
        before.setdefault(edge.after, []).append(catalogue.course_name(edge.before))
    steps = "".join(_step(step, before, catalogue) for step in response.steps)
    return f'<section aria-label="Steps in order"><h2>Step by step</h2>{steps}</section>'


def _step(step: PathStep, before: dict[str, list[str]], catalogue: Catalogue) -> str:
    hours, dates = step_hours(step), step_dates(step)
    about = [f"{hours:g} h" if hours is not None else "hours unknown"]
    about += [f"{dates[0].isoformat()} to {dates[1].isoformat()}"] if dates else []
    courses = "".join(
        _course(course, before.get(course.course_id, []), catalogue) for course in step.courses
    )
    return (
        f"<h3>Step {step.order} <small>{escape(' · '.join(about))}</small></h3><ul>{courses}</ul>"
    )


def _course(course: PathCourse, before: list[str], catalogue: Catalogue) -> str:
    hours = "hours unknown" if course.hours is None else f"{course.hours:g} h"
    name = escape(course.title or course.course_id)
    code = f" <code>{escape(course.course_id)}</code>" if course.title else ""
    gains = [
        catalogue.skill_name(g.skill_id) + (f" (level {g.level:g})" if g.level is not None else "")
        for g in course.skills_gained
    ]
    rows = [("Gains", ", ".join(gains)), ("After", ", ".join(before))]
    rows.append(("Because", " ".join(reason.text for reason in course.reasons)))
    rows.append(("Or instead", ", ".join(c.title or c.course_id for c in course.alternatives)))
    said = "".join(
        f"<div><dt>{term}</dt><dd>{escape(text)}</dd></div>" for term, text in rows if text
    )
    return f"<li><b>{name}</b>{code} <span>{hours}</span><dl>{said}</dl></li>"


def _name(target: str, kind: str, catalogue: Catalogue) -> str:
    return catalogue.course_name(target) if kind == "course" else catalogue.skill_name(target)


def _notes(heading: str, notes: list[tuple[str, str]]) -> str:
    if not notes:
        return ""
    items = "".join(
        f"<li>{f'<b>{escape(name)}</b>: ' if name else ''}{escape(text)}</li>"
        for name, text in notes
    )
    return f"<section><h2>{heading}</h2><ul>{items}</ul></section>"

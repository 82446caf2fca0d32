"""A path drawn as SVG: steps as rows from top to bottom, courses as boxes, needs as curves.

In come a plan and the catalogue, out goes the inside of an ``<svg>`` with its size. Equal
plans give equal drawings. Colours and fonts are classes, for the page to style.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from unicodedata import east_asian_width

from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.path_edges import Edge, edges_of
from graphrec.recommend.path_export import step_dates, step_hours
from graphrec.recommend.path_schemas import PathCourse, PathResponse

_BOX_W, _BOX_H, _GAP_X, _GAP_Y, _EDGE = 262, 90, 42, 46, 8
_UNITS_TITLE, _UNITS_TEXT = 27.0, 37.0
_NUM_SKILLS: Final = 2


@dataclass(frozen=True)
class _Box:
    course: PathCourse
    step: int
    row: int
    column: int
    x: float
    y: float


@dataclass(frozen=True)
class Drawing:
    """What stands inside the ``<svg>``.

    Attributes:
        width: Of the drawing, in its own units.
        height: The same.
        inside: Escaped SVG.
        cuts: Heights at which the drawing may be cut for paper, 0 and ``height`` included.
    """

    width: float
    height: float
    inside: str
    cuts: tuple[float, ...]


def draw(response: PathResponse, catalogue: Catalogue, *, columns: int) -> Drawing:
    """Draw a plan that has steps.

    Args:
        response: The plan.
        catalogue: For the names of skills and for what requires what.
        columns: Boxes beside each other at most; 1 for narrow screens.
    """
    edges = edges_of(response, catalogue)
    widest = max((len(step.courses) for step in response.steps), default=1)
    columns = max(1, min(columns, widest))
    is_narrow = columns == 1 and widest > 0
    left = 26.0 if is_narrow else 132.0
    boxes = _place(response, edges, columns, left, 24.0)
    rows = sorted({(box.row, box.y) for box in boxes.values()})
    height = rows[-1][1] + _BOX_H + _EDGE if rows else 1.0
    width = left + columns * _BOX_W + (columns - 1) * _GAP_X + (_EDGE if is_narrow else _GAP_X)
    parts = [_curve(edge, boxes, is_narrow=is_narrow) for edge in edges]
    parts += [_heading(response, boxes, number, is_narrow=is_narrow)
              for number in range(len(response.steps))]  # fmt: skip
    parts += [_box(box, catalogue) for box in boxes.values()]
    cuts = (0.0, *(y - _GAP_Y / 2 for _, y in rows[1:]), height)
    return Drawing(width, height, "".join(parts), cuts)


def _place(
    response: PathResponse, edges: Sequence[Edge], columns: int, left: float, top: float
) -> dict[str, _Box]:
    """Boxes by course, each near the columns of what it needs."""
    boxes: dict[str, _Box] = {}
    row = 0
    for number, step in enumerate(response.steps):
        wish = {c.course_id: _wish(c.course_id, edges, boxes, columns) for c in step.courses}
        courses = sorted(step.courses, key=lambda c: (wish[c.course_id], c.course_id))
        for start in range(0, len(courses), columns):
            line = courses[start : start + columns]
            free = 0
            for place, course in enumerate(line):
                last = columns - (len(line) - place)
                column = min(max(free, round(wish[course.course_id])), last)
                free = column + 1
                x = left + column * (_BOX_W + _GAP_X)
                y = top + row * (_BOX_H + _GAP_Y)
                boxes[course.course_id] = _Box(course, number, row, column, x, y)
            row += 1
    return boxes


def _wish(course: str, edges: Sequence[Edge], boxes: dict[str, _Box], columns: int) -> float:
    before = [boxes[e.before].column for e in edges if e.after == course and e.before in boxes]
    return sum(before) / len(before) if before else (columns - 1) / 2


def _curve(edge: Edge, boxes: dict[str, _Box], *, is_narrow: bool) -> str:
    """A curve with its head; past other rows it runs between the columns, or beside them."""
    start, end = boxes[edge.before], boxes[edge.after]
    x1, y1 = start.x + _BOX_W / 2, start.y + _BOX_H
    x2, y2 = end.x + _BOX_W / 2, end.y - 5
    half = _GAP_Y / 2
    if end.row == start.row + 1:
        way = f"M{x1:g} {y1:g}C{x1:g} {y1 + half:g} {x2:g} {y2 - half:g} {x2:g} {y2:g}"
    elif is_narrow:
        rail = start.x - 8 - 4 * min(end.row - start.row - 2, 3)
        y1, y2 = start.y + _BOX_H * 0.7, end.y + _BOX_H * 0.3
        way = (
            f"M{start.x:g} {y1:g}C{rail:g} {y1:g} {rail:g} {y1:g} {rail:g} {y1 + 18:g}"
            f"V{y2 - 18:g}C{rail:g} {y2:g} {rail:g} {y2:g} {end.x - 5:g} {y2:g}"
        )
        head = f"M{end.x:g} {y2:g}l-7 -4v8z"
        return _line(way, head, edge)
    else:
        lane = end.x + _BOX_W + _GAP_X / 2 + 5 * ((start.row + start.column) % 5 - 2)
        low, high = y1 + half, y2 - half + 5
        way = (
            f"M{x1:g} {y1:g}C{x1:g} {low:g} {lane:g} {y1:g} {lane:g} {low + 6:g}"
            f"V{high - 6:g}C{lane:g} {y2:g} {x2:g} {high:g} {x2:g} {y2:g}"
        )
    return _line(way, f"M{x2:g} {end.y:g}l-4 -7h8z", edge)


def _line(way: str, head: str, edge: Edge) -> str:
    kind = "hard" if edge.is_hard else "soft"
    return f'<path class="edge {kind}" d="{way}"/><path class="head" d="{head}"/>'


def _heading(
    response: PathResponse, boxes: dict[str, _Box], number: int, *, is_narrow: bool
) -> str:
    step = response.steps[number]
    top = min(boxes[course.course_id].y for course in step.courses)
    hours, dates = step_hours(step), step_dates(step)
    lines = [f"Step {step.order}", f"{hours:g} h" if hours is not None else "hours unknown"]
    lines += [dates[0].isoformat()] if dates else []
    if is_narrow:
        left = min(box.x for box in boxes.values())
        return f'<text class="step" x="{left:g}" y="{top - 9:g}">{escape(" · ".join(lines))}</text>'
    first, *others = lines
    texts = [f'<text class="step" x="2" y="{top + 24:g}">{escape(first)}</text>']
    texts += [
        f'<text class="small" x="2" y="{top + 44 + 17 * place:g}">{escape(line)}</text>'
        for place, line in enumerate(others)
    ]
    return "".join(texts)


def _box(box: _Box, catalogue: Catalogue) -> str:
    course = box.course
    hours = "hours unknown" if course.hours is None else f"{course.hours:g} h"
    skills = [catalogue.skill_name(gain.skill_id) for gain in course.skills_gained]
    shown = skills[:_NUM_SKILLS] if len(skills) > _NUM_SKILLS + 1 else skills[: _NUM_SKILLS + 1]
    more = [f"and {len(skills) - len(shown)} more"] if len(skills) > len(shown) else []
    titles = wrapped(course.title or course.course_id, _UNITS_TITLE, 2)
    y = box.y + 22
    texts = []
    for line in titles:
        texts.append(_text("title", box.x + 12, y, line))
        y += 17
    gained = ", ".join([*shown, *more])
    tail = wrapped(f"{hours}{f' · gains {gained}' if gained else ''}", _UNITS_TEXT, 4 - len(titles))
    for line in tail:
        texts.append(_text("small", box.x + 12, y + 3, line))
        y += 16
    rect = (
        f'<rect class="box" x="{box.x:g}" y="{box.y:g}" width="{_BOX_W}" height="{_BOX_H}" rx="9"/>'
    )
    return rect + "".join(texts)


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def wrapped(text: str, units: float, num_lines: int) -> list[str]:
    """Lines of about ``units`` average characters (wide ones count double), the rest cut off."""
    words = " ".join(text.split()).split(" ")
    lines, line = [], ""
    while words:
        word = words.pop(0)
        whole = f"{line} {word}" if line else word
        if _width(whole) <= units:
            line = whole
        elif line and _width(word) <= units:
            lines.append(line)
            line = word
        else:  # one word longer than a line, or a language without spaces
            fits = _fitting(whole, units)
            lines.append(whole[:fits])
            words.insert(0, whole[fits:].lstrip())
            line = ""
    lines.append(line)
    lines = [one for one in lines if one] or [""]
    if len(lines) > num_lines:
        last = lines[num_lines - 1]
        lines = [*lines[: num_lines - 1], f"{last[: _fitting(last, units - 1)].rstrip()}…"]
    return lines


def _width(text: str) -> float:
    return sum(1.85 if east_asian_width(char) in "WF" else 1.0 for char in text)


def _fitting(text: str, units: float) -> int:
    """How many characters fit, at least one."""
    size = 0.0
    for place, char in enumerate(text):
        size += _width(char)
        if size > units:
            return max(1, place)
    return len(text)

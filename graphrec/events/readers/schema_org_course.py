"""One schema.org course: its row, its names, and the things it teaches and requires."""

from __future__ import annotations

from typing import Any, Final

from graphrec.events.readers.durations import CalendarLengthError, DurationError, hours_of
from graphrec.events.readers.json_ld import Nodes, is_a, real_id
from graphrec.events.readers.placed_json import Placed

_PREREQUISITE: Final = frozenset({"prerequisite", "requires", "assesses prerequisite"})


class NoIdError(ValueError):
    """Nothing names the course."""


def course_names(nodes: Nodes, node: Placed) -> list[str]:
    """What a course may be called by others, the id first; its title, folded, comes last."""
    found = [real_id(node), *_texts(nodes, node, "courseCode", "identifier", "url")]
    blank = node.get("@id")
    title = nodes.text(node, "name")
    found += [str(blank) if blank else None, title.casefold() if title else None]
    return list(dict.fromkeys(name for name in found if name))


def course_row(nodes: Nodes, node: Placed) -> tuple[dict[str, Any], bool]:
    """A row of ``courses``, and whether its only duration is one of the calendar.

    Raises:
        NoIdError: Nothing names the course.
        ValueError: A duration cannot be read; says which.
    """
    names = [real_id(node), *_texts(nodes, node, "courseCode", "identifier", "url")]
    course_id = next((name for name in names if name), None)
    if course_id is None:
        raise NoIdError
    hours, is_calendar = _hours(nodes, node)
    instances = [one for one in nodes.values(node, "hasCourseInstance") if isinstance(one, Placed)]
    spoken = [nodes.text(part, "inLanguage") for part in (node, *instances)]
    row = {
        "course_id": course_id,
        "title": nodes.text(node, "name"),
        "description": nodes.text(node, "description"),
        "level": nodes.text(node, "educationalLevel"),
        "hours": hours,
        "language": next((language for language in spoken if language), None),
        "provider": nodes.text(node, "provider") or nodes.text(node, "publisher"),
        "published_at": nodes.text(node, "datePublished") or nodes.text(node, "dateCreated"),
    }
    return row, is_calendar


def taught_things(nodes: Nodes, node: Placed) -> list[Any]:
    """What the course teaches: terms, alignments, texts."""
    aligned = nodes.values(node, "educationalAlignment")
    teaching = [one for one in aligned if _alignment(one) == "teaches"]
    return nodes.values(node, "teaches") + teaching


def required_things(nodes: Nodes, node: Placed) -> list[Any]:
    """What must come before the course: courses, terms, alignments, texts."""
    aligned = nodes.values(node, "educationalAlignment")
    required = [one for one in aligned if _alignment(one) in _PREREQUISITE]
    return nodes.values(node, "coursePrerequisites") + required


class Terms:
    """Skill ids of terms, and the names that came with them.

    Attributes:
        named: Line, id and name of each term that has both, each id once.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._seen: set[str] = set()
        self.named: list[tuple[int, str, str]] = []

    def id_of(self, thing: Any) -> str | None:
        """The skill's id: ``@id``, ``targetUrl``, ``url``, ``termCode``, else its name."""
        if not isinstance(thing, Placed):
            return str(thing).strip() or None
        nodes = self._nodes
        name = nodes.text(thing, "name") or nodes.text(thing, "targetName")
        ids = [real_id(thing), *_texts(nodes, thing, "targetUrl", "url", "termCode", "@value")]
        found = next((one for one in ids if one), name)
        if found and name and found not in self._seen:
            self._seen.add(found)
            self.named.append((thing.line, found, name))
        return found


def _texts(nodes: Nodes, node: Placed, *properties: str) -> list[str | None]:
    """Texts of the properties; a ``PropertyValue`` by its value."""
    found: list[str | None] = []
    for name in properties:
        for value in nodes.values(node, name):
            is_value = is_a(value, "PropertyValue")
            plain = value.get("value", value.get("@id")) if isinstance(value, dict) else value
            found.append(str(plain).strip() if plain is not None or is_value else None)
    return found


def _alignment(value: Any) -> str:
    return str(value.get("alignmentType", "")).strip().lower() if isinstance(value, dict) else ""


def _hours(nodes: Nodes, node: Placed) -> tuple[float | None, bool]:
    """Hours of study: ``timeRequired``, else the first instance that says them."""
    is_calendar = False
    for holder, name, times in _durations(nodes, node):
        text = nodes.text(holder, name)
        if text is None:
            continue
        try:
            return round(hours_of(text) * times, 6), False
        except CalendarLengthError:
            is_calendar = True
        except DurationError as exc:
            raise ValueError(f"{name} is not an ISO 8601 duration like PT12H") from exc
    return None, is_calendar


def _durations(nodes: Nodes, node: Placed) -> list[tuple[Placed, str, float]]:
    """Where a course may say its hours, the surest first, and how often each counts."""
    places = [(node, "timeRequired", 1.0)]
    for instance in nodes.values(node, "hasCourseInstance"):
        if not isinstance(instance, Placed):
            continue
        places.append((instance, "courseWorkload", 1.0))
        schedules = [s for s in nodes.values(instance, "courseSchedule") if isinstance(s, Placed)]
        places += [(s, "duration", _count(s.get("repeatCount"))) for s in schedules]
    return places


def _count(value: Any) -> float:
    try:
        return max(1.0, float(value))
    except (TypeError, ValueError):
        return 1.0

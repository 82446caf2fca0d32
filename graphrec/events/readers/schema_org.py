"""schema.org ``Course`` in JSON-LD: what a provider's course pages tell search engines.

A course is known by its ``@id``, else ``courseCode``, ``identifier`` or ``url``; skills by
``@id``, ``url``, ``termCode`` or, as plain text, by themselves. What a course teaches
requires each skill of its ``competencyRequired``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from graphrec.errors import SourceError
from graphrec.events.readers.durations import calendar_warning
from graphrec.events.readers.json_ld import Nodes, is_a
from graphrec.events.readers.placed_json import Placed, Rows, json_files, load_placed, text_batch
from graphrec.events.readers.schema_org_course import (
    NoIdError,
    Terms,
    course_names,
    course_row,
    required_things,
    taught_things,
)
from graphrec.events.source import Reader, ReadLog, SourceBatch

_NAMING: Final = frozenset({"@type", "@id", "name", "courseCode", "identifier", "url"})
_COLUMNS: Final = {
    "courses": ("course_id",),
    "skills": ("skill_id",),
    "teaches": ("course_id", "skill_id"),
    "requires": ("course_id", "requires_course_id"),
    "skill_prerequisites": ("skill_id", "requires_skill_id"),
}


class SchemaOrgReader(Reader):
    """Reads one JSON-LD file, or every one of a folder."""

    source: ClassVar[str] = "schema-org"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._files: list[tuple[str, Nodes]] = []

    def check(self) -> None:
        """Read every file and see that it has courses."""
        for path in json_files(self.path, (".json", ".jsonld")):
            nodes = Nodes(load_placed(path))
            if not _courses(nodes):
                raise SourceError(
                    "no schema.org Course in this file.",
                    where=str(path),
                    remedy='Its JSON-LD needs a node with "@type": "Course".',
                )
            self._files.append((path.name, nodes))
        self.implied = frozenset({"skills"})

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order; files may name each other's courses."""
        names: dict[str, str] = {}
        courses = [_read_courses(file, nodes, names, self.log) for file, nodes in self._files]
        documents = [
            _Document(file, nodes, found, names, self.log)
            for (file, nodes), found in zip(self._files, courses, strict=True)
        ]
        for table, columns in _COLUMNS.items():
            for document in documents:
                if rows := document.rows[table]:
                    yield text_batch(table, document.file, rows, columns)


def _read_courses(
    file: str, nodes: Nodes, names: dict[str, str], log: ReadLog
) -> list[tuple[str, Placed, dict[str, Any]]]:
    """Ids, nodes and rows of a file's courses; ``names`` learns what else they are called."""
    found, num_calendar = [], 0
    for node in _courses(nodes):
        try:
            row, is_calendar = course_row(nodes, node)
        except NoIdError:
            reason = "the course has no @id, courseCode, identifier or url"
            log.reject("courses", file, node.line, reason, node)
        except ValueError as exc:
            log.reject("courses", file, node.line, str(exc), node)
        else:
            num_calendar += is_calendar
            found.append((row["course_id"], node, row))
            for name in course_names(nodes, node):
                names.setdefault(name, row["course_id"])
    if num_calendar:
        log.warn(calendar_warning(file, num_calendar))
    return found


def _courses(nodes: Nodes) -> list[Placed]:
    """The courses; one that is only named, as the prerequisite of another, is none."""
    raw = [node.get("coursePrerequisites") for node in nodes.nodes]
    named = [one for value in raw for one in (value if isinstance(value, list) else [value])]
    only_named = {id(one) for one in named if isinstance(one, Placed) and not one.keys() - _NAMING}
    return [node for node in nodes.nodes if is_a(node, "Course") and id(node) not in only_named]


class _Document:
    """Rows of one file."""

    def __init__(
        self,
        file: str,
        nodes: Nodes,
        courses: list[tuple[str, Placed, dict[str, Any]]],
        names: dict[str, str],
        log: ReadLog,
    ) -> None:
        self.file, self._nodes, self._names = file, nodes, names
        self._terms = Terms(nodes)
        self.rows: dict[str, Rows] = {table: [] for table in _COLUMNS}
        self._num_untaught = self._num_prose = 0
        for course_id, node, row in courses:
            self.rows["courses"].append((node.line, row))
            self._read(course_id, node)
        for line, skill_id, name in self._terms.named:
            self.rows["skills"].append((line, {"skill_id": skill_id, "name": name}))
        if self._num_untaught:
            log.note(f"{file}: {self._num_untaught} skills required by courses that teach none")
        if self._num_prose:
            log.note(f"{file}: {self._num_prose} prerequisites in prose, of no course: not read")

    def _read(self, course_id: str, node: Placed) -> None:
        line = node.line
        taught = list(dict.fromkeys(map(self._terms.id_of, taught_things(self._nodes, node))))
        skills = [skill for skill in taught if skill]
        for skill in skills:
            self.rows["teaches"].append((line, {"course_id": course_id, "skill_id": skill}))
        things, needed = required_things(self._nodes, node), []
        for thing in things:
            course = self._course_of(thing)
            if course:
                need = {"course_id": course_id, "requires_course_id": course}
                self.rows["requires"].append((line, need))
            elif isinstance(thing, str):
                self._num_prose += 1
            else:
                needed.append(self._terms.id_of(thing))
        needed += [
            self._terms.id_of(thing) for thing in self._nodes.values(node, "competencyRequired")
        ]
        self._order(line, skills, [n for n in dict.fromkeys(needed) if n and n not in skills])

    def _course_of(self, thing: Any) -> str | None:
        """The course that a prerequisite means, by any of its names; None: a skill, or prose."""
        if isinstance(thing, str):
            return self._names.get(thing.strip()) or self._names.get(thing.strip().casefold())
        if not isinstance(thing, Placed):
            return None
        called = course_names(self._nodes, thing)
        known = next((self._names[name] for name in called if name in self._names), None)
        is_foreign = is_a(thing, "Course") or thing.keys() == {"@id"}
        return known or (called[0] if is_foreign and called else None)

    def _order(self, line: int, taught: list[str], needed: list[str]) -> None:
        if not taught:
            self._num_untaught += len(needed)
        for skill in taught:
            for before in needed:
                row = {"skill_id": skill, "requires_skill_id": before}
                self.rows["skill_prerequisites"].append((line, row))

"""A curriculum as YAML and back: native tables in, stable text out, and the tables again.

The order is that of the ids, so that two files differ only where the curricula do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml
from pydantic import ValidationError

from graphrec.curriculum.schema import Course, Curriculum, to_moment
from graphrec.errors import SourceError
from graphrec.lined_yaml import LineError, Node, faults_of, read_text, read_tree

CURRICULUM_TABLES: Final = (
    "courses",
    "skills",
    "roles",
    "teaches",
    "requires",
    "skill_prerequisites",
    "needs",
)
"""Native tables that a curriculum file says, nodes first."""

MAX_BYTES: Final = 64 << 20
"""Of a file: some 50,000 courses with their descriptions."""

_MAX_DEPTH: Final = 8
_HEAD: Final = """\
# A curriculum: what this file leaves out is removed when it is applied.
# graphrec curriculum diff FILE shows what would change; graphrec curriculum apply FILE does it.
"""

Key = tuple[Any, ...]
Rows = dict[str, dict[Key, dict[str, Any]]]
"""Table -> key -> row, as in ``graphrec.schema``."""


@dataclass
class CurriculumFile:
    """A file as read.

    Attributes:
        name: For messages.
        rows: What it says.
        lines: Table -> key -> line of the file on which the row stands, from 1.
    """

    name: str
    rows: Rows
    lines: dict[str, dict[Key, int]] = field(default_factory=lambda: defaultdict(dict))

    def where(self, table: str, key: Key) -> str:
        """File and line of a row; the file alone where it does not say it."""
        line = self.lines[table].get(key)
        return self.name if line is None else f"{self.name}:{line}"


def rows_of(tables: Mapping[str, pa.Table], keys: Mapping[str, tuple[str, ...]]) -> Rows:
    """Exported tables by key."""
    return {
        name: {tuple(row[k] for k in keys[name]): row for row in tables[name].to_pylist()}
        for name in CURRICULUM_TABLES
    }


def to_yaml(rows: Rows) -> str:
    """The text of a curriculum."""
    document = {
        "version": 1,
        "skills": list(_skills(rows)),
        "courses": list(_courses(rows)),
        "roles": list(_roles(rows)),
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    body = yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)
    return _HEAD + str(body)


def _by_first(rows: Rows, table: str, column: str) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for key in sorted(rows[table], key=lambda key: tuple(part or "" for part in key)):
        row = rows[table][key]
        grouped[row[column]].append(row)
    return grouped


def _said(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def _skills(rows: Rows) -> Iterator[dict[str, Any]]:
    before = _by_first(rows, "skill_prerequisites", "skill_id")
    for _, row in sorted(rows["skills"].items()):
        requires = [one["requires_skill_id"] for one in before[row["skill_id"]]]
        yield _said(
            id=row["skill_id"], name=row["name"], description=row["description"], requires=requires
        )


def _courses(rows: Rows) -> Iterator[dict[str, Any]]:
    teaches = _by_first(rows, "teaches", "course_id")
    requires = _by_first(rows, "requires", "course_id")
    for _, row in sorted(rows["courses"].items()):
        course_id = row["course_id"]
        own = {k: v for k, v in row.items() if k != "course_id"}
        if own["published_at"] is not None:
            own["published_at"] = to_moment(own["published_at"])
        choices: dict[str, list[str]] = defaultdict(list)
        for one in requires[course_id]:
            choices[one["any_of"] or ""].append(one["requires_course_id"])
        every = choices.pop("", [])
        yield _said(
            id=course_id,
            **own,
            teaches=[_said(skill=t["skill_id"], level=t["level"]) for t in teaches[course_id]],
            requires=every,
            requires_any_of=dict(sorted(choices.items())),
        )


def _roles(rows: Rows) -> Iterator[dict[str, Any]]:
    needs = _by_first(rows, "needs", "role_id")
    for _, row in sorted(rows["roles"].items()):
        listed = [
            _said(skill=n["skill_id"], level=n["level"], essential=n["essential"])
            for n in needs[row["role_id"]]
        ]
        yield _said(
            id=row["role_id"], name=row["name"], description=row["description"], needs=listed
        )


def read_curriculum(path: Path) -> CurriculumFile:
    """A curriculum file.

    Raises:
        SourceError: It cannot be read, or says what it may not; every fault with its line.
    """
    return parse_curriculum(read_text(path, max_bytes=MAX_BYTES), str(path))


def parse_curriculum(text: str, name: str = "curriculum") -> CurriculumFile:
    """As ``read_curriculum``, of a text."""
    try:
        tree = read_tree(text, max_depth=_MAX_DEPTH)
    except LineError as exc:
        raise _refusal(name, [(exc.line, exc.message)]) from exc
    if not isinstance(tree.value, dict):
        raise _refusal(name, [(tree.line, "is no mapping. It begins with: version: 1")])
    try:
        said = Curriculum.model_validate(tree.value)
    except ValidationError as exc:
        raise _refusal(name, sorted(set(faults_of(exc, tree, Curriculum)))) from exc
    file = CurriculumFile(name, {table: {} for table in CURRICULUM_TABLES})
    faults = list(_fill(file, said, tree))
    faults += _dangling(file)
    if faults:
        raise _refusal(name, sorted(faults))
    return file


def _refusal(name: str, faults: list[tuple[int, str]]) -> SourceError:
    shown = [f"{name}:{line}: {message}" for line, message in faults[1:20]]
    if len(faults) > 20:
        shown.append(f"… and {len(faults) - 20} more.")
    first_line, first = faults[0]
    return SourceError(
        "\n".join([first, *shown]),
        where=f"{name}:{first_line}",
        remedy="\ndocs/curriculum.md says what a curriculum file holds.",
    )


Found = tuple[str, Key, dict[str, Any], tuple[Any, ...]]


def _fill(file: CurriculumFile, said: Curriculum, tree: Node) -> Iterator[tuple[int, str]]:
    """Rows of a checked file; yields what is said twice."""
    for table, key, row, path in _found(said):
        line = tree.line_of(path)
        if key in file.rows[table]:
            told = " → ".join(str(part) for part in key if part is not None)
            first = file.lines[table][key]
            yield line, f"{table}: '{told}' stands here again, first on line {first}."
            continue
        file.rows[table][key] = row
        file.lines[table][key] = line


def _found(said: Curriculum) -> Iterator[Found]:
    for n, skill in enumerate(said.skills):
        row = {"skill_id": skill.id, "name": skill.name, "description": skill.description}
        yield "skills", (skill.id,), row, ("skills", n)
        for m, one in enumerate(skill.requires):
            pair = {"skill_id": skill.id, "requires_skill_id": one}
            yield "skill_prerequisites", (skill.id, one), pair, ("skills", n, "requires", m)
    for n, course in enumerate(said.courses):
        yield from _found_course(course, ("courses", n))
    for n, role in enumerate(said.roles):
        row = {"role_id": role.id, "name": role.name, "description": role.description}
        yield "roles", (role.id,), row, ("roles", n)
        for m, need in enumerate(role.needs):
            own = {"level": need.level, "essential": need.essential}
            named = {"role_id": role.id, "skill_id": need.skill}
            yield "needs", (role.id, need.skill), {**named, **own}, ("roles", n, "needs", m)


def _found_course(course: Course, path: tuple[Any, ...]) -> Iterator[Found]:
    own = course.model_dump(exclude={"id", "teaches", "requires", "requires_any_of"})
    yield "courses", (course.id,), {"course_id": course.id, **own}, path
    for m, taught in enumerate(course.teaches):
        row = {"course_id": course.id, "skill_id": taught.skill, "level": taught.level}
        yield "teaches", (course.id, taught.skill), row, (*path, "teaches", m)
    yield from _required(course.id, None, course.requires, (*path, "requires"))
    for choice, ids in course.requires_any_of.items():
        yield from _required(course.id, choice, ids, (*path, "requires_any_of", choice))


def _required(
    course_id: str, any_of: str | None, ids: Iterable[str], path: tuple[Any, ...]
) -> Iterator[Found]:
    for m, one in enumerate(ids):
        row = {"course_id": course_id, "requires_course_id": one, "any_of": any_of}
        yield "requires", (course_id, one, any_of), row, (*path, m)


_REFERENCES: Final = (
    ("teaches", 1, "skills", "skill"),
    ("requires", 1, "courses", "course"),
    ("skill_prerequisites", 1, "skills", "skill"),
    ("needs", 1, "skills", "skill"),
)


def _dangling(file: CurriculumFile) -> Iterator[tuple[int, str]]:
    for table, part, target, word in _REFERENCES:
        for key, line in file.lines[table].items():
            if (key[part],) not in file.rows[target]:
                message = f"{table} of '{key[0]}': the file has no {word} '{key[part]}'."
                yield line, message

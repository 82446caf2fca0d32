"""Exercism: a track's curriculum as one JSON file.

An exercise is a course, its ``concepts`` are what it teaches; each of them requires each of
the exercise's ``prerequisites``. Ids are the slugs, verbatim; where a folder holds several
tracks, whose slugs collide, they are prefixed: ``python/basics``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names

_SLUG = re.compile(r'"slug"\s*:')
Row = dict[str, Any]


class ExercismReader(Reader):
    """Reads one track, or every track of a folder."""

    source: ClassVar[str] = "exercism"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._tracks: list[_Track] = []

    def check(self) -> None:
        """Read and check every track."""
        if self.path.is_dir():
            files = sorted(self.path.glob("*.json"))
        elif self.path.is_file():
            files = [self.path]
        else:
            raise SourceError(
                "there is nothing here.", where=str(self.path), remedy="Check the path."
            )
        if not files:
            raise SourceError(
                f"no track (*.json) in this folder; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Give a track's JSON file, or a folder of them.",
            )
        self._tracks = [_Track(file, is_prefixed=len(files) > 1) for file in files]

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order."""
        for make in (_courses, _skills, _teaches, _prerequisites):
            for track in self._tracks:
                yield make(track)
        for track in self._tracks:
            for note in track.notes():
                self.log.note(note)


class _Track:
    """One JSON file, with the line of every record.

    Raises:
        SourceError: It is not JSON, or not a track.
    """

    def __init__(self, path: Path, *, is_prefixed: bool) -> None:
        self.file = path.name
        text, value = _load(path)
        self.name = str(value["track"])
        self._prefix = f"{self.name}/" if is_prefixed else ""
        groups = [("", value["concepts"])]
        groups += [(kind, value["exercises"][kind]) for kind in value["exercises"]]
        if list(value).index("exercises") < list(value).index("concepts"):
            groups = [*groups[1:], groups[0]]
        numbers = iter(_slug_lines(text, sum(len(records) for _, records in groups)))
        self.concepts: list[tuple[int, Row]] = []
        self.exercises: list[tuple[int, Row]] = []
        for kind, records in groups:
            placed = [(next(numbers), {**record, "kind": kind}) for record in records]
            (self.exercises if kind else self.concepts).extend(placed)

    def id(self, slug: object) -> str:
        """The id of a slug, prefixed where tracks share an import."""
        return f"{self._prefix}{slug}"

    def notes(self) -> list[str]:
        """What of the track has no place, with counts."""
        exercises = [record for _, record in self.exercises]
        practices = sum(len(e.get("practices") or []) for e in exercises)
        topics = sum(len(e.get("topics") or []) for e in exercises)
        teaching = [e for e in exercises if e.get("concepts")]
        needing = sum(len(e.get("prerequisites") or []) for e in exercises if not e.get("concepts"))
        return [
            f"{self.file}: {len(exercises) - len(teaching)} of {len(exercises)} exercises teach no"
            f" concept; their {needing} prerequisites have no skill to stand on and are not read",
            f"{self.file}: {practices} 'practices' and {topics} 'topics' of exercises, not read",
        ]


def _load(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")
        value = json.loads(text)
    except UnicodeDecodeError as exc:
        raise SourceError(
            f"not UTF-8 (byte at offset {exc.start}).", where=str(path), remedy="Convert it."
        ) from exc
    except json.JSONDecodeError as exc:
        raise SourceError(
            f"not JSON ({exc.msg}).", where=f"{path}:{exc.lineno}", remedy="Repair the file."
        ) from exc
    keys = sorted(value) if isinstance(value, dict) else type(value).__name__
    is_track = isinstance(value, dict) and {"track", "concepts", "exercises"} <= value.keys()
    if not is_track or not _holds_records(value):
        raise SourceError(
            "not a track: expected 'track', 'concepts' and 'exercises' (kinds of them), each"
            f" record an object with a 'slug'; found: {keys}.",
            where=str(path),
            remedy="Give a track's JSON file as Exercism's config has it.",
        )
    return text, value


def _holds_records(value: dict[str, Any]) -> bool:
    if not isinstance(value["exercises"], dict):
        return False
    return all(
        isinstance(records, list) and all(isinstance(r, dict) and "slug" in r for r in records)
        for records in (value["concepts"], *value["exercises"].values())
    )


def _slug_lines(text: str, num_records: int) -> list[int]:
    """Line of each record's slug, in the order of the document; 1 where they cannot be told."""
    lines, line, end = [], 1, 0
    for match in _SLUG.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        lines.append(line)
    return lines if len(lines) == num_records else [1] * num_records


def _batch(table: str, track: _Track, rows: list[tuple[int, Row]], names: list[str]) -> SourceBatch:
    columns = {name: pa.array([row.get(name) for _, row in rows], pa.string()) for name in names}
    lines = np.array([line for line, _ in rows], dtype=np.int64)
    return SourceBatch(table, pa.table(columns), track.file, lines)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _courses(track: _Track) -> SourceBatch:
    rows = [
        (
            line,
            {
                "course_id": track.id(exercise["slug"]),
                "title": _text(exercise.get("name")),
                "description": _text(exercise.get("blurb")),
                "level": _text(exercise.get("difficulty")),
                "language": "en",
                "provider": f"Exercism {track.name}",
                "hidden": "true" if exercise.get("status") == "deprecated" else "false",
            },
        )
        for line, exercise in track.exercises
    ]
    names = ["course_id", "title", "description", "level", "language", "provider", "hidden"]
    return _batch("courses", track, rows, names)


def _skills(track: _Track) -> SourceBatch:
    rows = [
        (line, {"skill_id": track.id(concept["slug"]), "name": _text(concept.get("name"))})
        for line, concept in track.concepts
    ]
    return _batch("skills", track, rows, ["skill_id", "name"])


def _teaches(track: _Track) -> SourceBatch:
    rows = [
        (line, {"course_id": track.id(exercise["slug"]), "skill_id": track.id(concept)})
        for line, exercise in track.exercises
        for concept in exercise.get("concepts") or []
    ]
    return _batch("teaches", track, rows, ["course_id", "skill_id"])


def _prerequisites(track: _Track) -> SourceBatch:
    rows = [
        (line, {"skill_id": track.id(concept), "requires_skill_id": track.id(needed)})
        for line, exercise in track.exercises
        for concept in exercise.get("concepts") or []
        for needed in exercise.get("prerequisites") or []
    ]
    return _batch("skill_prerequisites", track, rows, ["skill_id", "requires_skill_id"])

"""MARS (Mandarine Academy): workplace learning in English.

Items are courses; their software and theme tags are the skills they teach; their job tags
are roles, which need the skills of the items tagged with the job. Views are VIEWED, ratings
RATED with the share watched as progress. Times are UTC.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.readers.text import Chunk, TextTable
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names, require_folder

MIN_SUPPORT = 2
"""Items tagged with a job that must teach a skill before the role is said to need it."""

_ITEMS, _USERS = "items_en.csv", "users_en.csv"
_VIEWS, _RATINGS = "implicit_ratings_en.csv", "explicit_ratings_en.csv"
_COLUMNS = {
    _ITEMS: ("courses", ("item_id", "name")),
    _USERS: ("learners", ("user_id", "job")),
    _VIEWS: ("interactions", ("item_id", "user_id", "created_at")),
    _RATINGS: ("interactions", ("user_id", "item_id", "watch_percentage", "created_at", "rating")),
}


class MarsReader(Reader):
    """Reads the folder; only ``items_en.csv`` is required."""

    source: ClassVar[str] = "mars"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._files: dict[str, TextTable] = {}

    def check(self) -> None:
        """Check every file that will be read."""
        require_folder(self.path, self.source)
        if not (self.path / _ITEMS).is_file():
            raise SourceError(
                f"{_ITEMS} is missing; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Give the folder of the English edition of MARS.",
            )
        for file, (table, required) in _COLUMNS.items():
            if not (self.path / file).exists():
                self.log.warn(f"{file} is not there: {table} are read without it")
                continue
            self._files[file] = TextTable(self.path / file, table, required=required)
            self._files[file].check()

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order."""
        items = self._items()
        yield SourceBatch("courses", _courses(items), _ITEMS, _lines(items))
        skills, roles = _distinct(items, "skills"), _distinct(items, "jobs")
        yield _nodes("skills", "skill_id", skills)
        yield _nodes("roles", "role_id", roles)
        if _USERS in self._files:
            yield from self._learners({role.casefold(): role for role in roles["jobs"]})
        teaches = _exploded(items, "skills")
        yield SourceBatch(
            "teaches",
            _table(teaches, {"item_id": "course_id", "skills": "skill_id"}),
            _ITEMS,
            _lines(teaches),
        )
        yield self._needs(items)
        for chunk in self._chunks(_VIEWS):
            yield _events(chunk, _VIEWS, "viewed")
        for chunk in self._chunks(_RATINGS):
            yield _events(chunk, _RATINGS, "rated")

    def _chunks(self, file: str) -> Iterator[Chunk]:
        if file in self._files:
            yield from self._files[file].chunks(self.log)

    def _items(self) -> pd.DataFrame:
        """All items (a thousand), with their tags as lists."""
        frames = []
        for chunk in self._chunks(_ITEMS):
            frame = chunk.columns.to_pandas().astype(object)
            frame["line"] = chunk.lines
            frames.append(frame)
        items = pd.concat(frames) if frames else pd.DataFrame(columns=[*_COLUMNS[_ITEMS][1]])
        for column in ("Software", "Theme", "Job"):
            items[column] = self._tags(items, column)
        items["skills"] = [
            list(dict.fromkeys([*software, *theme]))
            for software, theme in zip(items["Software"], items["Theme"], strict=True)
        ]
        items["jobs"] = items["Job"]
        unread = {"nb_views", "type"} & set(items.columns)
        if unread:
            self.log.note(f"{_ITEMS}: columns {', '.join(sorted(unread))}, not read")
        return items

    def _tags(self, items: pd.DataFrame, column: str) -> list[list[str]]:
        if column not in items:
            return [[] for _ in range(len(items))]
        parsed = []
        for value, line in zip(items[column], items["line"], strict=True):
            tags = _parse_tags(value)
            if tags is None:
                reason = f"{column} is not a list of tags; the item is kept without them"
                self.log.reject("teaches", _ITEMS, int(line), reason, {column: value})
            parsed.append(tags or [])
        return parsed

    def _learners(self, roles: dict[str, str]) -> Iterator[SourceBatch]:
        unmatched: Counter[str] = Counter()
        for chunk in self._chunks(_USERS):
            jobs = [_or_none(job) for job in chunk.columns.column("job").to_pylist()]
            role_ids = [roles.get(job.casefold()) if job else None for job in jobs]
            unmatched.update(
                job for job, role in zip(jobs, role_ids, strict=True) if job and not role
            )
            rows = pa.table(
                {
                    "learner_id": chunk.columns.column("user_id"),
                    "role_id": pa.array(role_ids, pa.string()),
                }
            )
            yield SourceBatch("learners", rows, _USERS, chunk.lines)
        if unmatched:
            listed = ", ".join(f"{job} ({n})" for job, n in unmatched.most_common())
            self.log.note(f"{_USERS}: jobs that no item is tagged with, not read: {listed}")

    def _needs(self, items: pd.DataFrame) -> SourceBatch:
        pairs = _exploded(_exploded(items, "jobs"), "skills")
        keys = ["jobs", "skills"]
        support = pairs.groupby(keys)["item_id"].transform("nunique")
        needed = pairs.loc[(support >= MIN_SUPPORT).to_numpy(dtype=bool)].drop_duplicates(keys)
        rows = _table(needed, {"jobs": "role_id", "skills": "skill_id"})
        rows = rows.append_column("essential", pa.array([False] * len(needed), pa.bool_()))
        self.log.note(
            f"needs: {len(needed)} role-skill pairs derived from items tagged with both"
            f" (at least {MIN_SUPPORT})"
        )
        return SourceBatch("needs", rows, _ITEMS, _lines(needed))


def _parse_tags(value: str) -> list[str] | None:
    if _or_none(value) is None:
        return []
    try:
        tags = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return None
    return [tag for tag in tags if tag]


def _or_none(value: str) -> str | None:
    return None if value.strip() in {"", "N/A"} else value


def _courses(items: pd.DataFrame) -> pa.Table:
    def text(column: str) -> pa.Array:
        values = items[column] if column in items else [""] * len(items)
        return pa.array([_or_none(value) for value in values], pa.string())

    def derived(column: str, scale: str) -> pa.Array:
        return pa.array([_scaled(value, scale) for value in text(column).to_pylist()], pa.string())

    return pa.table(
        {
            "course_id": pa.array(items["item_id"].tolist(), pa.string()),
            "title": text("name"),
            "description": text("description"),
            "level": text("Difficulty"),
            "hours": derived("duration", "seconds"),
            "language": text("language"),
            "published_at": derived("created_at", "year"),
        }
    )


def _scaled(value: str | None, scale: str) -> str | None:
    """Seconds as hours, a bare year as its first day; anything else as it is."""
    if value is None or scale == "year":
        return f"{value}-01-01" if value and len(value) == 4 and value.isdecimal() else value
    try:
        return repr(round(float(value) / 3600, 4))
    except ValueError:
        return value


def _exploded(items: pd.DataFrame, column: str) -> pd.DataFrame:
    return items.explode(column).dropna(subset=[column])


def _distinct(items: pd.DataFrame, column: str) -> pd.DataFrame:
    return _exploded(items, column).drop_duplicates(column).sort_values(column)


def _nodes(table: str, key: str, frame: pd.DataFrame) -> SourceBatch:
    column = "skills" if table == "skills" else "jobs"
    rows = _table(frame, {column: key})
    return SourceBatch(table, rows.append_column("name", rows.column(key)), _ITEMS, _lines(frame))


def _table(frame: pd.DataFrame, names: dict[str, str]) -> pa.Table:
    return pa.table({new: pa.array(frame[old].tolist(), pa.string()) for old, new in names.items()})


def _lines(frame: pd.DataFrame) -> np.ndarray:
    return frame["line"].to_numpy(np.int64)


def _events(chunk: Chunk, file: str, kind: str) -> SourceBatch:
    columns = {
        "learner_id": chunk.columns.column("user_id"),
        "course_id": chunk.columns.column("item_id"),
        "type": pa.array([kind] * chunk.columns.num_rows, pa.string()),
        "at": chunk.columns.column("created_at"),
    }
    if kind == "rated":
        columns["score"] = chunk.columns.column("rating")
        watched = chunk.columns.column("watch_percentage").to_pylist()
        columns["progress"] = pa.array([_share(percent) for percent in watched], pa.string())
    return SourceBatch("interactions", pa.table(columns), file, chunk.lines)


def _share(percent: str) -> str:
    try:
        return repr(float(percent) / 100)
    except ValueError:
        return percent

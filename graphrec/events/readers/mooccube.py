"""MOOCCube (``*.tsv`` entities with a header, ``rel_*.tsv`` from start to end).

Courses with school and description, concepts as skills, what a course teaches, concept
prerequisites, enrolments (no time, no order) and video watches: VIEWED, with its time, to
each course that has the video.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.readers.lookup import read_pairs
from graphrec.events.readers.text import TextTable, count_lines, tsv
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names, require_folder

_RELATIONS = (
    ("rel_course_concept.tsv", "teaches", ("course_id", "skill_id")),
    # The start is the prerequisite of the end.
    ("rel_prerequisite.tsv", "skill_prerequisites", ("requires_skill_id", "skill_id")),
    ("rel_prerequisite_cyclic.tsv", "skill_prerequisites", ("requires_skill_id", "skill_id")),
    ("rel_user_course.tsv", "interactions", ("learner_id", "course_id")),
)
_WATCHES = {
    "video_watch.tsv": ("learner", "video", "t"),
    "learner_index.tsv": ("learner", "user_id"),
    "video_index.tsv": ("video", "video_id"),
    "rel_course_video.tsv": ("end_id", "start_id"),
}
_UNUSED = {
    "teacher.tsv": "teachers",
    "rel_teacher_course.tsv": "teacher-course links",
    "video.tsv": "videos with names",
    "rel_video_concept.tsv": "video-concept links",
    "rel_field_concept.tsv": "field-concept links",
    "video_next.txt": "video-next links",
    "sequences.tsv": "sequences (the watches again, without repeats)",
}


class MooccubeReader(Reader):
    """Reads the folder; only ``course.tsv`` is required."""

    source: ClassVar[str] = "mooccube"

    def __init__(self, path: Path, log: ReadLog, *, with_cycles: bool = False) -> None:
        super().__init__(path, log)
        self._files: dict[str, TextTable] = {}
        self._with_cycles = with_cycles

    def check(self) -> None:
        """Check every file that will be read."""
        require_folder(self.path, self.source)
        if not (self.path / "course.tsv").is_file():
            raise SourceError(
                f"course.tsv is missing; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Give the folder of MOOCCube (mooccubex has a reader of its own).",
            )
        self._open("course.tsv", "courses", ("id", "name"))
        for file, table in (("concept.tsv", "skills"), ("school.tsv", "courses")):
            self._open(file, table, ("id", "name"))
        self._open("rel_school_course.tsv", "courses", ("start_id", "end_id"))
        for file, table, _ in _RELATIONS:
            if file != "rel_prerequisite_cyclic.tsv" or self._with_cycles:
                self._open(file, table, ("start_id", "end_id"))
        self._check_watches()
        self._descriptions()
        if "concept.tsv" not in self._files:
            self.implied = frozenset({"skills"})
        self._note_unused()

    def _open(self, file: str, table: str, required: tuple[str, ...]) -> None:
        path = self.path / file
        if not path.exists():
            self.log.warn(f"{file} is not there: {table} are read without it")
            return
        self._files[file] = tsv(path, table, *required)
        self._files[file].check()

    def _check_watches(self) -> None:
        missing = [file for file in _WATCHES if not (self.path / file).exists()]
        if missing:
            self.log.warn(f"no video watches are read: {', '.join(missing)} is not there")
            return
        for file, required in _WATCHES.items():
            self._open(file, "interactions", required)

    def _note_unused(self) -> None:
        for file, what in _UNUSED.items():
            path = self.path / file
            if path.is_file():
                has_header = file.endswith(".tsv") and file != "sequences.tsv"
                self.log.note(f"{file}: {count_lines(path, header=has_header)} {what}, not read")
        cyclic = self.path / "rel_prerequisite_cyclic.tsv"
        if cyclic.is_file() and not self._with_cycles:
            num = count_lines(cyclic, header=True)
            self.log.note(f"{cyclic.name}: {num} prerequisites, read only with --with-cycles")

    def _descriptions(self) -> dict[str, str]:
        path = self.path / "course_text.json"
        if not path.is_file():
            self.log.warn("course_text.json is not there: courses have no description")
            return {}
        try:
            texts = json.loads(path.read_bytes())
        except (ValueError, UnicodeDecodeError) as exc:
            raise SourceError(
                f"not JSON ({exc}).", where=str(path), remedy="Repair it, or remove it."
            ) from exc
        if not isinstance(texts, dict):
            raise SourceError("expected an object: course id to description.", where=str(path))
        return {str(key): value for key, value in texts.items() if isinstance(value, str)}

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order."""
        yield from self._courses()
        if "concept.tsv" in self._files:
            for chunk in self._files["concept.tsv"].chunks(self.log):
                rows = chunk.columns.select(["id", "name"]).rename_columns(["skill_id", "name"])
                yield SourceBatch("skills", rows, "concept.tsv", chunk.lines)
        for file, table, columns in _RELATIONS:
            yield from self._relation(file, table, columns)
        if "video_watch.tsv" in self._files:
            yield from self._watches()

    def _courses(self) -> Iterator[SourceBatch]:
        texts = self._descriptions()
        schools = self._schools()
        num_used = 0
        for chunk in self._files["course.tsv"].chunks(self.log):
            ids = chunk.columns.column("id").to_pylist()
            num_used += sum(course in texts for course in ids)
            rows = pa.table(
                {
                    "course_id": chunk.columns.column("id"),
                    "title": chunk.columns.column("name"),
                    "description": pa.array([texts.get(c) for c in ids], pa.string()),
                    "language": pa.array(["zh"] * len(ids)),
                    "provider": pa.array([schools.get(c) for c in ids], pa.string()),
                }
            )
            yield SourceBatch("courses", rows, "course.tsv", chunk.lines)
        if num_used < len(texts):
            self.log.note(f"course_text.json: {len(texts) - num_used} texts of unknown courses")

    def _schools(self) -> dict[str, str]:
        """Course id -> name of its school; links to what is unknown are refused."""
        if not {"school.tsv", "rel_school_course.tsv"} <= self._files.keys():
            return {}
        names = dict(read_pairs(self._files["school.tsv"], "id", "name", self.log))
        courses = {c for c, _ in read_pairs(self._files["course.tsv"], "id", "name", None)}
        found: dict[str, str] = {}
        for chunk in self._files["rel_school_course.tsv"].chunks(self.log):
            rows = chunk.columns.to_pylist()
            for row, line in zip(rows, chunk.lines.tolist(), strict=True):
                school, course = row["start_id"], row["end_id"]
                if school not in names or course not in courses:
                    reason = "the school or the course of this link is unknown"
                    self.log.reject("courses", "rel_school_course.tsv", line, reason, row)
                    continue
                found.setdefault(course, names[school])
        return found

    def _relation(self, file: str, table: str, names: tuple[str, str]) -> Iterator[SourceBatch]:
        if file not in self._files:
            return
        for chunk in self._files[file].chunks(self.log):
            rows = chunk.columns.select(["start_id", "end_id"]).rename_columns(list(names))
            if table == "interactions":
                enrolled = pa.array(["enrolled"] * rows.num_rows)
                rows = rows.append_column("type", enrolled)
            yield SourceBatch(table, rows, file, chunk.lines)

    def _watches(self) -> Iterator[SourceBatch]:
        learners = dict(
            read_pairs(self._files["learner_index.tsv"], "learner", "user_id", self.log)
        )
        videos = dict(read_pairs(self._files["video_index.tsv"], "video", "video_id", self.log))
        links = read_pairs(self._files["rel_course_video.tsv"], "end_id", "start_id", self.log)
        courses = pd.DataFrame(links, columns=["video_id", "course_id"], dtype=object)
        for chunk in self._files["video_watch.tsv"].chunks(self.log):
            watches = chunk.columns.to_pandas().astype(object)
            watches["line"] = chunk.lines
            watches["learner_id"] = watches["learner"].map(learners)
            watches["video_id"] = watches["video"].map(videos)
            watches = self._known(watches, "learner_id", "the learner is not in learner_index.tsv")
            watches = self._known(watches, "video_id", "the video is not in video_index.tsv")
            seen = watches.merge(courses.drop_duplicates(), on="video_id", how="left")
            yield _viewed(self._known(seen, "course_id", "the video belongs to no course"))

    def _known(self, rows: pd.DataFrame, column: str, reason: str) -> pd.DataFrame:
        """Rows whose ``column`` was found; the others are refused."""
        is_known = rows[column].notna()
        for row in rows.loc[~is_known, ["learner", "video", "t", "line"]].to_dict("records"):
            line = int(row.pop("line"))
            named = {str(key): value for key, value in row.items()}
            self.log.reject("interactions", "video_watch.tsv", line, reason, named)
        return rows.loc[is_known]


def _viewed(seen: pd.DataFrame) -> SourceBatch:
    seconds = seen["t"].astype(str)
    # What is no number stays as it is: the validation refuses it with its reason.
    at = np.where(seconds.str.fullmatch(r"\d{1,12}"), seconds + "000", "not a time: " + seconds)
    rows = pa.table(
        {
            "learner_id": pa.array(seen["learner_id"].tolist(), pa.string()),
            "course_id": pa.array(seen["course_id"].tolist(), pa.string()),
            "type": pa.array(["viewed"] * len(seen), pa.string()),
            "at": pa.array(at.tolist(), pa.string()),
        }
    )
    return SourceBatch("interactions", rows, "video_watch.tsv", seen["line"].to_numpy(np.int64))

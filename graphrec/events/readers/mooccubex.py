"""MOOCCubeX, processed: enrolments in order, course-concept links, schools.

``sequences.tsv``: a learner TAB course indices, oldest first; ``courses.tsv``: index to id;
``kg.tsv``: course index, relation, entity. There are no names, times or prerequisites.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.errors import SourceError
from graphrec.events.readers.lookup import read_pairs, silent_log
from graphrec.events.readers.text import Chunk, TextTable, count_lines, tsv
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names, require_folder
from graphrec.events.values import as_mask

_LEARNERS_A_CHUNK = 8_000
_OPTIONAL = {
    "sequences.tsv": ("interactions", "\t", ("learner", "courses")),
    "course_school.csv": ("courses", ",", ("course_id", "school_id")),
    "schools.csv": ("courses", ",", ("school_id", "name")),
}
_UNUSED = {"teachers.csv": "teachers", "course_teacher.csv": "course-teacher links"}


class MooccubexReader(Reader):
    """Reads the folder; only ``courses.tsv`` is required."""

    source: ClassVar[str] = "mooccubex"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._files: dict[str, TextTable] = {}
        self._ids: dict[str, str] = {}

    def check(self) -> None:
        """Check every file that will be read."""
        require_folder(self.path, self.source)
        if not (self.path / "courses.tsv").is_file():
            raise SourceError(
                f"courses.tsv is missing; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Give the folder of MOOCCubeX (mooccube has a reader of its own).",
            )
        self._files["courses.tsv"] = tsv(
            self.path / "courses.tsv", "courses", "course", "course_id"
        )
        for file, (table, delimiter, columns) in _OPTIONAL.items():
            if (self.path / file).exists():
                quoted = delimiter == ","
                self._files[file] = TextTable(
                    self.path / file, table, delimiter=delimiter, quoted=quoted, columns=columns
                )
        if (self.path / "kg.tsv").exists():
            self._files["kg.tsv"] = tsv(self.path / "kg.tsv", "teaches", "course", "rel", "entity")
        for text in self._files.values():
            text.check()
        for file in (*_OPTIONAL, "kg.tsv"):
            if file not in self._files:
                self.log.warn(f"{file} is not there: read without it")
        for file, what in _UNUSED.items():
            if (self.path / file).is_file():
                num = count_lines(self.path / file, header=False)
                self.log.note(f"{file}: {num} {what}, not read")

    def batches(self) -> Iterator[SourceBatch]:
        """Yield the tables in order."""
        yield from self._courses()
        if "kg.tsv" in self._files:
            yield from self._skills()
        yield from self._learners()
        if "kg.tsv" in self._files:
            yield from self._teaches()
        if "sequences.tsv" in self._files:
            for chunk in self._files["sequences.tsv"].chunks(self.log, _LEARNERS_A_CHUNK):
                yield self._enrolled(chunk)

    def _courses(self) -> Iterator[SourceBatch]:
        schools = self._schools()
        for chunk in self._files["courses.tsv"].chunks(self.log):
            ids = chunk.columns.column("course_id").to_pylist()
            self._ids.update(zip(chunk.columns.column("course").to_pylist(), ids, strict=True))
            provider = pa.array([schools.pop(c, None) for c in ids], pa.string())
            rows = pa.table({"course_id": pa.array(ids, pa.string()), "provider": provider})
            yield SourceBatch("courses", rows, "courses.tsv", chunk.lines)
        if schools:
            num = len(schools)
            self.log.note(f"course_school.csv: schools of {num} courses outside the catalogue")

    def _schools(self) -> dict[str, str]:
        """Course id -> name of the first school named for it."""
        if not {"schools.csv", "course_school.csv"} <= self._files.keys():
            return {}
        names = dict(read_pairs(self._files["schools.csv"], "school_id", "name", self.log))
        found: dict[str, str] = {}
        num_more = num_unknown = 0
        links = read_pairs(self._files["course_school.csv"], "course_id", "school_id", self.log)
        for course, school in links:
            num_more += course in found
            num_unknown += school not in names
            if course not in found and school in names:
                found[course] = names[school]
        if num_more:
            self.log.note(f"course_school.csv: {num_more} further schools of a course, not read")
        if num_unknown:
            self.log.warn(f"course_school.csv: {num_unknown} links to schools without a name")
        return found

    def _skills(self) -> Iterator[SourceBatch]:
        unused: Counter[str] = Counter()
        seen: set[str] = set()
        for chunk in self._files["kg.tsv"].chunks(self.log):
            rel = chunk.columns.column("rel")
            unused.update(rel.to_pylist())
            concepts = as_mask(pc.equal(rel, "concept"))
            names = chunk.columns.column("entity").to_pylist()
            new = [row for row in np.flatnonzero(concepts) if not _was_seen(names[row], seen)]
            ids = pa.array([names[row] for row in new], pa.string())
            yield SourceBatch("skills", pa.table({"skill_id": ids}), "kg.tsv", chunk.lines[new])
        for name, count in sorted((unused - Counter({"concept": unused["concept"]})).items()):
            self.log.note(f"kg.tsv: {count} links '{name}', not read")

    def _learners(self) -> Iterator[SourceBatch]:
        """All learners at once: a bulk write, where enrolments would create them one by one."""
        if "sequences.tsv" not in self._files:
            return
        seen: set[str] = set()
        for chunk in self._files["sequences.tsv"].chunks(silent_log()):
            ids = chunk.columns.column("learner").to_pylist()
            new = [row for row, learner in enumerate(ids) if not _was_seen(learner, seen)]
            rows = pa.table({"learner_id": pa.array([ids[row] for row in new], pa.string())})
            yield SourceBatch("learners", rows, "sequences.tsv", chunk.lines[new])

    def _teaches(self) -> Iterator[SourceBatch]:
        for chunk in self._files["kg.tsv"].chunks(silent_log()):
            concepts = as_mask(pc.equal(chunk.columns.column("rel"), "concept"))
            links, lines = chunk.columns.filter(pa.array(concepts)), chunk.lines[concepts]
            courses, known = self._course_ids(links.column("course").combine_chunks())
            self._refuse("teaches", "kg.tsv", links, lines, known)
            rows = pa.table({"course_id": courses, "skill_id": links.column("entity")})
            yield SourceBatch("teaches", rows.filter(pa.array(known)), "kg.tsv", lines[known])

    def _enrolled(self, chunk: Chunk) -> SourceBatch:
        texts = pc.utf8_trim_whitespace(chunk.columns.column("courses").combine_chunks())
        lists = pc.utf8_split_whitespace(texts)
        offsets = lists.offsets.to_numpy()
        counts = np.diff(offsets)
        indices = lists.flatten()
        learners = np.repeat(np.arange(len(counts)), counts)
        seq = np.arange(len(indices)) - np.repeat(offsets[:-1], counts)
        courses, known = self._course_ids(indices)
        rows = pa.table(
            {
                "learner_id": chunk.columns.column("learner").take(pa.array(learners)),
                "course_id": courses,
                "type": pa.array(["enrolled"] * len(indices), pa.string()),
                "seq": pa.array(seq, pa.int64()),
            }
        )
        lines = chunk.lines[learners]
        named = rows.set_column(1, "course", indices)
        self._refuse("interactions", "sequences.tsv", named, lines, known)
        return SourceBatch(
            "interactions", rows.filter(pa.array(known)), "sequences.tsv", lines[known]
        )

    def _course_ids(self, indices: pa.Array) -> tuple[pa.Array, np.ndarray]:
        """Ids of course indices, and a mask of those that are known."""
        found = pc.index_in(indices, value_set=pa.array(list(self._ids), pa.string()))
        ids = pa.array(list(self._ids.values()), pa.string()).take(found)
        return ids, as_mask(pc.is_valid(found))

    def _refuse(
        self, table: str, file: str, rows: pa.Table, lines: np.ndarray, known: np.ndarray
    ) -> None:
        bad = np.flatnonzero(~known)
        for row, line in zip(rows.take(pa.array(bad)).to_pylist(), lines[bad], strict=True):
            reason = "the course index is not in courses.tsv"
            self.log.reject(table, file, int(line), reason, row)


def _was_seen(name: str, seen: set[str]) -> bool:
    if name in seen:
        return True
    seen.add(name)
    return False

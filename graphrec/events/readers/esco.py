"""ESCO: the European classification of skills and occupations, as its CSV download.

Occupations are roles, their essential and optional skills what they need; a skill requires
those that ESCO calls essential for it. Ids are the concepts' URIs, verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.readers.text import Chunk, TextTable, count_lines
from graphrec.events.source import Reader, ReadLog, SourceBatch, list_names

_SKILLS: Final = re.compile(r"skills_(\w+)\.csv")
_COLUMNS: Final = {
    "skills": ("conceptUri", "preferredLabel"),
    "occupations": ("conceptUri", "preferredLabel"),
    "skillSkillRelations": ("originalSkillUri", "relationType", "relatedSkillUri"),
    "occupationSkillRelations": ("occupationUri", "relationType", "skillUri"),
}
_TABLES: Final = {
    "skills": "skills",
    "occupations": "roles",
    "skillSkillRelations": "skill_prerequisites",
    "occupationSkillRelations": "needs",
}
_HIERARCHIES: Final = ("broaderRelationsSkillPillar", "broaderRelationsOccPillar")
_RELATIONS: Final = ("essential", "optional")


class EscoReader(Reader):
    """Reads one language of the download: a folder, or its ``skills_LANGUAGE.csv``."""

    source: ClassVar[str] = "esco"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._language = "en"
        self._files: dict[str, TextTable] = {}

    def check(self) -> None:
        """Choose the language and check its files."""
        self._language = self._choose()
        folder = self.path.parent if self.path.is_file() else self.path
        for kind, columns in _COLUMNS.items():
            file = TextTable(
                folder / f"{kind}_{self._language}.csv", _TABLES[kind], required=columns
            )
            if kind == "skills" or file.path.is_file():
                file.check()
                self._files[kind] = file
            else:
                self.log.warn(f"{file.file} is not there: no {_TABLES[kind]} are read")
        for kind in _HIERARCHIES:
            path = folder / f"{kind}_{self._language}.csv"
            if path.is_file():
                num = count_lines(path, header=True)
                self.log.note(f"{path.name}: {num} broader relations, no prerequisites: not read")

    def _choose(self) -> str:
        if self.path.is_file():
            named = _SKILLS.fullmatch(self.path.name)
            if named is None:
                raise SourceError(
                    "not the skills of ESCO.",
                    where=str(self.path),
                    remedy="Give skills_en.csv (or another language), or the folder it is in.",
                )
            return named[1]
        if not self.path.is_dir():
            raise SourceError(
                "there is nothing here.", where=str(self.path), remedy="Check the path."
            )
        names = (_SKILLS.fullmatch(file.name) for file in self.path.iterdir())
        languages = sorted(named[1] for named in names if named)
        if not languages:
            raise SourceError(
                f"skills_en.csv is missing; found: {list_names(self.path)}.",
                where=str(self.path),
                remedy="Unpack ESCO's CSV download (classification) into this folder.",
            )
        if len(languages) == 1:
            return languages[0]
        if "en" not in languages:
            raise SourceError(
                f"several languages: {', '.join(languages)}.",
                where=str(self.path),
                remedy=f"Give one by its file: {self.path / f'skills_{languages[0]}.csv'}.",
            )
        self.log.note(f"languages {', '.join(languages)}: en is read; another by its file")
        return "en"

    def batches(self) -> Iterator[SourceBatch]:
        """Yield skills, occupations, and what ties them together."""
        for kind, id_column in (("skills", "skill_id"), ("occupations", "role_id")):
            for file, chunk in self._chunks(kind):
                yield _concepts(file, chunk, id_column)
        yield from self._relations(
            "skillSkillRelations", "originalSkillUri", "skill_id", "relatedSkillUri"
        )
        yield from self._relations(
            "occupationSkillRelations", "occupationUri", "role_id", "skillUri"
        )

    def _chunks(self, kind: str) -> Iterator[tuple[TextTable, Chunk]]:
        file = self._files.get(kind)
        if file is not None:
            for chunk in file.chunks(self.log):
                yield file, chunk

    def _relations(
        self, kind: str, subject: str, subject_id: str, needed: str
    ) -> Iterator[SourceBatch]:
        """Essential relations; of occupations the optional ones too."""
        is_role, num_optional = subject_id == "role_id", 0
        for file, chunk in self._chunks(kind):
            columns = chunk.columns
            types = [str(t).strip().lower() for t in columns.column("relationType").to_pylist()]
            self._refuse_unknown(file, chunk, types)
            wanted = [t == "essential" or (is_role and t == "optional") for t in types]
            num_optional += types.count("optional")
            keep = np.array(wanted, dtype=bool)
            data = {
                subject_id: columns.column(subject),
                "skill_id" if is_role else "requires_skill_id": columns.column(needed),
            }
            if is_role:
                data["essential"] = pa.chunked_array([pa.array([t == "essential" for t in types])])
            rows = pa.table(data).filter(pa.array(keep))
            yield SourceBatch(file.table, rows, file.file, chunk.lines[keep])
        if num_optional and not is_role:
            self.log.note(
                f"{self._files[kind].file}: {num_optional} optional relations of skills: not read,"
                " a prerequisite is hard"
            )

    def _refuse_unknown(self, file: TextTable, chunk: Chunk, types: list[str]) -> None:
        for row, kind in enumerate(types):
            if kind not in _RELATIONS:
                values = {
                    name: chunk.columns.column(name)[row] for name in chunk.columns.schema.names
                }
                self.log.reject(
                    file.table,
                    file.file,
                    int(chunk.lines[row]),
                    f"relationType is not one of {', '.join(_RELATIONS)}",
                    {name: value.as_py() for name, value in values.items()},
                )


def _concepts(file: TextTable, chunk: Chunk, id_column: str) -> SourceBatch:
    columns = chunk.columns
    data = {id_column: columns.column("conceptUri"), "name": columns.column("preferredLabel")}
    if "description" in columns.schema.names:
        data["description"] = columns.column("description")
    return SourceBatch(file.table, pa.table(data), file.file, chunk.lines)

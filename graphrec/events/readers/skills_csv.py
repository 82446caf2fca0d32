"""A competency framework as one plain CSV: a skill a line, what it requires, who needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from graphrec.events.readers.placed_json import Rows, text_batch
from graphrec.events.readers.plain_csv import PlainCsv, split_level, split_list
from graphrec.events.source import Reader, ReadLog, SourceBatch

_ALIASES: Final = {
    "skill_id": ("id", "code", "identifier", "skill_code", "competency_id", "uri"),
    "name": ("skill", "skill_name", "title", "label", "competency", "preferred_label"),
    "description": ("definition", "statement", "details"),
    "requires": ("prerequisites", "prerequisite", "requires_skill_id", "requires_skill_ids"),
    "roles": ("role", "role_id", "role_ids", "job", "jobs", "occupation", "occupations"),
    "level": ("required_level", "target_level", "needed_level"),
    "essential": ("is_essential", "mandatory", "required"),
}
_ABOUT: Final = ("name", "description")


class SkillsCsvReader(Reader):
    """Reads one CSV file of skills."""

    source: ClassVar[str] = "skills-csv"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._csv = PlainCsv(path, "skills", _ALIASES)

    def check(self) -> None:
        """Check the file; without ids, names are ids."""
        self._csv.check()
        self._csv.need("skill_id", "name")
        if "skill_id" not in self._csv.columns:
            self.log.warn(f"{self._csv.file}: no column of ids; the names are taken as ids")
        self._csv.tell_strangers(self.log)
        # A role is known by nothing but the skills that name it.
        self.implied = frozenset({"roles"})

    def batches(self) -> Iterator[SourceBatch]:
        """Yield skills, what they require, and the roles' needs."""
        skills: Rows = []
        requires: Rows = []
        needs: Rows = []
        for line, row in self._csv.rows(self.log):
            skill = row.get("skill_id", row.get("name", ""))
            about: dict[str, Any] = {name: row[name] for name in _ABOUT if name in row}
            skills.append((line, {"skill_id": skill, **about}))
            needed = split_list(row.get("requires", ""))
            requires += [(line, {"skill_id": skill, "requires_skill_id": n}) for n in needed]
            needs += [(line, need) for need in _needs(skill, row)]
        yield text_batch("skills", self._csv.file, skills, ("skill_id",))
        if requires:
            yield text_batch("skill_prerequisites", self._csv.file, requires)
        if needs:
            yield text_batch("needs", self._csv.file, needs)


def _needs(skill: str, row: dict[str, str]) -> Iterator[dict[str, Any]]:
    for text in split_list(row.get("roles", "")):
        role, level = split_level(text)
        need: dict[str, Any] = {"role_id": role, "skill_id": skill}
        if level or "level" in row:
            need["level"] = level or row["level"]
        if "essential" in row:
            need["essential"] = row["essential"]
        yield need

"""Stage 1, EVENTS: one reader a kind of source, found by its name on the command line."""

from __future__ import annotations

from pathlib import Path

from graphrec.errors import ParameterError
from graphrec.events.readers.case import CaseReader
from graphrec.events.readers.courses_csv import CoursesCsvReader
from graphrec.events.readers.esco import EscoReader
from graphrec.events.readers.exercism import ExercismReader
from graphrec.events.readers.mars import MarsReader
from graphrec.events.readers.mooccube import MooccubeReader
from graphrec.events.readers.mooccubex import MooccubexReader
from graphrec.events.readers.movielens import MovielensReader
from graphrec.events.readers.native import NativeReader
from graphrec.events.readers.schema_org import SchemaOrgReader
from graphrec.events.readers.skills_csv import SkillsCsvReader
from graphrec.events.source import Reader, ReadLog

READERS: dict[str, type[Reader]] = {
    reader.source: reader
    for reader in (
        NativeReader,
        MooccubeReader,
        MooccubexReader,
        MarsReader,
        ExercismReader,
        MovielensReader,
        EscoReader,
        CaseReader,
        SkillsCsvReader,
        CoursesCsvReader,
        SchemaOrgReader,
    )
}


def open_reader(source: str, path: Path, log: ReadLog, *, with_cycles: bool = False) -> Reader:
    """The reader of a source, its files checked.

    Args:
        source: A name of ``READERS``.
        path: The folder or file.
        log: Takes notes, warnings and refused lines.
        with_cycles: Also read the prerequisites that form cycles (mooccube).

    Raises:
        ParameterError: There is no such source, or it has no cycles to leave out.
        SourceError: The files are not those of the source.
    """
    if source not in READERS:
        raise ParameterError(
            f"there is no source '{source}'.",
            where="SOURCE",
            remedy=f"Choose one of: {', '.join(READERS)}.",
        )
    if with_cycles and source != MooccubeReader.source:
        raise ParameterError(
            f"{source} keeps no cyclic prerequisites apart.",
            where="--with-cycles",
            remedy="Leave it out; cycles among the prerequisites are kept anyway.",
        )
    reader = (
        MooccubeReader(path, log, with_cycles=True) if with_cycles else READERS[source](path, log)
    )
    reader.check()
    return reader

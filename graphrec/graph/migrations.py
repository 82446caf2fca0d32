"""Stage 2, GRAPH: the versioned statements of ``cypher/schema.*.cypher``."""

from __future__ import annotations

import re

from graphrec.errors import QueryError
from graphrec.graph.queries import cypher_folder

_VERSION = re.compile(r"//\s*version:\s*(\d+)\s*")


def migrations(engine: str) -> list[tuple[int, list[str]]]:
    """Versions of a schema in order, each with its statements.

    Args:
        engine: "ladybug" or "neo4j".

    Raises:
        QueryError: The file's versions do not count 1, 2, 3.
    """
    path = cypher_folder() / f"schema.{engine}.cypher"
    versions: list[tuple[int, list[str]]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := _VERSION.fullmatch(line):
            versions.append((int(found[1]), []))
        elif line.strip() and not line.startswith("//"):
            if not versions:
                raise QueryError("A statement stands before the first version.", where=str(path))
            versions[-1][1].append(line.strip().rstrip(";"))
    if [number for number, _ in versions] != list(range(1, len(versions) + 1)):
        raise QueryError("Versions must count 1, 2, 3.", where=str(path))
    return versions

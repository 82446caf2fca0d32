"""A Cypher text of one's own from a file: its header, if any, gives the parameters their types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphrec.errors import ParameterError, SourceError
from graphrec.graph.own_query_rows import DEFAULT_TIMEOUT_S, OwnAnswer
from graphrec.graph.queries import parse
from graphrec.graph.store import GraphStore


@dataclass(frozen=True)
class OwnFile:
    """A text with its parameters.

    Attributes:
        path: Its file.
        text: What is run.
        values: Every parameter with its value.
    """

    path: Path
    text: str
    values: Mapping[str, Any]


def read_own_file(path: Path, given: Mapping[str, str]) -> OwnFile:
    """Read a file that begins with a header like those of ``cypher/``, or with the text itself.

    Args:
        path: UTF-8 text.
        given: Parameters as written on the command line; without a header they are JSON
            where they read as such (``5``, ``true``, ``["a", "b"]``), else texts.

    Raises:
        SourceError: It cannot be read as text.
        QueryError: Its header is wrong.
        ParameterError: A parameter of the header is missing, unknown or of the wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror}.", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise SourceError("It is no UTF-8 text.", where=str(path)) from error
    if not any(line.startswith("// purpose:") for line in text.splitlines()):
        return OwnFile(path, text, {name: untyped(value) for name, value in given.items()})
    query = parse(path)
    if query.computed_by:
        raise ParameterError(
            "'computed by' is for the queries of graphrec.",
            where=str(path),
            remedy="Leave it away.",
        )
    return OwnFile(path, query.text, query.values(given))


def run_own_file(
    graph: GraphStore, own: OwnFile, max_rows: int, timeout_s: float | None
) -> OwnAnswer:
    """Its rows; an error names the file.

    Raises:
        ParameterError: It does not only read, or cannot be understood.
        QueryLimitError: It was stopped.
    """
    try:
        return graph.run_own(
            own.text, own.values, max_rows=max_rows, timeout_s=timeout_s or DEFAULT_TIMEOUT_S
        )
    except ParameterError as error:
        if error.where == "query":
            error.where = str(own.path)
        raise


def untyped(value: str) -> Any:
    """A parameter without a declared type: JSON where it reads as such, else the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value

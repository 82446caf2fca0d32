"""A Cypher text of one's own from a file: its header, if any, gives the parameters their types."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphrec.errors import ParameterError, SourceError
from graphrec.graph.own_query_rows import OwnAnswer
from graphrec.graph.parameters import Parameter
from graphrec.graph.store import GraphStore

_ENTRY = re.compile(r"//\s{2,}(\S.*)")


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
    """Read a file; ``// parameters:`` as in ``cypher/`` may stand at its beginning.

    Args:
        path: UTF-8 text.
        given: Parameters as written on the command line; those not declared are JSON where
            they read as such (``5``, ``true``, ``["a", "b"]``), else texts.

    Raises:
        SourceError: It cannot be read as text.
        QueryError: A parameter of its header is wrongly declared.
        ParameterError: A parameter of its header is missing or of the wrong type.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror}.", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise SourceError("It is no UTF-8 text.", where=str(path)) from error
    declared = {parameter.name: parameter for parameter in _declared(text, path)}
    values = {name: untyped(value) for name, value in given.items() if name not in declared}
    for name, parameter in declared.items():
        values[name] = parameter.value(given, query=path.name)
    return OwnFile(path, text, values)


def _declared(text: str, path: Path) -> Iterator[Parameter]:
    """Parameters of the header; what else its lines say is a comment."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("//"):
            return
        entry = _ENTRY.fullmatch(line.rstrip())
        if inside and entry:
            yield Parameter.parse(entry[1], f"{path}:{number}")
        else:
            inside = line.rstrip() == "// parameters:"


def run_own_file(graph: GraphStore, own: OwnFile, max_rows: int, timeout_s: float) -> OwnAnswer:
    """Its rows; an error names the file.

    Raises:
        ParameterError: It does not only read, or cannot be understood.
        QueryLimitError: It was stopped.
    """
    try:
        return graph.run_own(own.text, own.values, max_rows=max_rows, timeout_s=timeout_s)
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

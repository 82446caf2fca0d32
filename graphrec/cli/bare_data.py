"""``--data`` and ``--format`` of the commands that also learn from a bare file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphrec.errors import ParameterError
from graphrec.evaluate.files import Format, Interactions, read_interactions

DataOption = Annotated[
    Path | None, typer.Option("--data", help="A bare file (or the folder of a split).")
]
FormatOption = Annotated[Format | None, typer.Option("--format", help="Form of --data.")]


def read_bare(data: Path | None, file_format: Format | None) -> Interactions | None:
    """The interactions of a bare file; None where neither option was given.

    Raises:
        ParameterError: One was given without the other.
        SourceError: The file cannot be read.
    """
    if data is not None and file_format is not None:
        return read_interactions(data, file_format)
    if data is not None or file_format is not None:
        raise ParameterError("--data and --format go together.", where="--format")
    return None

"""JSON whose objects know the line where they begin, so that a refused record has a place."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from json import decoder, scanner
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from graphrec.errors import SourceError
from graphrec.events.readers.encoding import check_encoding
from graphrec.events.source import SourceBatch, list_names
from graphrec.schema import TABLES

Rows = list[tuple[int, Mapping[str, Any]]]
"""Lines and rows of one native table."""


class Placed(dict[str, Any]):
    """A JSON object; ``line`` says where its brace opens, from 1."""

    line = 1


class _Decoder(json.JSONDecoder):
    """Decodes one text; slower than the plain one, since it looks at every object."""

    def __init__(self, text: str) -> None:
        super().__init__(strict=False)
        self._ends = [at for at, char in enumerate(text) if char == "\n"]
        self.parse_object: Callable[..., tuple[Any, int]] = self._placed
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _placed(self, s_and_end: tuple[str, int], *args: Any) -> tuple[Placed, int]:
        found, end = decoder.JSONObject(s_and_end, *args)  # type: ignore[attr-defined]
        placed = Placed(found)
        placed.line = bisect_left(self._ends, s_and_end[1] - 1) + 1
        return placed, end


def load_placed(path: Path) -> Any:
    """The value of a JSON file, its objects as ``Placed``.

    Raises:
        SourceError: The file is missing, empty, not UTF-8 or not JSON; names the line.
    """
    check_encoding(path, "utf-8")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return _Decoder(text).decode(text)
    except UnicodeDecodeError as exc:
        line = path.read_bytes()[: exc.start].count(b"\n") + 1
        raise SourceError(
            "not UTF-8.", where=f"{path}:{line}", remedy="Save it as UTF-8 text."
        ) from exc
    except json.JSONDecodeError as exc:
        raise SourceError(
            f"not JSON ({exc.msg}).", where=f"{path}:{exc.lineno}", remedy="Repair the file."
        ) from exc
    except RecursionError as exc:
        raise SourceError(
            "the objects are nested too deeply.",
            where=str(path),
            remedy="Give the records as a list.",
        ) from exc


def json_files(path: Path, endings: tuple[str, ...]) -> list[Path]:
    """The file itself, or those of a folder with one of the endings, by name.

    Raises:
        SourceError: There is nothing, or a folder without such a file.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError("there is nothing here.", where=str(path), remedy="Check the path.")
    files = sorted(file for file in path.iterdir() if file.name.endswith(endings))
    if not files:
        wanted = " or ".join(f"*{ending}" for ending in endings)
        raise SourceError(
            f"no {wanted} in this folder; found: {list_names(path)}.",
            where=str(path),
            remedy="Give the file itself, or a folder that holds it.",
        )
    return files


def text_batch(table: str, file: str, rows: Rows, columns: Iterable[str] = ()) -> SourceBatch:
    """Rows as a batch of text columns.

    Args:
        table: Name of the native table.
        file: The source's file.
        rows: Lines and values; an absent value is null.
        columns: Columns to give even where no row has a value; the others only where one
            has, since a column that a source lacks leaves what the graph holds.
    """
    filled = {name for _, row in rows for name, value in row.items() if value is not None}
    used = set(columns) | filled
    names = [name for name in TABLES[table].schema.names if name in used]
    values = {name: pa.array([_text(row.get(name)) for _, row in rows]) for name in names}
    arrays = {name: array.cast(pa.string()) for name, array in values.items()}
    lines = np.array([line for line, _ in rows], dtype=np.int64)
    return SourceBatch(table, pa.table(arrays), file, lines)


def _text(value: object) -> str | None:
    return None if value is None else str(value)

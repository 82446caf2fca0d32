"""Bare interaction files, without a graph: sequences, pairs, or a published split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.errors import SourceError
from graphrec.ids import IdMap

Format = Literal["sequences", "pairs", "split"]


@dataclass(frozen=True)
class Interactions:
    """A file's content.

    Attributes:
        dataset: Histories for training (of ``split``: train.txt).
        test: Test items of the same learners, or None where the protocol cuts them off.
    """

    dataset: Dataset
    test: Histories | None = None


def read_interactions(path: Path, file_format: Format) -> Interactions:
    """Read a bare interaction file.

    Args:
        path: The file; for ``split`` the folder of train.txt and test.txt.
        file_format: ``sequences`` (a learner, then its items oldest first), ``pairs``
            (learner item, a line each, in time order), ``split``.

    Raises:
        SourceError: The file is missing, not UTF-8 or without interactions, a learner has
            two lines, or a pair is no pair; named with its line.
    """
    if file_format == "split":
        return _read_split(path)
    rows = _read_pairs(path) if file_format == "pairs" else _read_sequences(path)
    items, names = IdMap(_distinct(rows.values())), list(rows)
    return Interactions(_dataset(names, items, rows, is_ordered=True))


def _read_split(path: Path) -> Interactions:
    train, test = (_read_sequences(path / name) for name in ("train.txt", "test.txt"))
    names = list(dict.fromkeys([*train, *test]))
    items = IdMap(_distinct([*train.values(), *test.values()]))
    dataset = _dataset(names, items, train, is_ordered=False)
    return Interactions(dataset, _histories(names, items, test))


def _dataset(
    names: list[str], items: IdMap, rows: dict[str, list[str]], *, is_ordered: bool
) -> Dataset:
    histories = _histories(names, items, rows)
    flags = None if is_ordered else np.zeros(len(names), bool)
    ordered = Histories(histories.indptr, histories.items, None, flags)
    return Dataset(IdMap(names), items, ordered)


def _histories(names: list[str], items: IdMap, rows: dict[str, list[str]]) -> Histories:
    """Dense histories in the order of ``names``, each item once, at its first place."""
    return Histories.from_lists(
        [items.indices(dict.fromkeys(rows.get(name, ()))) for name in names]
    )


def _distinct(rows: object) -> list[str]:
    """Item ids, numbers by value and before other ids, so that order never depends on users."""
    found = {item for row in rows for item in row}  # type: ignore[attr-defined]
    return sorted(found, key=lambda i: (not i.isdecimal(), int(i) if i.isdecimal() else 0, i))


def _read_sequences(path: Path) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for number, words in _lines(path):
        if words[0] in rows:
            raise SourceError(
                f"learner '{words[0]}' has a line already.",
                where=f"{path}:{number}",
                remedy="Give each learner one line, or use --format pairs.",
            )
        rows[words[0]] = words[1:]
    return rows


def _read_pairs(path: Path) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = {}
    for number, words in _lines(path):
        if len(words) < 2:
            raise SourceError("a pair is 'learner item'.", where=f"{path}:{number}")
        rows.setdefault(words[0], []).append(words[1])
    return rows


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that has some."""
    is_empty = True
    try:
        with path.open("rb") as handle:
            for number, line in enumerate(handle, 1):
                words = _text(path, number, line).split()
                if words:
                    is_empty = is_empty and len(words) == 1
                    yield number, words
    except OSError as exc:
        raise SourceError(
            f"cannot be read: {exc.strerror}.", where=str(path), remedy="Check --data and --format."
        ) from exc
    if is_empty:
        raise SourceError("has no interactions.", where=str(path))


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        # Notepad and Excel begin a file with a mark that is no part of the first id.
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as exc:
        raise SourceError(
            f"is not UTF-8 (byte {exc.start + 1} of the line).",
            where=f"{path}:{number}",
            remedy="Save it as UTF-8, plain text.",
        ) from exc

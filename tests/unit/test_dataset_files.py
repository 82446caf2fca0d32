"""What a worker reads is mapped, not copied, and the same on every worker."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted import bare, walks

from graphrec.models.dataset_io import load_dataset, load_validation, save_dataset


def mapped_files() -> str:
    """What this process has mapped, of files."""
    return Path("/proc/self/maps").read_text(encoding="utf-8")


def test_histories_are_mapped_and_read_only(tmp_path: Path) -> None:
    data = walks()
    save_dataset(tmp_path, data, (data.histories, np.arange(len(data.histories))))
    read = load_dataset(tmp_path).histories
    held, targets = load_validation(tmp_path)
    for array in (read.indptr, read.items, held.indptr, held.items, targets):
        assert not array.flags.owndata
        assert not array.flags.writeable
    np.testing.assert_array_equal(read.items, data.histories.items)
    np.testing.assert_array_equal(targets, np.arange(len(held)))
    if Path("/proc/self/maps").is_file():
        assert str(tmp_path / "histories.arrow") in mapped_files()
    with pytest.raises(ValueError, match="read-only"):
        read.items[0] = 1


@pytest.mark.parametrize("rows", [[], [[]], [[], [3], []]])
def test_empty_histories_survive(tmp_path: Path, rows: list[list[int]]) -> None:
    data = bare(rows, 4)
    timed = replace(data.histories, times=np.full(len(data.histories.items), -1))
    save_dataset(tmp_path, data.with_histories(timed), (timed, np.zeros(len(rows), np.int64)))
    read, (held, targets) = load_dataset(tmp_path).histories, load_validation(tmp_path)
    assert len(read) == len(held) == len(targets) == len(rows)
    np.testing.assert_array_equal(read.indptr, timed.indptr)
    np.testing.assert_array_equal(read.items, timed.items)
    np.testing.assert_array_equal(read.times, timed.times)


def test_without_validation_there_is_none(tmp_path: Path) -> None:
    save_dataset(tmp_path, bare([[1]], 2))
    histories, targets = load_validation(tmp_path)
    assert len(histories) == len(targets) == 0

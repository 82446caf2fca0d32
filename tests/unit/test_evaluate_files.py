"""The three forms of a bare interaction file, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphrec.errors import SourceError
from graphrec.evaluate.files import Format, Interactions, read_interactions


def read(tmp_path: Path, content: str | bytes, file_format: Format = "sequences") -> Interactions:
    path = tmp_path / "data.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_interactions(path, file_format)


def rows(found: Interactions) -> dict[str, list[str]]:
    """Learner -> item ids, as read."""
    data = found.dataset
    return {u: data.items.ids(row) for u, row in zip(data.learners, data.histories, strict=True)}


def test_sequences_by_any_white_space(tmp_path: Path) -> None:
    found = read(tmp_path, "ann 3 1 2\n\nbob\t2  1\r\n  eve 1\u00a03 ")
    assert rows(found) == {"ann": ["3", "1", "2"], "bob": ["2", "1"], "eve": ["1", "3"]}
    assert found.dataset.histories.ordered.all()
    assert found.test is None


def test_pairs_in_time_order(tmp_path: Path) -> None:
    found = read(tmp_path, "ann 3\nbob 2\nann 1\nbob 1\n", "pairs")
    assert rows(found) == {"ann": ["3", "1"], "bob": ["2", "1"]}


def test_split_has_no_order_and_a_test_set(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 5 7\n1 7\n")
    (tmp_path / "test.txt").write_text("1 5 9\n2 7\n0\n")
    found = read_interactions(tmp_path, "split")
    assert rows(found) == {"0": ["5", "7"], "1": ["7"], "2": []}
    assert found.test is not None
    assert [found.dataset.items.ids(r) for r in found.test] == [[], ["5", "9"], ["7"]]
    assert found.dataset.items.ids(range(3)) == ["5", "7", "9"]  # what only the test has, too
    assert not found.dataset.histories.ordered[0]


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    found = read(tmp_path, b"\xef\xbb\xbfann 1 2\r\nbob 2\r\n")
    assert rows(found) == {"ann": ["1", "2"], "bob": ["2"]}


@pytest.mark.parametrize("file_format", ["sequences", "pairs"])
def test_a_repeated_item_counts_once_at_its_first_place(
    tmp_path: Path, file_format: Format
) -> None:
    content = "u a b a c b" if file_format == "sequences" else "u a\nu b\nu a\nu c\nu b"
    assert rows(read(tmp_path, content, file_format)) == {"u": ["a", "b", "c"]}


def test_items_are_numbered_by_value_then_by_name(tmp_path: Path) -> None:
    found = read(tmp_path, "u zebra 10 9 курс 010 a-1\n")
    assert list(found.dataset.items) == ["9", "010", "10", "a-1", "zebra", "курс"]


def test_ids_stay_as_written(tmp_path: Path) -> None:
    found = read(tmp_path, "007 01 1\n7 1\n")
    assert rows(found) == {"007": ["01", "1"], "7": ["1"]}


def test_a_learner_without_items_is_a_learner(tmp_path: Path) -> None:
    assert rows(read(tmp_path, "ann\nbob 1\n")) == {"ann": [], "bob": ["1"]}


@pytest.mark.parametrize(
    ("content", "file_format", "where", "message"),
    [
        ("", "sequences", "", "no interactions"),
        ("\n \r\n\n", "pairs", "", "no interactions"),
        ("ann\nbob\n", "sequences", "", "no interactions"),
        ("ann 1\nbob\n", "pairs", ":2", "a pair is"),
        ("ann 1 2\nbob 1\n\nann 3\n", "sequences", ":4", "learner 'ann' has a line already"),
        (b"ann 1\nb\xf6b 2\n", "sequences", ":2", "not UTF-8 (byte 2"),
        (b"\xff\xfea\x00n\x00", "pairs", ":1", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, content: str | bytes, file_format: Format, where: str, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, content, file_format)
    assert caught.value.where == f"{tmp_path / 'data.txt'}{where}"
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_a_duplicate_learner_is_told_the_other_form(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--format pairs"):
        read(tmp_path, "ann 1\nann 2\n")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_interactions(tmp_path / "nowhere.txt", "pairs")
    with pytest.raises(SourceError, match="cannot be read: Is a directory"):
        read_interactions(tmp_path, "sequences")
    (tmp_path / "train.txt").write_text("0 1 2\n")
    with pytest.raises(SourceError) as caught:
        read_interactions(tmp_path, "split")
    assert caught.value.where == str(tmp_path / "test.txt")
    with pytest.raises(SourceError, match="Not a directory"):
        read_interactions(tmp_path / "train.txt", "split")

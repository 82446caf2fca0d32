import pytest

from graphrec.ids import IdMap


def test_a_bijection_with_unknown_ids_marked() -> None:
    ids = IdMap(["b", "a", "ü"])
    assert ids.ids(ids.indices(["ü", "b"])) == ["ü", "b"]
    assert ids.indices(["a", "?"]).tolist() == [1, -1]
    assert ids.index("?") is None
    assert "a" in ids
    assert len(ids) == 3


def test_ids_are_unique() -> None:
    with pytest.raises(ValueError, match="unique"):
        IdMap(["a", "a"])

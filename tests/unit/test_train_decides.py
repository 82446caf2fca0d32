"""Which bundle serves: the first, a better one, one no worse within noise; never a worse one."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted import bare

from graphrec.bundle import CHAMPION, Bundle, BundleStore, BundleWriter
from graphrec.dataset import Dataset
from graphrec.ids import IdMap
from graphrec.recommend.validate import Validated

pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.train import decide

DATASET = bare([[0, 1, 2]], 10)


def validated(ndcg: float, error: float = 0.01) -> Validated:
    return Validated({"ndcg@10": ndcg, "recall@10": ndcg}, error, 100)


def publish(bundles: BundleStore, ndcg: float, items: list[str], snapshot: str = "0") -> Bundle:
    info = {"snapshot_hash": snapshot * 64, "config": {}, "seed": 0, "code_version": "test"}
    info |= {"metrics": {"pipeline": {"ndcg@10": ndcg}}, "models": ["popularity"]}

    def write(writer: BundleWriter) -> None:
        writer.table("items", IdMap(items).to_arrow("course_id"))

    return bundles.publish(write, info=info)


@pytest.fixture
def bundles(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path)


def is_taken(bundles: BundleStore, bundle: Bundle, ndcg: float, data: Dataset = DATASET) -> bool:
    is_champion, verdict = decide(bundles, bundle, validated(ndcg), data)
    assert verdict.startswith("champion:" if is_champion else "not champion:")
    assert (bundles.alias(CHAMPION) == bundle.id) == is_champion
    return is_champion


def test_the_first_one_serves(bundles: BundleStore) -> None:
    assert is_taken(bundles, publish(bundles, 0.1, list(DATASET.items)), 0.1)


@pytest.mark.parametrize(
    ("snapshot", "ndcg", "expected"),
    [
        ("0", 0.5, True),
        ("0", 0.3, True),
        ("0", 0.299, False),  # the same learners were asked: no chance in it
        ("1", 0.3, True),
        ("1", 0.295, True),  # other data, other learners: within a standard error of .01
        ("1", 0.285, False),
    ],
)
def test_a_later_one_must_be_no_worse(
    bundles: BundleStore, snapshot: str, ndcg: float, expected: bool
) -> None:
    old = publish(bundles, 0.3, list(DATASET.items))
    bundles.set_alias(CHAMPION, old.id)
    new = publish(bundles, ndcg, list(DATASET.items)[::-1], snapshot)
    assert is_taken(bundles, new, ndcg) == expected
    if not expected:
        assert bundles.alias(CHAMPION) == old.id


def test_a_damaged_one_is_replaced(bundles: BundleStore) -> None:
    old = publish(bundles, 0.9, list(DATASET.items))
    bundles.set_alias(CHAMPION, old.id)
    path = old.path("items.parquet")
    path.chmod(0o644)
    path.write_bytes(b"")
    assert is_taken(bundles, publish(bundles, 0.1, list(DATASET.items)), 0.1)


def test_another_catalogue_cannot_be_compared(bundles: BundleStore) -> None:
    old = publish(bundles, 0.9, ["other 1", "other 2"])
    bundles.set_alias(CHAMPION, old.id)
    assert is_taken(bundles, publish(bundles, 0.1, list(DATASET.items)), 0.1)

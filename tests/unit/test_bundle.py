"""The bundle: what is published comes back whole, and what is damaged is never used."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphrec.bundle import Bundle, BundleStore, BundleWriter
from graphrec.errors import BundleDamagedError, BundleError, BundleMissingError

INFO = {
    "snapshot_hash": "abc123",
    "config": {"graph": {"dim": 64}},
    "seed": 7,
    "metrics": {"pipeline": {"ndcg@10": np.float64(0.25), "recall@10": float("nan")}},
    "models": ["graph", "popularity"],
    "note": "kept",
}


def write_all(writer: BundleWriter) -> None:
    writer.arrays("graph/items", {"vectors": np.arange(6, dtype=np.float32).reshape(2, 3)})
    writer.table("courses", pa.table({"course_id": ["a", "b"]}))
    writer.json("blend", {"weights": np.array([0.5, 0.5])})
    writer.path("encoder.onnx").write_bytes(b"\x08onnx")
    index = writer.path("index/graph")
    index.mkdir()
    (index / "index.json").write_text("{}")


def write_number(number: int) -> Callable[[BundleWriter], None]:
    return lambda writer: writer.json("number", number)


@pytest.fixture
def store(tmp_path: Path) -> BundleStore:
    return BundleStore(tmp_path / "bundles")


@pytest.fixture
def published(store: BundleStore) -> Bundle:
    bundle = store.publish(write_all, info=INFO)
    store.set_alias("champion", bundle.id)
    return bundle


def test_what_is_published_comes_back(store: BundleStore, published: Bundle) -> None:
    bundle = store.load()
    assert bundle.id == published.id
    assert bundle.directory == store.root / bundle.id
    np.testing.assert_array_equal(bundle.arrays("graph/items")["vectors"], [[0, 1, 2], [3, 4, 5]])
    assert bundle.table("courses").to_pydict() == {"course_id": ["a", "b"]}
    assert bundle.json("blend") == {"weights": [0.5, 0.5]}
    assert bundle.path("encoder.onnx").read_bytes() == b"\x08onnx"
    assert bundle.path("index/graph").is_dir()
    for name in ("graph/items", "courses", "blend", "encoder.onnx", "index", "index/graph"):
        assert bundle.has(name)
    for name in ("graph", "items", "cours", "manifest", "manifest.json", "../bundles", ""):
        assert bundle.has(name) is (name == "graph")


def test_the_manifest_says_what_made_it(published: Bundle) -> None:
    manifest = json.loads((published.directory / "manifest.json").read_text())
    assert manifest == dict(published.manifest)
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{12}", manifest["id"])
    assert abs(manifest["created_at"] - time.time() * 1000) < 60_000
    assert manifest["metrics"]["pipeline"] == {"ndcg@10": 0.25, "recall@10": None}
    assert (manifest["seed"], manifest["note"], manifest["code_version"]) == (7, "kept", "0.1.0")
    assert manifest["files"]["encoder.onnx"]["bytes"] == 5
    assert "manifest.json" not in manifest["files"]


def test_arrays_keep_shape_type_and_order_in_memory(store: BundleStore) -> None:
    arrays = {
        "turned": np.arange(6, dtype=np.int64).reshape(2, 3).T,
        "strided": np.arange(10, dtype=np.float32)[::2],
        "big_endian": np.array([1.5, 2.5], dtype=">f8"),
        "scalar": np.float32(3),
        "flags": np.array([True, False]),
        "empty": np.empty((0, 4), np.float32),
    }
    read = store.publish(lambda w: w.arrays("x", arrays), info={}).arrays("x")
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].shape == np.shape(array)
        assert read[name].dtype == np.asarray(array).dtype.newbyteorder("=")


@pytest.mark.parametrize("name", ["graph/items.safetensors", "courses.parquet", "blend.json"])
def test_every_flipped_byte_of_a_file_is_found(
    store: BundleStore, published: Bundle, name: str
) -> None:
    path = published.directory / name
    whole = path.read_bytes()
    for position in {0, len(whole) // 2, len(whole) - 1}:
        spoiled = bytearray(whole)
        spoiled[position] ^= 1
        path.write_bytes(spoiled)
        with pytest.raises(BundleDamagedError, match=r"content does not match.*rollback") as caught:
            store.load()
        assert caught.value.where == str(path)
    path.write_bytes(whole[:-1])
    with pytest.raises(BundleDamagedError, match="bytes instead of"):
        store.load()
    path.unlink()
    with pytest.raises(BundleDamagedError, match="missing"):
        store.load()


def test_every_flipped_byte_of_the_manifest_is_found(store: BundleStore, published: Bundle) -> None:
    path = published.directory / "manifest.json"
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        spoiled = bytearray(whole)
        spoiled[position] ^= 1
        path.write_bytes(spoiled)
        if spoiled.split() == whole.split():
            continue  # One white space for another changes nothing.
        with pytest.raises(BundleDamagedError) as caught:
            store.load()
        assert str(path.parent) in caught.value.where


@pytest.mark.parametrize("content", [b"", b"garbage", b"[]", b"null", b"\xff", b"{}", b'{"id": 1}'])
def test_a_garbage_manifest_is_damage_and_is_listed(
    store: BundleStore, published: Bundle, content: bytes
) -> None:
    (published.directory / "manifest.json").write_bytes(content)
    with pytest.raises(BundleDamagedError, match="manifest"):
        store.load()
    (info,) = store.list()
    assert (info.id, info.aliases) == (published.id, ("champion",))
    assert "manifest" in info.damage


def test_a_newer_format_asks_for_an_upgrade(store: BundleStore, published: Bundle) -> None:
    path = published.directory / "manifest.json"
    path.write_text(json.dumps({**published.manifest, "format_version": 2}))
    with pytest.raises(BundleDamagedError, match="Upgrade graphrec"):
        store.load()


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/../../b", ".hidden", "a\\b"])
def test_a_manifest_cannot_lead_out_of_its_folder(
    store: BundleStore, published: Bundle, name: str
) -> None:
    entry = next(iter(published.manifest["files"].values()))
    path = published.directory / "manifest.json"
    path.write_text(json.dumps({**published.manifest, "files": {name: entry}}))
    with pytest.raises(BundleDamagedError, match="cannot name a file"):
        store.load()
    with pytest.raises(BundleMissingError):
        published.path(name)


@pytest.mark.parametrize(
    "name", ["../x", "/x", "", "a//b", ".x", "a/.x", "x.pkl", "x.pt", "a b", "manifest.json"]
)
def test_a_writer_refuses_unsafe_names(store: BundleStore, name: str) -> None:
    with pytest.raises(BundleError):
        store.publish(lambda w: w.path(name), info={})
    assert [p for p in store.root.iterdir() if p.is_dir()] == []


def test_a_folder_may_hold_no_pickle_and_no_link(store: BundleStore, tmp_path: Path) -> None:
    def sneak_pickle(writer: BundleWriter) -> None:
        writer.path("index").mkdir()
        (writer.directory / "index" / "scann_docids.pkl").write_bytes(b"")

    def sneak_link(writer: BundleWriter) -> None:
        writer.path("link").symlink_to(tmp_path)

    for sneak in (sneak_pickle, sneak_link):
        with pytest.raises(BundleError):
            store.publish(sneak, info={})
    assert store.list() == []


def test_a_file_replaced_by_a_link_is_damage(store: BundleStore, published: Bundle) -> None:
    path = published.directory / "blend.json"
    other = store.root / "elsewhere.json"
    path.rename(other)
    path.symlink_to(other)
    with pytest.raises(BundleDamagedError):
        store.load()


def test_strings_belong_into_tables(store: BundleStore) -> None:
    with pytest.raises(BundleError, match="column of a table"):
        store.publish(lambda w: w.arrays("x", {"ids": np.array(["a"])}), info={})


@pytest.mark.parametrize(
    "info", [{"files": {}}, {"id": "x"}, {"seed": "x"}, {"config": {"a": {1}}}]
)
def test_a_manifest_that_cannot_be_is_refused(store: BundleStore, info: dict) -> None:
    with pytest.raises(BundleError):
        store.publish(write_all, info=info)
    assert store.list() == []


def test_a_failed_publication_leaves_nothing(store: BundleStore) -> None:
    def fail(writer: BundleWriter) -> None:
        writer.json("half", 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.publish(fail, info={})
    assert list(store.root.iterdir()) == []


def test_what_a_killed_publication_left_is_swept_later(store: BundleStore) -> None:
    old, new = store.root / ".tmp-old", store.root / ".tmp-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert store.list() == []
    store.publish(write_number(1), info={})
    assert (old.exists(), new.exists()) == (False, True)


def test_unverified_damage_is_still_named_when_read(store: BundleStore, published: Bundle) -> None:
    for name in ("graph/items.safetensors", "courses.parquet", "blend.json"):
        (published.directory / name).write_bytes(b"garbage")
    bundle = store.load(verify=False)
    for read, name in ((bundle.arrays, "graph/items"), (bundle.table, "courses")):
        with pytest.raises(BundleDamagedError, match=name):
            read(name)
    with pytest.raises(BundleDamagedError, match="blend"):
        bundle.json("blend")
    with pytest.raises(BundleMissingError, match=r"holds no 'nothing\.json'"):
        bundle.json("nothing")


def test_nothing_there_says_how_to_get_one(store: BundleStore, published: Bundle) -> None:
    with pytest.raises(BundleMissingError, match="graphrec train"):
        BundleStore(store.root / "none").load()
    for ref in ("challenger", "20200101T000000Z-000000000000", "", ".", "..", "../bundles"):
        with pytest.raises(BundleMissingError, match="graphrec models list"):
            store.load(ref)
    assert BundleStore(store.root / "none").list() == []


def test_list_is_newest_first_with_aliases(store: BundleStore) -> None:
    ids = []
    for number in range(3):
        ids.append(store.publish(write_number(number), info=INFO).id)
        time.sleep(0.002)
    store.set_alias("champion", ids[0])
    store.set_alias("best", ids[0])
    found = store.list()
    assert [info.id for info in found] == ids[::-1]
    assert found[2].aliases == ("best", "champion")
    assert found[0].models == ("graph", "popularity")
    assert found[0].snapshot_hash == "abc123"
    assert found[0].num_bytes > 0


def test_rollback_walks_back_over_what_still_exists(store: BundleStore) -> None:
    ids = [store.publish(write_number(n), info={}).id for n in range(4)]
    for one in [*ids, ids[-1]]:
        store.set_alias("champion", one)
    store.remove(ids[2])
    assert store.rollback("champion") == ids[1] == store.alias("champion")
    assert store.rollback("champion") == ids[0]
    for alias in ("champion", "challenger", "No alias"):
        with pytest.raises(BundleMissingError, match="nothing to go back to"):
            store.rollback(alias)
    assert store.alias("champion") == ids[0]


def test_a_bundle_in_use_is_not_removed(store: BundleStore, published: Bundle) -> None:
    for ref in ("champion", published.id):
        with pytest.raises(BundleError, match="in use as champion"):
            store.remove(ref)
    other = store.publish(write_number(1), info={})
    store.set_alias("champion", other.id)
    store.remove(published.id)
    assert [info.id for info in store.list()] == [other.id]


def test_an_alias_names_only_what_exists(store: BundleStore, published: Bundle) -> None:
    with pytest.raises(BundleMissingError):
        store.set_alias("champion", "20200101T000000Z-000000000000")
    for name in ("../champion", "Champion", "", "a/b", "1st"):
        with pytest.raises(BundleError, match="cannot be an alias"):
            store.set_alias(name, published.id)
        assert store.alias(name) is None
    assert store.alias("challenger") is None


@pytest.mark.parametrize("content", [b"", b"x", b"[]", b"{}", b'{"bundle": "x"}'])
def test_a_damaged_alias_is_named_and_can_be_set_again(
    store: BundleStore, published: Bundle, content: bytes
) -> None:
    path = store.root / "champion.alias"
    path.write_bytes(content)
    with pytest.raises(BundleDamagedError, match="models promote") as caught:
        store.load()
    assert caught.value.where == str(path)
    assert [info.aliases for info in store.list()] == [()]
    store.set_alias("champion", published.id)
    assert store.load().id == published.id


def test_an_alias_whose_bundle_is_gone_says_so(store: BundleStore, published: Bundle) -> None:
    published.directory.rename(store.root.parent / "moved away")
    with pytest.raises(BundleMissingError, match=f"'champion' points to '{published.id}'"):
        store.load()


def test_a_bundle_under_another_name_is_not_it(store: BundleStore, published: Bundle) -> None:
    published.directory.rename(store.root / "20200101T000000Z-000000000000")
    with pytest.raises(BundleDamagedError, match="folder"):
        store.load("20200101T000000Z-000000000000")


def test_many_publish_at_once(store: BundleStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda n: store.publish(write_number(n % 3), info={}), range(240)))
    assert {info.id for info in store.list()} == {bundle.id for bundle in made}
    for number, bundle in enumerate(made):
        assert store.load(bundle.id).json("number") == number % 3


def test_readers_never_see_half_an_alias_and_no_move_is_forgotten(store: BundleStore) -> None:
    ids = [store.publish(write_number(n), info={}).id for n in range(24)]
    store.set_alias("champion", ids[0])
    done, seen, faults = threading.Event(), set(), []

    def read() -> None:
        while not done.is_set():
            try:
                seen.add(store.load().id)
            except Exception as exc:  # noqa: BLE001 - any fault fails the test below
                faults.append(exc)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: store.set_alias("champion", one), ids[1:]))
    done.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert seen <= set(ids)
    state = json.loads((store.root / "champion.alias").read_text())
    moves = [entry["bundle"] for entry in state["history"]] + [state["bundle"]]
    assert sorted(moves) == sorted(ids)
    assert sorted(p.name for p in store.root.glob(".tmp-*")) == []


def test_verifying_is_quick(store: BundleStore) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 50_000_000, dtype=np.uint8)
    bundle = store.publish(lambda w: w.arrays("big", {"noise": noise}), info={})
    started = time.process_time()
    store.load(bundle.id)
    assert time.process_time() - started < 1

"""API keys: shown once, hashed at rest, checked in microseconds, revoked at once."""

from __future__ import annotations

import json
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphrec.access import SCOPES, Key, KeyStore
from graphrec.errors import AccessError, ParameterError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "keys.json"


@pytest.fixture
def keys(path: Path) -> KeyStore:
    return KeyStore(path)


def test_a_key_opens_what_its_scopes_say(keys: KeyStore) -> None:
    secret = keys.create("acme", ["integrator"])
    assert re.fullmatch(r"gr_[0-9a-f]{8}_[0-9a-f]{64}", secret)
    key = keys.verify(secret)
    assert (key.name, key.scopes, key.revoked_at) == ("acme", ("integrator",), None)
    assert key.id == secret.split("_")[1]
    assert abs(key.created_at - time.time() * 1000) < 60_000
    assert [key.allows(scope) for scope in SCOPES] == [True, False, False]


def test_admin_may_do_everything(keys: KeyStore) -> None:
    key = keys.verify(keys.create("boss", ["admin", "admin"]))
    assert key.scopes == ("admin",)
    assert all(key.allows(scope) for scope in SCOPES)


def test_the_file_holds_no_secret_and_is_its_owners_alone(keys: KeyStore, path: Path) -> None:
    secret = keys.create("acme", ["designer", "integrator"])
    content = path.read_text()
    assert secret.split("_")[2] not in content
    assert json.loads(content)["keys"][0]["scopes"] == ["integrator", "designer"]
    assert secret.split("_")[2] not in repr(keys.verify(secret))
    assert keys.verify(secret).sha256 not in repr(keys.verify(secret))
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        keys.create("other", ["designer"])
        assert path.stat().st_mode & 0o777 == 0o600


def test_wrong_keys_are_refused_without_being_repeated(keys: KeyStore) -> None:
    secret = keys.create("acme", ["integrator"])
    wrong = [
        "",
        "gr",
        "gr__",
        secret[:-1],
        secret + "0",
        secret.upper(),
        f" {secret}",
        secret.replace("gr_", "xx_"),
        secret[:-1] + ("0" if secret[-1] != "0" else "1"),
        f"gr_00000000_{secret.split('_')[2]}",
        "gr_é_é",
        "gr_\udc80_x",
        keys.verify(secret).sha256,
        "x" * 100_000,
    ]
    for one in wrong:
        with pytest.raises(AccessError, match="unknown") as caught:
            keys.verify(one)
        assert len(one) < 10 or one not in str(caught.value)


def test_no_file_means_no_key_is_known(keys: KeyStore) -> None:
    assert list(keys.list()) == []
    with pytest.raises(AccessError):
        keys.verify("gr_00000000_" + "0" * 64)


def test_a_revoked_key_is_refused_at_once_by_every_process(keys: KeyStore, path: Path) -> None:
    service = KeyStore(path)
    first, second = keys.create("first", ["integrator"]), keys.create("second", ["integrator"])
    assert service.verify(first).name == "first"
    revoked = keys.revoke("first")
    assert revoked.revoked_at is not None
    with pytest.raises(AccessError, match=f"{revoked.id} was revoked"):
        service.verify(first)
    assert service.verify(second).name == "second"
    assert service.verify(keys.create("third", ["admin"])).name == "third"
    assert [key.name for key in keys.list()] == ["first", "second", "third"]
    keys.revoke(service.verify(second).id)
    with pytest.raises(AccessError):
        service.verify(second)
    for ref in ("first", revoked.id, "nobody", ""):
        with pytest.raises(AccessError, match="no valid key"):
            keys.revoke(ref)


def test_names_are_taken_while_their_key_is_valid(keys: KeyStore) -> None:
    keys.create(" acme ", ["integrator"])
    with pytest.raises(ParameterError, match="already"):
        keys.create("acme", ["admin"])
    keys.revoke("acme")
    keys.create("acme", ["admin"])
    for name in ("", "  "):
        with pytest.raises(ParameterError, match="needs a name"):
            keys.create(name, ["admin"])


@pytest.mark.parametrize("scopes", [[], ["root"], ["admin", "ADMIN"]])
def test_unknown_scopes_are_named(keys: KeyStore, path: Path, scopes: list[str]) -> None:
    with pytest.raises(ParameterError, match="integrator, designer, admin"):
        keys.create("acme", scopes)
    assert not path.exists()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"[]", b"{}x", b'{"keys": [{"id": "s3cret"}]}', b"\xff"]
)
def test_a_damaged_file_opens_nothing(keys: KeyStore, path: Path, content: bytes) -> None:
    secret = keys.create("acme", ["admin"])
    keys.verify(secret)
    path.write_bytes(content)
    for call in (keys.list, lambda: keys.verify(secret), lambda: keys.create("x", ["admin"])):
        with pytest.raises(AccessError, match="cannot be read") as caught:
            call()
        assert caught.value.where == str(path)
        assert "s3cret" not in str(caught.value)
    assert path.read_bytes() == content


def test_no_creation_is_lost_among_many(path: Path) -> None:
    def create(number: int) -> Key:
        store = KeyStore(path)
        return store.verify(store.create(f"key {number}", ["integrator"]))

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(create, range(24)))
    assert {key.id for key in KeyStore(path).list()} == {key.id for key in made}


def test_verifying_takes_microseconds(keys: KeyStore) -> None:
    for number in range(50):
        secret = keys.create(f"key {number}", ["integrator"])
    keys.verify(secret)
    started = time.process_time()
    for _ in range(2000):
        keys.verify(secret)
    assert (time.process_time() - started) / 2000 < 50e-6

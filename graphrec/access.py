"""API keys: who may call the service beyond loopback, and for what.

A key is ``gr_<id>_<secret>`` with 256 random bits, shown once. The file holds SHA-256 of
it: a slow, salted hash protects passwords, which can be guessed; nobody guesses 256 random
bits, so a fast one loses nothing and lets every request be checked in microseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graphrec.errors import AccessError, ParameterError
from graphrec.files import locked, replace_file

Scope = Literal["integrator", "designer", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_PREFIX = "gr"
_OWNER_ONLY = 0o600
_NO_DIGEST = "0" * 64


class Key(BaseModel):
    """An API key as it is stored: without its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="Eight hexadecimal digits, part of the key; not secret.")
    name: str = Field(description="What people call it; unique among keys not revoked.")
    scopes: tuple[Scope, ...] = Field(description="What it may do; admin may do everything.")
    sha256: str = Field(repr=False, description="Digest of the whole key, hexadecimal.")
    created_at: int = Field(description="Epoch ms.")
    revoked_at: int | None = Field(default=None, description="Epoch ms, or null while valid.")

    def allows(self, scope: Scope) -> bool:
        """Whether the key may do what needs ``scope``."""
        return scope in self.scopes or "admin" in self.scopes


class _KeyFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    keys: tuple[Key, ...] = ()


class KeyStore:
    """The keys of a store, in one file that only its owner may read.

    Args:
        path: The file, ``Settings.keys_path``; made with the first key.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._cache_lock = threading.Lock()
        self._cached: tuple[tuple[int, ...] | None, dict[str, Key]] | None = None

    def create(self, name: str, scopes: Iterable[str]) -> str:
        """Make a key and return it; it cannot be shown again.

        Args:
            name: What people call it.
            scopes: Of ``SCOPES``, at least one.

        Raises:
            ParameterError: The name is empty or taken, or a scope is unknown.
        """
        wanted = _checked_scopes(scopes)
        name = name.strip()
        if not name:
            raise ParameterError("a key needs a name.", where="name")
        with locked(self._lock_path):
            keys = self._read()
            if any(key.name == name and key.revoked_at is None for key in keys):
                raise ParameterError(
                    f"there is a key named {name!r} already.",
                    where="name",
                    remedy="Choose another name, or revoke that key first.",
                )
            key_id = _unused_id(keys)
            secret = f"{_PREFIX}_{key_id}_{secrets.token_hex(32)}"
            key = Key(
                id=key_id, name=name, scopes=wanted, sha256=_digest(secret), created_at=_now_ms()
            )
            self._write([*keys, key])
        return secret

    def list(self) -> Sequence[Key]:
        """Every key, revoked ones too, the oldest first."""
        return self._read()

    def revoke(self, ref: str) -> Key:
        """End a key's validity; it is listed on.

        Args:
            ref: Id, or name of a key that is valid.

        Raises:
            AccessError: No valid key has that id or name.
        """
        with locked(self._lock_path):
            keys = list(self._read())
            for row, key in enumerate(keys):
                if ref in (key.id, key.name) and key.revoked_at is None:
                    keys[row] = key.model_copy(update={"revoked_at": _now_ms()})
                    self._write(keys)
                    return keys[row]
        raise AccessError(
            f"no valid key has the id or name {ref!r}.", remedy="See: graphrec keys list"
        )

    def verify(self, secret: str) -> Key:
        """The key that a caller presented; takes microseconds, and sees revocations at once.

        Raises:
            AccessError: It is malformed, unknown or revoked.
        """
        parts = secret.split("_")
        key = self._by_id().get(parts[1]) if len(parts) == 3 else None
        # An unknown id is compared too, so that the time taken does not tell ids apart.
        expected = _NO_DIGEST if key is None else key.sha256
        is_same = hmac.compare_digest(_digest(secret), expected)
        if key is None or not is_same:
            raise AccessError(
                "the API key is unknown.", remedy="Make one with: graphrec keys create NAME"
            )
        if key.revoked_at is not None:
            raise AccessError(
                f"the API key {key.id} was revoked.",
                remedy="Make another with: graphrec keys create NAME",
            )
        return key

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name(f".{self._path.name}.lock")

    def _by_id(self) -> dict[str, Key]:
        """Keys by id, read again only when the file was replaced."""
        version = self._version()
        with self._cache_lock:
            if self._cached is None or self._cached[0] != version:
                self._cached = (version, {key.id: key for key in self._read()})
            return self._cached[1]

    def _version(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)

    def _read(self) -> tuple[Key, ...]:
        try:
            return _KeyFile.model_validate(orjson.loads(self._path.read_bytes())).keys
        except FileNotFoundError:
            return ()
        except (OSError, orjson.JSONDecodeError, ValidationError) as exc:
            raise AccessError(
                f"the API keys cannot be read: {_without_content(exc)}.",
                where=str(self._path),
                remedy="Restore the file from a copy, or remove it and create the keys again.",
            ) from exc

    def _write(self, keys: Iterable[Key]) -> None:
        content = _KeyFile(keys=tuple(keys)).model_dump_json(indent=2).encode()
        replace_file(self._path, content + b"\n", mode=_OWNER_ONLY)


def _checked_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        problem = f"unknown scope {', '.join(unknown)}" if unknown else "a key needs a scope"
        raise ParameterError(f"{problem}; there are {', '.join(SCOPES)}.", where="scope")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _unused_id(keys: Iterable[Key]) -> str:
    taken = {key.id for key in keys}
    while (key_id := secrets.token_hex(4)) in taken:
        pass
    return key_id


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _without_content(exc: Exception) -> str:
    """Describe a fault without the file's content, which a validation error would quote."""
    if isinstance(exc, ValidationError):
        return f"{exc.error_count()} fields are wrong"
    return str(exc)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

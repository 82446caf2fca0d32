"""``index.json``: what a saved index is, over which vectors, in which files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graphrec.errors import BundleDamagedError
from graphrec.files import sha256_of

DESCRIPTION = "index.json"
FORMAT_VERSION = 1
_REBUILD = "Build the index again from the vectors."


class _Description(BaseModel):
    model_config = ConfigDict(extra="allow")

    format_version: int = Field(le=FORMAT_VERSION)
    engine: str
    num_items: int
    dim: int
    vectors_blake2b: str
    config: dict[str, Any]
    files: dict[str, str] = Field(default_factory=dict)


def fingerprint(vectors: np.ndarray) -> str:
    """A hash of float32 vectors, their shape included, hexadecimal."""
    digest = hashlib.blake2b(str(vectors.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(vectors, dtype="<f4").data)
    return digest.hexdigest()


def read_description(directory: Path) -> dict[str, Any]:
    """The description in an index folder.

    Raises:
        BundleDamagedError: It is missing or not what was written.
    """
    path = directory / DESCRIPTION
    try:
        return _Description.model_validate(orjson.loads(path.read_bytes())).model_dump()
    except (OSError, orjson.JSONDecodeError, ValidationError) as exc:
        raise BundleDamagedError(
            f"the index cannot be read: {exc}", where=str(path), remedy=_REBUILD
        ) from exc


def checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of an index folder but the description, by name."""
    found = sorted(p for p in directory.iterdir() if p.is_file() and p.name != DESCRIPTION)
    return {path.name: sha256_of(path) for path in found}


def verify_checksums(directory: Path, expected: Mapping[str, str]) -> None:
    """Compare the files of an index folder with what was written.

    Raises:
        BundleDamagedError: One is missing or has other bytes.
    """
    for name, digest in expected.items():
        path = directory / name
        if Path(name).name != name or not path.is_file() or sha256_of(path) != digest:
            raise BundleDamagedError(
                "the index's file is missing or does not match its checksum.",
                where=str(path),
                remedy=_REBUILD,
            )

"""The manifest of a bundle: which files, how large, which bytes, and what made them."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graphrec.errors import BundleDamagedError, BundleError
from graphrec.files import sha256_of
from graphrec.version import __version__

MANIFEST = "manifest.json"
FORMAT_VERSION = 1

_YEAR_10000 = 253_402_300_799_999  # epoch ms

_TOLERANT = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_SAFE_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PICKLES = {".pkl", ".pickle", ".joblib", ".pt", ".pth"}
_RETRAIN = (
    "Restore the folder from a copy, go back with: graphrec models rollback, "
    "or train again with: graphrec train"
)


class FileEntry(BaseModel):
    """One file of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Checksum, hexadecimal.")
    bytes: int = Field(ge=0, description="Size in bytes.")


class Manifest(BaseModel):
    """Fields of ``manifest.json``; further ones are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format_version: int = Field(description="Layout of the folder; this code reads 1.")
    id: str = Field(description="Name of the folder: UTC time and hash of the other fields.")
    created_at: int = Field(ge=0, le=_YEAR_10000, description="Epoch ms.")
    files: dict[str, FileEntry] = Field(description="Path below the folder -> its checksum.")
    snapshot_hash: str = Field(default="", description="Hash of the data it was trained on.")
    config: dict[str, Any] = Field(default_factory=dict, description="Settings of the training.")
    seed: int | None = Field(default=None, description="Seed of the training.")
    code_version: str = Field(default=__version__, description="graphrec that trained it.")
    metrics: dict[str, Any] = Field(default_factory=dict, description="Validation metrics.")
    models: list[str] = Field(default_factory=list, description="Names of the models in it.")


@dataclass(frozen=True)
class SealedManifest:
    """A manifest with its final id, and the bytes to be written."""

    id: str
    fields: dict[str, Any]
    content: bytes


def check_name(name: str) -> str:
    """Return a file's name below the bundle folder if it is safe there.

    Raises:
        BundleError: It is absolute, leads out of the folder, is hidden, the manifest
            itself, or of a kind that only pickle reads.
    """
    parts = name.split("/")
    if not all(_SAFE_PART.fullmatch(part) for part in parts):
        raise BundleError(
            f"{name!r} cannot name a file of a bundle.",
            remedy="Use letters, digits, '_', '-' and '.', with '/' between folders.",
        )
    if name == MANIFEST or Path(name).suffix in _PICKLES:
        raise BundleError(
            f"a bundle may not hold {name!r}.",
            remedy="Write arrays as safetensors, tables as Parquet and models as ONNX.",
        )
    return name


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and checksum of every file below a folder, by its path with '/'.

    Raises:
        BundleError: A name is unsafe, or an entry is neither file nor folder.
    """
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        name = check_name(path.relative_to(folder).as_posix())
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BundleError(f"{name!r} is a link or device; a bundle holds only files.")
        if path.is_file():
            files[name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    return files


def seal_manifest(files: Mapping[str, Any], info: Mapping[str, Any]) -> SealedManifest:
    """Complete the manifest and derive the id from its content.

    Raises:
        BundleError: ``info`` names a reserved field, or holds what JSON cannot.
    """
    reserved = {"format_version", "id", "created_at", "files"} & set(info)
    if reserved:
        raise BundleError(f"info may not set {', '.join(sorted(reserved))}.", where="manifest")
    created_at = time.time_ns() // 1_000_000
    given = {**info, "format_version": FORMAT_VERSION, "created_at": created_at, "files": files}
    try:
        # Through JSON first, so that what is hashed is what a reader will hash.
        draft = orjson.loads(orjson.dumps(given, default=_as_text, option=_TOLERANT))
        fields = Manifest.model_validate({**draft, "id": ""}).model_dump(mode="json")
    except (ValidationError, TypeError, ValueError) as exc:
        raise BundleError(f"the manifest cannot be written: {exc}", where="manifest") from exc
    fields["id"] = _id_of(fields)
    content = orjson.dumps(fields, option=orjson.OPT_INDENT_2) + b"\n"
    return SealedManifest(fields["id"], fields, content)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle folder, checked in itself but not against its files.

    Raises:
        BundleDamagedError: It is missing, unreadable, altered, or names unsafe paths.
    """
    path = folder / MANIFEST
    try:
        fields: dict[str, Any] = orjson.loads(path.read_bytes())
        if not isinstance(fields, dict):
            raise ValueError("not a JSON object")
        _check_format(fields, path)
        manifest = Manifest.model_validate(fields)
        for name in manifest.files:
            check_name(name)
    except FileNotFoundError as exc:
        raise BundleDamagedError(
            "the manifest is missing.", where=str(path), remedy=_RETRAIN
        ) from exc
    except (OSError, ValueError, BundleError) as exc:
        if isinstance(exc, BundleDamagedError):
            raise
        problem = exc.message if isinstance(exc, BundleError) else str(exc)
        raise BundleDamagedError(
            f"the manifest cannot be read: {problem}", where=str(path), remedy=_RETRAIN
        ) from exc
    if _id_of(fields) != manifest.id or folder.name != manifest.id:
        raise BundleDamagedError(
            "the manifest was altered: its id does not match its content or folder.",
            where=str(path),
            remedy=_RETRAIN,
        )
    return fields


def verify_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare every file of a bundle with its checksum.

    Raises:
        BundleDamagedError: One is missing, is not a plain file, or has other bytes.
    """
    for name, entry in manifest["files"].items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            problem = "the file is missing."
        elif path.stat().st_size != entry["bytes"]:
            problem = f"the file has {path.stat().st_size} bytes instead of {entry['bytes']}."
        elif sha256_of(path) != entry["sha256"]:
            problem = "the file's content does not match its checksum."
        else:
            continue
        raise BundleDamagedError(problem, where=str(path), remedy=_RETRAIN)


def damaged(path: Path, problem: object) -> BundleDamagedError:
    """The error for a file that cannot be read as what it is."""
    return BundleDamagedError(
        f"the file cannot be read: {problem}", where=str(path), remedy=_RETRAIN
    )


def _check_format(fields: Mapping[str, Any], path: Path) -> None:
    version = fields.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise BundleDamagedError(
            f"the bundle has format {version}; this graphrec reads up to {FORMAT_VERSION}.",
            where=str(path),
            remedy="Upgrade graphrec, or train again with: graphrec train",
        )


def _id_of(fields: Mapping[str, Any]) -> str:
    """Derive the id: UTC time to the second, then 12 digits of the content's hash."""
    content = {key: value for key, value in fields.items() if key != "id"}
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    moment = datetime.fromtimestamp(int(fields["created_at"]) / 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%SZ}-{digest[:12]}"


def _as_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value")

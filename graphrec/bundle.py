"""The hand-over from training to serving: a versioned, checksummed folder of a model.

Training publishes ``<bundles>/<id>/`` once, by rename, and never changes it; serving
loads it by id or alias. ``manifest.json`` names every file with its size and SHA-256, and
the id ends in a hash of the manifest itself, so that no byte can change unseen. The folder
holds safetensors, Parquet, ONNX and JSON; nothing in it is ever unpickled.
See ``docs/bundle.md``.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from graphrec.bundle_aliases import Aliases
from graphrec.bundle_contents import Bundle, BundleWriter
from graphrec.bundle_manifest import (
    MANIFEST,
    describe_files,
    read_manifest,
    seal_manifest,
    verify_files,
)
from graphrec.errors import BundleDamagedError, BundleError, BundleMissingError
from graphrec.files import sync_folder, sync_tree
from graphrec.model_card import write_card

__all__ = ["CHAMPION", "Bundle", "BundleInfo", "BundleStore", "BundleWriter"]

CHAMPION: Final = "champion"
"""Alias of the bundle that serves."""

_ABANDONED_AFTER_S = 24 * 3600.0


@dataclass(frozen=True)
class BundleInfo:
    """What a list of bundles shows, read from the manifest alone.

    Attributes:
        id: Name of the folder.
        created_at: Epoch ms, 0 where the manifest cannot be read.
        aliases: Names that point to it, sorted.
        snapshot_hash: Hash of the data it was trained on.
        models: Names of the models in it.
        metrics: Validation metrics, as training wrote them.
        num_bytes: Size of its files.
        damage: Why the manifest cannot be read, or "".
    """

    id: str
    created_at: int
    aliases: tuple[str, ...] = ()
    snapshot_hash: str = ""
    models: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    num_bytes: int = 0
    damage: str = ""


class BundleStore:
    """All published bundles of a store folder, and the aliases that name them.

    Args:
        root: The folder; made on the first publication.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._aliases = Aliases(self.root)

    def publish(self, write: Callable[[BundleWriter], None], *, info: Mapping[str, Any]) -> Bundle:
        """Write a bundle and make it visible in one step.

        Args:
            write: Called once with the writer; what it writes is the bundle. A bundle that
                names models gets a model card beside it.
            info: Manifest fields: ``snapshot_hash``, ``config``, ``seed``,
                ``code_version``, ``metrics``, ``models``, and any others (JSON values).

        Raises:
            BundleError: A file, name or manifest field is not allowed in a bundle.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        workshop = self.root / f".tmp-{uuid.uuid4().hex}"
        workshop.mkdir()
        try:
            write(BundleWriter(workshop))
            write_card(workshop, info)
            manifest = seal_manifest(describe_files(workshop), info)
            (workshop / MANIFEST).write_bytes(manifest.content)
            sync_tree(workshop)
            self._move_in(workshop, manifest.id)
        except BaseException:
            shutil.rmtree(workshop, ignore_errors=True)
            raise
        sync_folder(self.root)
        return Bundle(self.root / manifest.id, manifest.fields)

    def list(self) -> Sequence[BundleInfo]:
        """Every bundle, newest first; a damaged one is listed with its damage."""
        names = self._aliases.by_bundle()
        found = [self._describe(folder, names) for folder in self._folders()]
        return sorted(found, key=lambda info: (info.created_at, info.id), reverse=True)

    def load(self, ref: str = CHAMPION, verify: bool = True) -> Bundle:
        """The bundle that an alias or id names.

        Args:
            ref: Alias or id.
            verify: Compare every file with its checksum first (about a second per GB).

        Raises:
            BundleMissingError: There is no such alias or bundle.
            BundleDamagedError: A file is missing or altered; names it and the remedy.
        """
        folder = self.root / self.resolve(ref)
        bundle = Bundle(folder, read_manifest(folder))
        if verify:
            verify_files(folder, bundle.manifest)
        return bundle

    def resolve(self, ref: str) -> str:
        """The id that an alias or id names, without reading the bundle.

        Raises:
            BundleMissingError: There is no such alias or bundle.
        """
        bundle_id = self._aliases.get(ref) or ref
        is_plain = bundle_id[:1] not in {"", "."} and Path(bundle_id).name == bundle_id
        if is_plain and (self.root / bundle_id).is_dir():
            return bundle_id
        if bundle_id != ref:
            message = f"the alias '{ref}' points to '{bundle_id}', which is gone"
        else:
            message = f"there is no model bundle '{ref}'"
        raise BundleMissingError(f"{message}.", where=str(self.root), remedy=_how_to_get_one(self))

    def alias(self, name: str) -> str | None:
        """The id that an alias points to, or None."""
        return self._aliases.get(name)

    def set_alias(self, name: str, bundle_id: str) -> None:
        """Point an alias to a bundle; readers see the old target or the new one.

        Raises:
            BundleMissingError: There is no such bundle.
            BundleDamagedError: Its manifest cannot be read.
            BundleError: The name cannot be an alias.
        """
        read_manifest(self.root / self.resolve(bundle_id))
        self._aliases.set(name, bundle_id)

    def rollback(self, alias: str) -> str:
        """Point an alias back to what it named before, and return that id.

        Raises:
            BundleMissingError: There is nothing to go back to.
        """
        return self._aliases.rollback(alias, exists=lambda one: (self.root / one).is_dir())

    def remove(self, bundle_id: str) -> None:
        """Delete a bundle that no alias names.

        Raises:
            BundleMissingError: There is no such bundle.
            BundleError: An alias points to it.
        """
        folder = self.root / self.resolve(bundle_id)
        with self._aliases.lock():
            names = self._aliases.by_bundle().get(folder.name, ())
            if names:
                raise BundleError(
                    f"the bundle {folder.name} is in use as {', '.join(names)}.",
                    where=str(self.root),
                    remedy="Promote another one first: graphrec models promote REF",
                )
            trash = self.root / f".tmp-{uuid.uuid4().hex}"
            folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)

    def _move_in(self, workshop: Path, bundle_id: str) -> None:
        try:
            workshop.rename(self.root / bundle_id)
        except OSError:
            # The id is a hash of the content: what stands there already is the same.
            if not (self.root / bundle_id / MANIFEST).is_file():
                raise
            shutil.rmtree(workshop)

    def _folders(self) -> Iterable[Path]:
        if not self.root.is_dir():
            return []
        entries = [p for p in self.root.iterdir() if p.is_dir() and not p.name.startswith(".")]
        return sorted(entries)

    def _describe(self, folder: Path, names: Mapping[str, tuple[str, ...]]) -> BundleInfo:
        aliases = names.get(folder.name, ())
        try:
            manifest = read_manifest(folder)
        except BundleDamagedError as exc:
            return BundleInfo(folder.name, 0, aliases, damage=exc.message)
        return BundleInfo(
            id=folder.name,
            created_at=manifest["created_at"],
            aliases=aliases,
            snapshot_hash=manifest["snapshot_hash"],
            models=tuple(manifest["models"]),
            metrics=manifest["metrics"],
            num_bytes=sum(one["bytes"] for one in manifest["files"].values()),
        )

    def _sweep(self) -> None:
        """Delete what publications that were killed long ago left behind."""
        limit = time.time() - _ABANDONED_AFTER_S
        for folder in self.root.glob(".tmp-*"):
            # Another publication may move its own away at any moment.
            with contextlib.suppress(FileNotFoundError):
                if folder.stat().st_mtime < limit:
                    shutil.rmtree(folder, ignore_errors=True)


def _how_to_get_one(store: BundleStore) -> str:
    if store.list():
        return "See which there are with: graphrec models list"
    return "Train one with: graphrec train"

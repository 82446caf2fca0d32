"""Snapshots by what they hold: the one that a bundle was made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from graphrec.errors import SourceError
from graphrec.graph.snapshot import MANIFEST, Snapshot, read_snapshot
from training.train import Data


def known_data(manifest: Mapping[str, Any], folders: Iterable[Path], remedy: str) -> Data:
    """The snapshot that a bundle was made from, found by its hash.

    Args:
        manifest: Of the bundle.
        folders: Snapshots, or folders that hold some.
        remedy: What to do where it is in none of them.

    Raises:
        SourceError: It is in none of them.
    """
    for taken in snapshots_in(folders):
        if taken.hash == manifest["snapshot_hash"]:
            return Data.of(taken)
    raise SourceError(
        f"no snapshot with the hash {manifest['snapshot_hash'][:12]}… that bundle "
        f"{manifest['id']} was made from.",
        where=", ".join(str(folder) for folder in folders),
        remedy=remedy,
    )


def snapshots_in(folders: Iterable[Path]) -> Iterator[Snapshot]:
    """The snapshots among folders and in them."""
    for folder in folders:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in [folder, *inside]:
            if not path.name.startswith(".") and (path / MANIFEST).is_file():
                try:
                    yield read_snapshot(path)
                except SourceError:  # another folder with a manifest
                    continue

"""Snapshots by what they hold: the one that a bundle was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphrec.errors import SourceError
from graphrec.graph.snapshot import MANIFEST, Snapshot, read_snapshot
from training.train import Data


def known_data(parent: Mapping[str, Any], folders: list[Path]) -> Data:
    """The snapshot that a bundle was made from, found by its hash.

    Args:
        parent: Manifest of the bundle.
        folders: Snapshots, or folders that hold some.

    Raises:
        SourceError: It is in none of them.
    """
    for taken in snapshots_in(folders):
        if taken.hash == parent["snapshot_hash"]:
            return Data(taken.tables(), taken.hash, taken.id)
    raise SourceError(
        f"no snapshot with the hash {parent['snapshot_hash'][:12]}… that bundle {parent['id']} "
        "was made from: what is new is what it does not hold.",
        where=", ".join(str(folder) for folder in folders),
        remedy="Name its folder with --since, or train anew: graphrec train",
    )


def snapshots_in(folders: list[Path]) -> Iterator[Snapshot]:
    """The snapshots among folders and in them."""
    for folder in folders:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in [folder, *inside]:
            if not path.name.startswith(".") and (path / MANIFEST).is_file():
                try:
                    yield read_snapshot(path)
                except SourceError:  # another folder with a manifest
                    continue

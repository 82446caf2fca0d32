"""Stage 2, GRAPH: the graph as of a moment, in files; what training reads instead of it.

A snapshot is a folder of Parquet files, one a native table, and a manifest. It is written
beside its place and renamed into it, so that whoever sees it sees all of it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graphrec.errors import SourceError
from graphrec.files import sync_folder, sync_tree
from graphrec.graph.store import GraphStore
from graphrec.graph.table_hash import hash_table, hash_tables
from graphrec.schema import TABLES

VERSION = 1
"""Of the layout of a snapshot's folder."""

MANIFEST = "manifest.json"
_TIMED = ("interactions", "holds")
_REMEDY = "Write a new one: POST /v1/admin/snapshots, or train straight from the graph."


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot.

    Attributes:
        directory: Its folder.
        id: Its name: when it was taken, and the beginning of its hash.
        hash: SHA-256 of its tables, the same for the same graph whatever wrote it.
        created_at: When it was taken, ISO 8601, UTC.
        as_of_ms: Nothing later is in it, epoch ms; None: everything is.
        engine: What it was exported from.
        rows: Rows a table.
        table_hashes: SHA-256 a table.
    """

    directory: Path
    id: str
    hash: str
    created_at: str
    as_of_ms: int | None
    engine: str
    rows: Mapping[str, int]
    table_hashes: Mapping[str, str]

    def tables(self) -> dict[str, pa.Table]:
        """Read every native table and check it against its hash.

        Raises:
            SourceError: A file is missing or is not what was written.
        """
        return {name: self.table(name) for name in TABLES}

    def table(self, name: str) -> pa.Table:
        """Read one native table and check it against its hash.

        Raises:
            SourceError: Its file is missing or is not what was written.
        """
        path = self.directory / f"{name}.parquet"
        try:
            table = pq.read_table(path, schema=TABLES[name].schema)
        except (OSError, pa.ArrowException) as error:
            raise SourceError(
                f"A table of the snapshot cannot be read: {error}", where=str(path), remedy=_REMEDY
            ) from error
        if hash_table(table) != self.table_hashes[name]:
            raise SourceError(
                "This table is not what the snapshot's manifest says.",
                where=str(path),
                remedy=_REMEDY,
            )
        return table


def write_snapshot(store: GraphStore, directory: Path, as_of_ms: int | None = None) -> Snapshot:
    """Publish the graph as it is now.

    Args:
        store: The graph; read in one transaction.
        directory: Folder of snapshots; created where missing.
        as_of_ms: Leave out interactions and holdings after this moment, epoch ms.

    Returns:
        The snapshot; the one that stands there already where nothing has changed within
        the same second.
    """
    exported = store.export_snapshot(list(TABLES))
    tables = {name: _cut(name, exported[name], as_of_ms) for name in TABLES}
    hashes = {name: hash_table(table) for name, table in tables.items()}
    content, now = hash_tables(hashes), datetime.now(UTC)
    identity = f"{now:%Y%m%dT%H%M%SZ}-{content[:12]}"
    manifest = {
        "version": VERSION,
        "id": identity,
        "created_at": now.isoformat(timespec="milliseconds"),
        "as_of": as_of_ms,
        "engine": store.engine,
        "hash": content,
        "tables": {n: {"rows": t.num_rows, "sha256": hashes[n]} for n, t in tables.items()},
    }
    target = directory / identity
    if not target.exists():
        _publish(tables, manifest, target)
    return read_snapshot(target)


def _cut(name: str, table: pa.Table, as_of_ms: int | None) -> pa.Table:
    if as_of_ms is None or name not in _TIMED:
        return table
    # What has no time cannot be placed after the moment, so it stays.
    return table.filter(pc.fill_null(pc.less_equal(table["at"], as_of_ms), True))


def _publish(tables: Mapping[str, pa.Table], manifest: Mapping[str, Any], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=target.parent))
    try:
        for name, table in tables.items():
            pq.write_table(table, building / f"{name}.parquet", compression="zstd")
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (building / MANIFEST).write_text(text, encoding="utf-8")
        building.chmod(0o755)  # mkdtemp keeps it private; training may be another user's
        sync_tree(building)
        try:
            building.rename(target)
        except OSError:
            if not (target / MANIFEST).is_file():  # else another thread was first
                raise
        sync_folder(target.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def read_snapshot(directory: Path) -> Snapshot:
    """Open a published snapshot; its tables are checked as they are read.

    Raises:
        SourceError: The folder is no snapshot, or one of a layout that is not known here.
    """
    path = Path(directory) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["version"] != VERSION:
            raise SourceError(
                f"This snapshot has layout {manifest['version']}, known is {VERSION}.",
                where=str(path),
                remedy="Read it with the graphrec that wrote it, or write a new one.",
            )
        return _from_manifest(path.parent, manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"This is no snapshot: {error!r}", where=str(directory), remedy=_REMEDY
        ) from error


def _from_manifest(directory: Path, manifest: Mapping[str, Any]) -> Snapshot:
    listed = {name: manifest["tables"][name] for name in TABLES}
    hashes = {name: str(entry["sha256"]) for name, entry in listed.items()}
    if hash_tables(hashes) != manifest["hash"]:
        raise ValueError("the hashes of its tables do not add up to its own")
    return Snapshot(
        directory=directory,
        id=manifest["id"],
        hash=manifest["hash"],
        created_at=manifest["created_at"],
        as_of_ms=manifest["as_of"],
        engine=manifest["engine"],
        rows=MappingProxyType({name: int(entry["rows"]) for name, entry in listed.items()}),
        table_hashes=MappingProxyType(hashes),
    )

"""``graphrec doctor``: checks of the store, its graph, bundle and keys; they change nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

from graphrec.cli.doctor_check import Check, Status
from graphrec.errors import (
    BundleDamagedError,
    BundleMissingError,
    GraphrecError,
    StoreOwnedError,
)
from graphrec.settings import Settings

_DISK_WARN_GB, _DISK_FAIL_GB = 2.0, 0.2


def check_store(settings: Settings) -> Iterator[Check]:
    """The store folder: writable, with room."""
    folder = settings.store_dir
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as exc:
        remedy = "Choose another with --store DIR or GRAPHREC_STORE, or change its owner."
        yield Check("store", "fail", f"{folder}: {exc}", "Nothing can be written.", remedy)
    else:
        state = "writable" if existing == folder else "not made yet, can be"
        yield Check("store", "ok", f"{folder} ({state})")
    free_gb = shutil.disk_usage(existing).free / 1e9
    status: Status = "ok"
    if free_gb < _DISK_WARN_GB:
        status = "fail" if free_gb < _DISK_FAIL_GB else "warn"
    meaning = "" if status == "ok" else "A training or a large import may not fit."
    remedy = "" if status == "ok" else "Free space, or move the store with --store DIR."
    yield Check("disk", status, f"{free_gb:.1f} GB free", meaning, remedy)


def check_graph(settings: Settings) -> Iterator[Check]:
    """The graph: there, ours to open, and with courses in it."""
    where = settings.graph_url or str(settings.graph_dir)
    load_one = "Load one with: graphrec demo, or graphrec import native PATH"
    if not settings.graph_url and not settings.graph_dir.exists():
        yield Check("graph", "warn", f"{where}: none yet", "There is nothing to ask.", load_one)
        return
    from graphrec.cli.common import open_graph

    try:
        with open_graph(settings) as graph:
            counts = graph.counts()
    except StoreOwnedError as exc:
        yield Check(
            "graph", "warn", exc.message, "It is in use, and well looked after.", exc.remedy
        )
        return
    except GraphrecError as exc:
        remedy = exc.remedy or "See GRAPHREC_GRAPH_URL, or restore the store from a copy."
        yield Check("graph", "fail", f"{where}: {exc.message}", "The graph does not open.", remedy)
        return
    found = ", ".join(f"{counts.get(t, 0):,} {t}" for t in ("courses", "learners", "interactions"))
    if counts.get("courses", 0):
        yield Check("graph", "ok", f"{where}: {found}")
    else:
        yield Check("graph", "warn", f"{where}: empty", "There is nothing to ask.", load_one)


def check_bundle(settings: Settings) -> Iterator[Check]:
    """The champion: there, and as it was published."""
    from graphrec.bundle import CHAMPION, BundleStore

    try:
        bundle = BundleStore(settings.bundles_dir).load(CHAMPION, verify=True)
    except BundleMissingError as exc:
        meaning = "Recommendations come from popularity and content alone."
        yield Check("bundle", "warn", exc.message, meaning, exc.remedy)
    except BundleDamagedError as exc:
        meaning = "The service is not ready; popularity still answers."
        yield Check("bundle", "fail", f"{exc.where}: {exc.message}", meaning, exc.remedy)
    else:
        yield Check("bundle", "ok", f"{bundle.id}, {len(bundle.manifest['files'])} files verified")


def check_keys(settings: Settings) -> Iterator[Check]:
    """The API keys: readable, and by nobody else."""
    from graphrec.access import KeyStore

    path = settings.keys_path
    if not path.exists():
        yield Check("keys", "ok", "none; needed only to serve beyond loopback")
        return
    try:
        valid = sum(key.revoked_at is None for key in KeyStore(path).list())
    except GraphrecError as exc:
        meaning = "The service refuses every key."
        yield Check("keys", "fail", f"{path}: {exc.message}", meaning, exc.remedy)
        return
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        meaning = "Others may read it; it holds no secrets, but names and scopes."
        yield Check("keys", "warn", f"{path} has mode {mode:o}", meaning, f"chmod 600 {path}")
    else:
        yield Check("keys", "ok", f"{valid} valid")

"""Names that point to bundles: small files, replaced whole, which remember their past."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import orjson

from graphrec.errors import BundleDamagedError, BundleError, BundleMissingError
from graphrec.files import locked, replace_file

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_SUFFIX = ".alias"
_MAX_HISTORY = 100


class Aliases:
    """The alias files ``{name}.alias`` of a bundles folder.

    Each is ``{"bundle": id, "since": epoch ms, "history": [{"bundle", "since"}, …]}``, the
    oldest first.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, name: str) -> str | None:
        """The id that an alias points to, or None where there is no such alias.

        Raises:
            BundleDamagedError: The alias file is not what was written.
        """
        if not _NAME.fullmatch(name):
            return None
        state = self._read(name)
        return None if state is None else str(state["bundle"])

    def by_bundle(self) -> dict[str, tuple[str, ...]]:
        """Bundle id -> names that point to it, sorted; unreadable aliases are left out."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._root.glob(f"*{_SUFFIX}")):
            try:
                target = self.get(path.name.removesuffix(_SUFFIX))
            except BundleDamagedError:
                continue
            if target is not None:
                found[target].append(path.name.removesuffix(_SUFFIX))
        return {bundle: tuple(names) for bundle, names in found.items()}

    def set(self, name: str, bundle_id: str) -> None:
        """Point an alias to a bundle, and remember where it pointed.

        Raises:
            BundleError: The name cannot be an alias.
        """
        if not _NAME.fullmatch(name):
            raise BundleError(
                f"{name!r} cannot be an alias.",
                remedy="Use a lower-case letter, then letters, digits, '_' and '-'.",
            )
        with self.lock():
            try:
                before = self._read(name)
            except BundleDamagedError:
                before = None  # Setting it again is the remedy that the error names.
            history = [] if before is None else [*before["history"], _entry(before)]
            if before is None or before["bundle"] != bundle_id:
                self._write(name, bundle_id, history)

    def rollback(self, name: str, *, exists: Callable[[str], bool]) -> str:
        """Point an alias to the last bundle before this one that still exists.

        Raises:
            BundleMissingError: There is none.
        """
        with self.lock():
            state = self._read(name) if _NAME.fullmatch(name) else None
            history = [] if state is None else list(state["history"])
            while history:
                target = str(history.pop()["bundle"])
                if exists(target):
                    self._write(name, target, history)
                    return target
        raise BundleMissingError(
            f"the alias '{name}' has nothing to go back to.",
            where=str(self._root),
            remedy="Choose a bundle with: graphrec models promote REF",
        )

    def lock(self) -> AbstractContextManager[None]:
        """Hold the aliases against other writers."""
        return locked(self._root / ".aliases.lock")

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self._root / f"{name}{_SUFFIX}"
        try:
            state = orjson.loads(path.read_bytes())
            history = [_entry(one) for one in state["history"]]
            return {**_entry(state), "history": history}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise BundleDamagedError(
                f"the alias file cannot be read: {exc!r}",
                where=str(path),
                remedy=f"Set it again with: graphrec models promote REF --alias {name}",
            ) from exc

    def _write(self, name: str, bundle_id: str, history: list[dict[str, Any]]) -> None:
        state = {
            "bundle": bundle_id,
            "since": time.time_ns() // 1_000_000,
            "history": history[-_MAX_HISTORY:],
        }
        content = orjson.dumps(state, option=orjson.OPT_INDENT_2) + b"\n"
        replace_file(self._root / f"{name}{_SUFFIX}", content)


def _entry(state: dict[str, Any]) -> dict[str, Any]:
    return {"bundle": str(state["bundle"]), "since": int(state["since"])}

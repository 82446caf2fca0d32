"""Runs the ``graphrec`` command as if only the core's own packages were installed.

    python tests/core_only.py HIDDEN.json COMMAND...

HIDDEN.json lists the top-level modules that only extras and tools bring; they are not found,
as on a machine that installed graphrec without extras.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType


class Without(MetaPathFinder):
    """Finds modules on the path as ever, but for some that it does not see."""

    def __init__(self, hidden: set[str]) -> None:
        self._hidden = hidden

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._hidden:
            return None
        return PathFinder.find_spec(fullname, path, target)

    def find_distributions(self, context: DistributionFinder.Context) -> Iterable[Distribution]:
        return PathFinder.find_distributions(context)


def main() -> None:
    hidden = set(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    sys.meta_path[:] = [Without(hidden) if f is PathFinder else f for f in sys.meta_path]
    sys.argv = ["graphrec", *sys.argv[2:]]
    from graphrec.cli.main import main as run

    run()


if __name__ == "__main__":
    main()

"""graphrec: what a learner should take next, and the path to the role they want."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphrec.version import __version__

if TYPE_CHECKING:
    from graphrec.recommend.recommender import Recommender

__all__ = ["Recommender", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Recommender":  # imported on first use: `import graphrec` stays instant
        from graphrec.recommend.recommender import Recommender

        return Recommender
    raise AttributeError(f"module 'graphrec' has no attribute {name!r}")

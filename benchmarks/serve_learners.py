"""Learner ids of a store, shuffled and percent-encoded, one a line; at most 100,000."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from urllib.parse import quote

from graphrec.graph.store import open_store
from graphrec.settings import Settings

_AT_MOST = 100_000


def main(folder: str) -> None:
    """Print the ids of the store in ``folder``."""
    with open_store(Settings(store=Path(folder))) as store:
        ids = sorted(store.export("learners")["learner_id"].to_pylist())
    random.Random(0).shuffle(ids)
    sys.stdout.writelines(quote(learner_id, safe="") + "\n" for learner_id in ids[:_AT_MOST])


if __name__ == "__main__":
    main(sys.argv[1])

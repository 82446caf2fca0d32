"""A process that runs several ``graphrec`` commands on one Ray, whose start costs most of a test.

``python command_driver.py HOME FILE`` reads commands, a JSON array of words a line, and writes a
line for each beside it, ``FILE.out``: exit code and JSON. With ``GRAPHREC_TEST_RAY`` an address,
that cluster is taken.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from graphrec.cli.main import main as graphrec
from training.cluster import ray_cluster


def run(words: list[str], scratch: Path) -> dict[str, Any]:
    """Exit code and JSON of a command in this process."""
    sys.argv = ["graphrec", *words]
    code: Any = 0
    stdout = sys.stdout
    with scratch.open("w") as sys.stdout:
        try:
            graphrec()
        except SystemExit as end:
            code = end.code
    sys.stdout = stdout
    return {"code": code or 0, "json": json.loads(scratch.read_text() or "{}")}


def main(home: Path, commands: Path) -> None:
    """Run them all; see the module."""
    address = os.environ.get("GRAPHREC_TEST_RAY")
    with ray_cluster(2, address, home), commands.with_suffix(".out").open("w") as out:
        for line in commands.read_text().splitlines():
            out.write(json.dumps(run(json.loads(line), home / "stdout")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""Waits until a service has made the shortlists of all its learners; prints how many, as JSON."""

from __future__ import annotations

import json
import re
import sys
import time
from urllib.request import urlopen

_EVERY_S, _STILL_S, _AT_MOST_S = 1.0, 15.0, 1_800.0


def main(url: str) -> None:
    """Ask ``/metrics`` of the service at ``url`` until the number stands still."""
    started = changed = time.monotonic()
    learners = -1
    while changed + _STILL_S > time.monotonic() and time.monotonic() - started < _AT_MOST_S:
        with urlopen(f"{url}/metrics") as answer:  # noqa: S310 - the address it printed
            found = re.search(rb"^graphrec_prepared_learners (\S+)$", answer.read(), re.MULTILINE)
        now = int(float(found[1])) if found else 0
        if now != learners:
            learners, changed = now, time.monotonic()
        time.sleep(_EVERY_S)
    print(json.dumps({"learners": learners, "seconds": round(changed - started, 1)}))


if __name__ == "__main__":
    main(sys.argv[1])

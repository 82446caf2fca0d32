"""Times the planner at 5,000 courses and 10,000 skills, one process, one thread, warm.

    python benchmarks/path_latency.py                # writes benchmarks/results/path_latency.json

Half of the requests are for a role, a quarter each for skills and a course; learners have up to
forty courses behind them, some requests a budget, a language or an exclusion (path_world.py).
Each is planned once; the clock is processor time of the process, which other work on the
machine does not stretch, and wall time is told beside it.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from made import script_digest, stamp, write_json
from path_world import MadeWorld, made_request, made_world

from graphrec.recommend.path_schemas import parse_request
from graphrec.recommend.paths import plan

HERE: Final = Path(__file__).resolve().parent
RESULT: Final = HERE / "results" / "path_latency.json"
WARM: Final = 20


def measure(world: MadeWorld, num_requests: int, seed: int) -> dict[str, Any]:
    """Milliseconds of a plan, by kind of target and over all.

    Args:
        world: The catalogue.
        num_requests: Timed ones; some more go before, to warm up.
        seed: Of learners and requests.
    """
    rng = random.Random(seed)
    kinds, cpu, wall, courses = [], [], [], []
    for number in range(WARM + num_requests):
        document, state = made_request(rng, world)
        began_cpu, began = time.process_time(), time.perf_counter()
        answer = plan(parse_request(document), world.catalogue, state)
        if number >= WARM:
            cpu.append(1e3 * (time.process_time() - began_cpu))
            wall.append(1e3 * (time.perf_counter() - began))
            kinds.append(
                "budget" if "max_total_hours" in document else next(iter(document["target"]))
            )
            courses.append(sum(len(step.courses) for step in answer.steps))
    of_kind = np.asarray(kinds)
    found = {"all": _row(cpu, wall, courses)}
    for kind in sorted(set(kinds)):
        chosen = of_kind == kind
        found[kind] = _row(*(np.asarray(v)[chosen] for v in (cpu, wall, courses)))
    return found


def _row(cpu: Any, wall: Any, courses: Any) -> dict[str, Any]:
    return {
        "requests": len(cpu),
        "cpu_ms": {f"p{p}": round(float(np.percentile(cpu, p)), 2) for p in (50, 90, 99, 100)},
        "wall_ms": {f"p{p}": round(float(np.percentile(wall, p)), 2) for p in (50, 90, 99, 100)},
        "courses": {"mean": round(float(np.mean(courses)), 1), "most": int(np.max(courses))},
    }


def main() -> None:
    """Measure and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--courses", type=int, default=5_000)
    parser.add_argument("--skills", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()
    began = time.perf_counter()
    world = made_world(args.courses, args.skills, args.seed)
    built = round(time.perf_counter() - began, 1)
    print(f"{args.courses} courses, {args.skills} skills made in {built} s", flush=True)
    # The digest of the catalogue is taken once, at the first plan.
    found = measure(world, args.requests, args.seed + 1)
    for kind, row in found.items():
        print(f"{kind:10}", row, flush=True)
    command = (
        f"python benchmarks/path_latency.py --courses {args.courses} --skills {args.skills} "
        f"--requests {args.requests} --seed {args.seed}"
    )
    mark = script_digest(Path(__file__), HERE / "path_world.py")
    made = stamp(command, time.perf_counter() - began, script=mark)
    write_json(args.output, {"made": made, "times": found})


if __name__ == "__main__":
    main()

"""Reading result files: one a seed, and their mean where one code made them all."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from model_tables import JOBS, result_names


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A result file, {} where there is none."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def read_result(folder: Path, job: str) -> dict[str, Any]:
    """The result of a job; of several seeds the mean of each figure under ``results``.

    Where seeds were averaged, ``seeds`` names them and ``deviation`` holds the standard
    deviation of each row's NDCG over them. Results of other code than seed 0's are left out:
    their mean would be that of two different things.
    """
    first = read_json(folder, job)
    if not first or job not in JOBS:
        return first
    code = first.get("made", {}).get("code")
    found = {seed: read_json(folder, name) for seed, name in result_names(job).items()}
    same = {s: f for s, f in found.items() if f and f.get("made", {}).get("code") == code}
    if len(same) < 2:
        return first
    rows = [one["results"] for one in same.values()]
    shared = [name for name in rows[0] if all(name in row for row in rows)]
    results = {
        name: {key: mean(row[name][key] for row in rows) for key in rows[0][name]}
        for name in shared
    }
    deviation = {name: stdev(row[name]["ndcg@10"] for row in rows) for name in shared}
    return first | {"results": results, "seeds": list(same), "deviation": deviation}

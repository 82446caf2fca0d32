"""Times every question of a curriculum designer on a graph of 100,000 learners.

    graphrec import mooccubex DATA/mooccubex --store STORE
    python benchmarks/question_times.py --store STORE            # or --neo4j bolt://...
    python benchmarks/question_times.py --docs                   # the table in docs/queries.md

The source has no roles and no prerequisites: both are made here by a seed and written into the
graph first, so that every question has something to look through. The course asked about is the
one with the most learners, the skill the one that most courses teach: the hardest of each.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from graphrec.graph.ladybug import LadybugStore
from graphrec.graph.neo4j import Neo4jStore
from graphrec.graph.queries import Query
from graphrec.graph.query_guide import put_between
from graphrec.graph.store import GraphStore
from graphrec.schema import TABLES

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "question_times.json"
GUIDE = ROOT / "docs" / "queries.md"
ROLES, SKILLS_A_ROLE, IN_ROLE, TARGETING, SEED = 20, 30, 2_000, 5_000, 7
RUNS = 3
LIMIT_S = 2.0


def add_made(store: GraphStore) -> dict[str, str]:
    """Write made roles and prerequisites; the ids to ask about, by the kind of parameter."""
    chance = random.Random(SEED)
    skills = store.export("skills")["skill_id"].to_pylist()
    taught: dict[str, int] = Counter(store.export("teaches")["skill_id"].to_pylist())
    taken = {r["course_id"]: r["num_learners"] for r in store.run("course_popularity")}
    courses = sorted(taken, key=lambda c: (-taken[c], c))
    learners = store.export("learners")["learner_id"].to_pylist()
    roles = [f"made-role-{n}" for n in range(ROLES)]
    needs = [(role, skill) for role in roles for skill in chance.sample(skills, SKILLS_A_ROLE)]
    # Each requires two more popular ones: no circles, and chains as long as chance has them.
    requires = [
        (courses[n], courses[earlier])
        for n in range(10, len(courses))
        for earlier in chance.sample(range(n), 2)
    ]
    chosen = chance.sample(learners, IN_ROLE + TARGETING)
    aims = [(learner, chance.choice(roles)) for learner in chosen]
    write(store, "roles", {"role_id": roles, "name": roles})
    write(store, "needs", _columns(("role_id", "skill_id"), needs))
    write(store, "requires", _columns(("course_id", "requires_course_id"), requires))
    write(store, "learners", _columns(("learner_id", "role_id"), aims[:IN_ROLE]))
    write(store, "learners", _columns(("learner_id", "target_role_id"), aims[IN_ROLE:]))
    return {
        "course_id": courses[0],
        "skill_id": min(taught, key=lambda s: (-taught[s], s)),
        "role_id": roles[0],
        "learner_id": aims[IN_ROLE][0],
    }


def _columns(names: tuple[str, str], rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}


def write(store: GraphStore, table: str, columns: dict[str, list[str]]) -> None:
    """Write some columns of a native table."""
    schema = TABLES[table].schema
    store.write(table, pa.table(columns, schema=pa.schema([schema.field(c) for c in columns])))


def measure(store: GraphStore, query: Query, ids: dict[str, str]) -> dict[str, Any]:
    """Seconds of the first run and the median of those after it."""
    given = {p.name: ids[p.name] for p in query.parameters if p.default is None}
    seconds = []
    rows: list[dict[str, Any]] = []
    for _ in range(RUNS + 1):
        begun = time.perf_counter()
        rows = store.run(query.name, **given)
        seconds.append(time.perf_counter() - begun)
        if seconds[-1] > 30:  # once is enough to know
            break
    return {
        "question": query.question,
        "rows": len(rows),
        "first_s": round(seconds[0], 3),
        "s": round(median(seconds[1:] or seconds), 3),
    }


def run(store: GraphStore, only: list[str]) -> dict[str, Any]:
    """Times by query name."""
    ids = add_made(store)
    times = {}
    for queries in store.library.questions.values():  # type: ignore[attr-defined]
        for query in queries:
            if not only or query.name in only:
                times[query.name] = measure(store, query, ids)
                print(query.name, times[query.name], flush=True)
    return {"counts": store.counts(), "asked": ids, "times": times}


def render(results: dict[str, Any]) -> str:
    """The Markdown table, a column an engine."""
    engines = sorted(results)
    lines = [
        "| | query | " + " | ".join(f"{e}, s" for e in engines) + " | rows |",
        "|---|---|" + "---:|" * (len(engines) + 1),
    ]
    first = results[engines[0]]["times"]
    for name, found in sorted(first.items(), key=lambda item: (item[1]["question"], item[0])):
        cells = [results[e]["times"].get(name, {}).get("s") for e in engines]
        shown = " | ".join("–" if s is None else f"{s:.2f}" for s in cells)
        lines.append(f"| {found['question']} | `{name}` | {shown} | {found['rows']} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, keep the result, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, help="folder given to graphrec import")
    parser.add_argument("--neo4j", help="address of a server that holds the same import")
    parser.add_argument("--only", nargs="*", default=[], help="these queries, kept beside the rest")
    parser.add_argument("--docs", action="store_true", help="write the table into the guide")
    args = parser.parse_args()
    kept = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}
    if args.docs:
        text = GUIDE.read_text(encoding="utf-8")
        GUIDE.write_text(put_between(text, "times", render(kept)), encoding="utf-8")
        return
    store: GraphStore = (
        Neo4jStore(args.neo4j) if args.neo4j else LadybugStore(args.store / "graph", buffer_mb=2048)
    )
    with store:
        store.migrate()
        found = run(store, args.only)
    before = kept.get(store.engine, {}).get("times", {}) if args.only else {}
    kept[store.engine] = found | {"times": {**before, **found["times"]}}
    RESULT.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Counts violated prerequisites over the learning paths of many learners of a store.

    python benchmarks/count_violations.py --store DIR --learners 500

Each learner is planned a path to a course and one to a skill that has prerequisites (drawn
with the seed). The count replays every answer against the graph's own tables and shares no
code with the planner: a REQUIRES not met by what is completed or in an earlier step, or a
gained skill of which a prerequisite is neither held nor gained in the same or an earlier
step, is one violation.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphrec.cli.common import open_graph, settings_for
from graphrec.recommend.catalogue import CATALOGUE_TABLES, Catalogue
from graphrec.recommend.learners import LearnerReader
from graphrec.recommend.path_schemas import PathResponse, parse_request
from graphrec.recommend.paths import plan


@dataclass
class Graph:
    """What the count needs of the tables, as plain sets."""

    teaches: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    requires: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(dict))
    before: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    taken: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def read(cls, tables: dict[str, pa.Table]) -> Graph:
        """Read the native tables; enrolments count as taken where nothing is completed."""
        graph = cls()
        for row in tables["teaches"].to_pylist():
            graph.teaches[row["course_id"]].add(row["skill_id"])
        for row in tables["requires"].to_pylist():
            group = f"any {row['any_of']}" if row["any_of"] else f"all {row['requires_course_id']}"
            options = graph.requires[row["course_id"]].setdefault(group, set())
            options.add(row["requires_course_id"])
        for row in tables["skill_prerequisites"].to_pylist():
            graph.before[row["skill_id"]].add(row["requires_skill_id"])
        rows = tables["interactions"].select(["learner_id", "course_id", "type"]).to_pylist()
        kinds = {row["type"] for row in rows}
        taken = "completed" if "completed" in kinds else "enrolled"
        for row in rows:
            graph.taken[row["learner_id"]]
            if row["type"] == taken:
                graph.taken[row["learner_id"]].add(row["course_id"])
        return graph

    def violations(self, learner_id: str, answer: PathResponse) -> Counter[str]:
        """Prerequisites checked and violated in one answer."""
        done = set(self.taken[learner_id])
        held = set().union(*(self.teaches[course] for course in done))
        count: Counter[str] = Counter(
            paths=1, blocked=int(not answer.steps and not answer.complete)
        )
        for step in answer.steps:
            gained = {gain.skill_id for course in step.courses for gain in course.skills_gained}
            count["steps"] += 1
            for course in step.courses:
                count["courses"] += 1
                groups = self.requires.get(course.course_id, {}).values()
                lacking = sum(1 for group in groups if not group & done)
                count["checked"] += len(groups)
                count["violated"] += lacking + int(course.course_id in done)
                for gain in course.skills_gained:
                    asked = self.before.get(gain.skill_id, set())
                    count["checked"] += len(asked)
                    count["violated"] += len(asked - held - gained)
                    count["violated"] += int(gain.skill_id not in self.teaches[course.course_id])
            done |= {course.course_id for course in step.courses}
            held |= gained
        return count


def count_violations(store: Path | None, num_learners: int, seed: int) -> dict[str, Any]:
    """Plan and replay; totals by name, and the milliseconds of a median plan."""
    rng = random.Random(seed)
    with open_graph(settings_for(store)) as opened:
        tables = dict(opened.export_snapshot([*CATALOGUE_TABLES, "interactions"]))
        catalogue, graph = Catalogue.from_tables(tables), Graph.read(tables)
        reader = LearnerReader(
            opened, catalogue, has_completions=bool(opened.run("has_completions")), ttl_s=None
        )
        known = sorted(graph.taken)
        learners = reader.get_many(rng.sample(known, min(num_learners, len(known))))
    courses = [c for c, course in catalogue.courses.items() if not course.hidden]
    skills = [s for s in graph.before if s in catalogue.skills]
    total: Counter[str] = Counter(
        dict.fromkeys(("paths", "blocked", "steps", "courses", "checked", "violated"), 0)
    )
    times = []
    for learner in learners:
        targets: list[dict[str, Any]] = [{"course_id": rng.choice(courses)}]
        targets += [{"skill_ids": [rng.choice(skills)]}] if skills else []
        for target in targets:
            request = parse_request({"learner_id": learner.learner_id, "target": target})
            start = time.perf_counter()
            answer = plan(request, catalogue, learner.state)
            times.append(time.perf_counter() - start)
            total += graph.violations(str(learner.learner_id), answer)
    median_ms = round(1e3 * sorted(times)[len(times) // 2], 1) if times else None
    names = ("paths", "blocked", "steps", "courses", "checked", "violated")
    return {"learners": len(learners), **{n: total[n] for n in names}, "median_ms": median_ms}


def main() -> int:
    """Print the count; exit 1 where anything is violated."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, default=None, help="store folder")
    parser.add_argument("--learners", type=int, default=500, help="how many, drawn by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    found = count_violations(arguments.store, arguments.learners, arguments.seed)
    if arguments.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['violated']} violated / {found['steps']} steps: {found['paths']} paths of "
            f"{found['learners']} learners, {found['courses']} courses, {found['checked']} "
            f"prerequisites checked, {found['blocked']} paths blocked, median "
            f"{found['median_ms']} ms"
        )
    return 1 if found["violated"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""How far the planner's plans are from the best there are, found by OR-Tools CP-SAT.

    python benchmarks/path_optimum.py          # writes benchmarks/results/path_optimum.json

Made worlds of rising size (path_world.py) and the roles of the demonstration academy, asked with
and without a budget. A plan is replayed by rules of its own before it is compared: what it does
not truly reach does not count. The gap is that of hours where both reach as much, against the
optimum, or against its proven lower bound where the solver ran out of time.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from made import script_digest, stamp, write_json
from path_model import Optimum, Task, optimum, task_of
from path_world import made_request, made_world

from graphrec.demo.catalogue import load_catalogue
from graphrec.errors import GraphrecError
from graphrec.recommend.catalogue import Catalogue
from graphrec.recommend.mastery import ANONYMOUS, FROM_COMPLETION, LearnerState, with_completed
from graphrec.recommend.path_schemas import PathResponse, parse_request
from graphrec.recommend.paths import plan

HERE: Final = Path(__file__).resolve().parent
RESULT: Final = HERE / "results" / "path_optimum.json"
SIZES: Final = ((30, 25), (60, 50), (120, 100), (200, 160), (1_000, 800), (5_000, 10_000))
"""Courses and skills of a made world."""
WORLDS: Final = 10
"""Worlds of one size; the largest takes seconds to make, and is made once."""

Question = tuple[dict[str, Any], Catalogue, LearnerState]


def made_questions(num_courses: int, num_skills: int, number: int, seed: int) -> Iterator[Question]:
    """Requests to worlds of one size, a third of those for skills and roles with a budget."""
    rng = random.Random(seed)
    worlds = WORLDS if num_courses <= 1_000 else 1
    for first in range(worlds):
        world = made_world(num_courses, num_skills, seed + first)
        for _ in range(number // worlds):
            request, state = made_request(rng, world)
            request.pop("max_total_hours", None)
            if "course_id" not in request["target"] and rng.random() < 1 / 3:
                request["max_total_hours"] = rng.choice((20.0, 50.0, 100.0))
            # What is under way is planned only where nothing else does: a rule, not a cost.
            yield request, world.catalogue, replace(state, enrolled=frozenset())


def academy_questions(number: int, seed: int) -> Iterator[Question]:
    """The academy's roles, for beginners and for those who have some courses behind them."""
    catalogue, rng = Catalogue.from_tables(load_catalogue()), random.Random(seed)
    for n in range(number):
        taken: set[str] = set()
        for course in rng.sample(sorted(catalogue.courses), rng.choice((0, 4, 12))):
            if catalogue.is_eligible(course, taken):
                taken.add(course)
        role = sorted(catalogue.roles)[n % len(catalogue.roles)]
        request: dict[str, Any] = {"target": {"role_id": role}}
        if rng.random() < 1 / 3:
            request["max_total_hours"] = rng.choice((20.0, 50.0, 100.0))
        yield request, catalogue, with_completed(ANONYMOUS, taken, catalogue, FROM_COMPLETION)


def replayed(task: Task, answer: PathResponse) -> tuple[int, int, float]:
    """Essential goals, all goals, and hours of a plan, by a replay of its steps.

    Raises:
        GraphrecError: The plan takes what cannot be taken, or breaks a REQUIRES.
    """
    taken, held = set[str](), dict[str, list[float | None]]()
    for step in answer.steps:
        courses = [course.course_id for course in step.courses]
        for course in courses:
            _check(course in task.options, f"{course} cannot be taken")
            is_met = course in task.options and all(taken & set(g) for g in task.options[course])
            _check(is_met, f"{course} comes before what it REQUIRES")
        taken |= set(courses)
        taught = {s for s in task.teachers if set(courses) & task.teachers[s].keys()}
        while lacking := {
            s
            for s in taught
            if s not in held and any(p not in held and p not in taught for p in task.before[s])
        }:
            taught -= lacking
        for s in taught:
            held.setdefault(s, []).extend(
                task.teachers[s][c] for c in courses if c in task.teachers[s]
            )
    met = [
        is_essential
        for s, (level, is_essential) in task.goals.items()
        if any(level is None or got is None or got >= level for got in held.get(s, ()))
    ]
    return sum(met), len(met), sum(task.milli[c] for c in taken) / 1_000


def _check(is_right: bool, why: str) -> None:
    """A planner and a model that contradict each other: one of them is wrong."""
    if not is_right:
        raise GraphrecError(f"Planner and model contradict each other: {why}.")


def compare(question: Question, limit_s: float) -> dict[str, Any] | None:
    """The planner and the solver on one request; None where nothing is to be planned."""
    request, catalogue, state = question
    task = task_of(request, catalogue, state)
    parsed = parse_request(request)
    began = time.process_time()
    answer = plan(parsed, catalogue, state)
    planner_s = time.process_time() - began
    if set(task.fixed) - task.options.keys() or not (task.goals or task.fixed):
        _check(not answer.steps, "planned what the model says cannot be had")
        return None
    best = optimum(task, limit_s)
    return _row(replayed(task, answer), best, planner_s) | {
        "courses": len(task.options),
        "skills": len(task.teachers),
        "goals": len(task.goals),
        "is_budget": task.most_hours is not None,
    }


def _row(found: tuple[int, int, float], best: Optimum, planner_s: float) -> dict[str, Any]:
    essential, reached, hours = found
    least = best.hours if best.status == "OPTIMAL" else best.bound
    missed = (best.essential, best.reached) > (essential, reached)
    is_more = (best.essential, best.reached) < (essential, reached)
    _check(best.status != "OPTIMAL" or not is_more, "the planner beats a proven optimum")
    gap = None
    if not missed and not is_more and best.status in ("OPTIMAL", "FEASIBLE"):
        gap = (hours - least) / least if least else float(hours > 0)
        _check(gap > -1e-6, f"the planner beats a proven bound: {hours} < {least}")
    return {
        "status": best.status,
        "gap": gap,
        "is_missed": missed,
        "is_best": not missed and gap is not None and abs(gap) < 1e-6,
        "planner_s": planner_s,
        "solver_s": best.seconds,
    }


def table_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the instances of one size come to."""
    gaps = [100 * row["gap"] for row in rows if row["gap"] is not None]
    return {
        "instances": len(rows),
        "courses": _range([row["courses"] for row in rows]),
        "skills": _range([row["skills"] for row in rows]),
        "proven": sum(row["status"] == "OPTIMAL" for row in rows),
        "best": sum(row["is_best"] for row in rows),
        "fewer_goals": sum(row["is_missed"] for row in rows),
        "mean_gap_percent": round(float(np.mean(gaps)), 3) if gaps else None,
        "worst_gap_percent": round(float(np.max(gaps)), 2) if gaps else None,
        "planner_ms": _times([1e3 * row["planner_s"] for row in rows]),
        "solver_ms": _times([1e3 * row["solver_s"] for row in rows]),
    }


def _range(values: list[int]) -> dict[str, float]:
    return {"median": float(np.median(values)), "most": max(values)}


def _times(values: list[float]) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 1), "most": round(max(values), 1)}


def measure(questions: Iterator[Question], limit_s: float) -> dict[str, dict[str, Any]]:
    """Rows of the table: without and with a budget."""
    rows = [row for question in questions if (row := compare(question, limit_s))]
    parts = {
        "free": [row for row in rows if not row["is_budget"]],
        "budget": [row for row in rows if row["is_budget"]],
    }
    return {name: table_row(part) for name, part in parts.items() if part}


def main() -> None:
    """Measure every size and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=100, help="requests of each size")
    parser.add_argument("--limit", type=float, default=20.0, help="seconds of the solver")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=int, default=5_000, help="courses of the largest world")
    parser.add_argument("--output", type=Path, default=RESULT)
    args = parser.parse_args()
    began, found = time.perf_counter(), {}
    found["academy"] = measure(academy_questions(args.instances, args.seed), args.limit)
    print("academy", found["academy"], flush=True)
    for courses, skills in SIZES:
        if courses <= args.most:
            questions = made_questions(courses, skills, args.instances, args.seed)
            found[str(courses)] = measure(questions, args.limit)
            print(courses, found[str(courses)], flush=True)
    command = (
        f"python benchmarks/path_optimum.py --instances {args.instances} "
        f"--limit {args.limit:g} --seed {args.seed}"
    )
    mark = script_digest(Path(__file__), HERE / "path_world.py", HERE / "path_model.py")
    made = stamp(command, time.perf_counter() - began, script=mark)
    write_json(args.output, {"made": made, "sizes": found})


if __name__ == "__main__":
    main()

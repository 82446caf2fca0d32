"""An independent judge of learning paths: shares no code with the planner.

A world is plain dicts; the judge replays an answer course by course and raises
AssertionError at the first rule that it breaks. ``cheapest`` finds the true optimum of tiny
worlds by looking at every order of steps.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

import pyarrow as pa

from graphrec.schema import TABLES


@dataclass
class World:
    courses: dict[str, dict[str, Any]]  # hours, language, hidden
    skills: list[str] = field(default_factory=list)
    teaches: dict[str, dict[str, float | None]] = field(default_factory=dict)
    requires: list[tuple[str, str, str | None]] = field(default_factory=list)
    before: set[tuple[str, str]] = field(default_factory=set)  # (skill, its prerequisite)
    needs: dict[str, dict[str, tuple[float | None, bool | None]]] = field(default_factory=dict)

    def tables(self) -> dict[str, pa.Table]:
        rows: dict[str, list[dict[str, Any]]] = {
            "courses": [{"course_id": c, **v} for c, v in self.courses.items()],
            "skills": [{"skill_id": s, "name": s} for s in self.skills],
            "roles": [{"role_id": r, "name": r} for r in self.needs],
            "teaches": [
                {"course_id": c, "skill_id": s, "level": level}
                for c, taught in self.teaches.items()
                for s, level in taught.items()
            ],
            "requires": [
                {"course_id": c, "requires_course_id": r, "any_of": a} for c, r, a in self.requires
            ],
            "skill_prerequisites": [
                {"skill_id": s, "requires_skill_id": p} for s, p in sorted(self.before)
            ],
            "needs": [
                {"role_id": r, "skill_id": s, "level": level, "essential": essential}
                for r, skills in self.needs.items()
                for s, (level, essential) in skills.items()
            ],
        }
        return {n: pa.Table.from_pylist(r, schema=TABLES[n].schema) for n, r in rows.items()}

    @classmethod
    def from_tables(cls, tables: dict[str, pa.Table]) -> World:
        facts = ("hours", "language", "hidden")
        rows = {name: table.to_pylist() for name, table in tables.items()}
        world = cls(
            {r["course_id"]: {k: r[k] for k in facts} for r in rows["courses"]},
            [r["skill_id"] for r in rows["skills"]],
        )
        for r in rows["teaches"]:
            world.teaches.setdefault(r["course_id"], {})[r["skill_id"]] = r["level"]
        for r in rows["requires"]:
            world.requires.append((r["course_id"], r["requires_course_id"], r["any_of"]))
        for r in rows["skill_prerequisites"]:
            world.before.add((r["skill_id"], r["requires_skill_id"]))
        for r in rows["needs"]:
            needs = world.needs.setdefault(r["role_id"], {})
            needs[r["skill_id"]] = (r["level"], r["essential"])
        return world

    def groups(self, course: str) -> list[set[str]]:
        named: dict[str, set[str]] = {}
        alone = []
        for c, required, any_of in self.requires:
            if c == course and any_of:
                named.setdefault(any_of, set()).add(required)
            elif c == course:
                alone.append({required})
        return alone + list(named.values())


Held = dict[str, float]  # skill -> level; infinite: enough for anything


def _level(value: float | None) -> float:
    return math.inf if value is None else value


class Judge:
    def __init__(self, world: World, request: dict[str, Any]) -> None:
        self.world, self.request = world, request
        self.completed = {c for c in request.get("completed", []) if c in world.courses}
        self.held: Held = {}
        for course in self.completed:
            self._learn(self.held, world.teaches.get(course, {}))
        self.held.update(
            {s: math.inf for s in request.get("mastered", []) if s in set(world.skills)}
        )
        self.completed |= {c for c in request.get("waive", []) if c in world.courses}
        self.musts = [c for c in request.get("must_take", []) if c not in self.completed]
        self.prerequisites: dict[str, set[str]] = {}
        for skill, before in world.before:
            self.prerequisites.setdefault(skill, set()).add(before)

    @staticmethod
    def _learn(held: Held, taught: dict[str, float | None]) -> None:
        for skill, level in taught.items():
            held[skill] = max(held.get(skill, -math.inf), _level(level))

    def may_plan(self, course: str) -> bool:
        facts = self.world.courses[course]
        asked = self.request.get("language")
        speaks = any(f.get("language") for f in self.world.courses.values())
        for column, name in (("provider", "providers"), ("level", "levels")):
            wanted = [one.lower() for one in self.request.get(name, [])]
            is_known = any(f.get(column) for f in self.world.courses.values())
            if wanted and is_known and (facts.get(column) or "").lower() not in wanted:
                return False
        return not (
            course in self.completed
            or facts.get("hidden")
            or course in self.request.get("exclude", [])
            or (asked and speaks and (facts.get("language") or "").lower() != asked.lower())
        )

    def goals(self) -> dict[str, tuple[float, bool]]:
        """Skill -> (level, essential) asked for and not held; a course target has none."""
        target = self.request["target"]
        if target.get("role_id"):
            needs = self.world.needs[target["role_id"]]
            asked = {
                s: (-math.inf if level is None else level, essential is not False)
                for s, (level, essential) in needs.items()
            }
        elif target.get("skill_levels"):
            asked = {s: (level, True) for s, level in target["skill_levels"].items()}
        else:
            asked = dict.fromkeys(target.get("skill_ids") or [], (-math.inf, True))
        return {
            s: g
            for s, g in asked.items()
            if self.held.get(s, -math.inf) < g[0] or s not in self.held
        }

    def gain(self, step: tuple[str, ...], held: Held) -> Held:
        """What the courses of a step add together, all of it properly founded."""
        new: Held = {}
        for course in step:
            self._learn(new, self.world.teaches.get(course, {}))
        while True:
            lacking = {
                s
                for s in new
                if s not in held
                and any(p not in held and p not in new for p in self.prerequisites.get(s, ()))
            }
            if not lacking:
                return {s: level for s, level in new.items() if level > held.get(s, -math.inf)}
            new = {s: level for s, level in new.items() if s not in lacking}

    def requires_met(self, course: str, taken: set[str]) -> bool:
        return all(group & taken for group in self.world.groups(course))

    def replay(self, steps: list[list[str]]) -> Held | None:
        """What is held after these steps; None where a REQUIRES is broken."""
        held, taken = dict(self.held), set(self.completed)
        for step in steps:
            if not all(self.requires_met(course, taken) for course in step):
                return None
            held.update(self.gain(tuple(step), held))
            taken.update(step)
        return held

    def check(self, answer: dict[str, Any]) -> None:
        self._check_courses(answer)
        self._check_gains(answer)
        self._check_target(answer)
        self._check_minimal(answer)
        self._check_sums(answer)
        self._check_alternatives(answer)

    def _check_alternatives(self, answer: dict[str, Any]) -> None:
        """With another course in a place the plan still holds and reaches as much."""
        steps = self._steps(answer)
        planned = {course for step in steps for course in step}
        out = {note["target"] for note in answer["unreachable"]}
        for course in (c for step in answer["steps"] for c in step["courses"]):
            others = [one["course_id"] for one in course["alternatives"]]
            assert len(others) == len(set(others)) <= self.request.get("alternatives", 2)
            assert not others or course["course_id"] not in self.musts
            for other in others:
                assert self.may_plan(other)
                assert other not in planned
                changed = [[other if c == course["course_id"] else c for c in s] for s in steps]
                held = self.replay(changed)
                assert held is not None, f"{other} breaks a REQUIRES"
                for skill, (level, _) in self.goals().items():
                    assert skill in out or held.get(skill, -math.inf) >= level
                    assert skill in out or skill in held
                hours = [self.world.courses[c]["hours"] for s in changed for c in s]
                budget = self.request.get("max_total_hours")
                if budget is not None and None not in hours:
                    assert sum(hours) <= budget + 1e-6

    def _steps(self, answer: dict[str, Any]) -> list[list[str]]:
        return [[c["course_id"] for c in step["courses"]] for step in answer["steps"]]

    def _check_courses(self, answer: dict[str, Any]) -> None:
        assert [s["order"] for s in answer["steps"]] == list(range(1, len(answer["steps"]) + 1))
        steps = self._steps(answer)
        planned = [course for step in steps for course in step]
        assert len(planned) == len(set(planned)), "a course twice"
        taken = set(self.completed)
        for step in steps:
            assert step, "an empty step"
            for course in step:
                assert self.may_plan(course), f"{course} may not be planned"
                assert self.requires_met(course, taken), f"REQUIRES of {course} is broken"
            taken.update(step)
        for step in answer["steps"]:
            for course in step["courses"]:
                codes = {reason["code"] for reason in course["reasons"]}
                assert codes - {"pinned", "kept"}, "a course without a reason"
                assert course["hours"] == self.world.courses[course["course_id"]].get("hours")
                for reason in course["reasons"]:
                    self._check_reason(course["course_id"], reason, planned)

    def _check_reason(self, course: str, reason: dict[str, Any], planned: list[str]) -> None:
        taught = self.world.teaches.get(course, {})
        code, skill = reason["code"], reason["skill_id"]
        if code in ("must_take", "pinned", "kept"):
            field = {"must_take": "must_take", "pinned": "pin", "kept": "keep"}[code]
            assert reason["course_id"] == course
            assert course in self.request[field]
        elif code == "taught_in_time":
            other = reason["course_id"]
            assert other in [*self.musts, self.request["target"].get("course_id")]
            assert skill in taught
            assert skill in self.world.teaches[other]
        elif code == "target_course":
            assert reason["course_id"] == course == self.request["target"]["course_id"]
        elif code == "required_by":
            assert reason["course_id"] in planned
            assert any(course in group for group in self.world.groups(reason["course_id"]))
        elif code == "taught_in_time":
            target = self.request["target"]["course_id"]
            assert reason["course_id"] == target in planned
            assert skill in taught
            assert skill in self.world.teaches[target]
        else:
            assert skill in taught
            if code == "prerequisite_skill_of":
                assert (reason["for_skill_id"], skill) in self.world.before
            else:
                assert code == "teaches_needed_skill"
                assert skill in self.goals()

    def _check_gains(self, answer: dict[str, Any]) -> None:
        held = dict(self.held)
        for step in answer["steps"]:
            relaxed = [set(r["courses"]) for r in answer["relaxed"]]
            new: Held = {}
            by_course = {}
            for course in step["courses"]:
                gained = {g["skill_id"]: g["level"] for g in course["skills_gained"]}
                by_course[course["course_id"]] = set(gained)
                for skill, level in gained.items():
                    taught = self.world.teaches.get(course["course_id"], {})
                    assert skill in taught
                    assert taught[skill] == level
                    assert _level(level) > held.get(skill, -math.inf), "gained what was held"
                self._learn(new, gained)
            for course, skills in by_course.items():
                near = set(skills)
                for group in relaxed:
                    if course in group:
                        near |= set().union(*(by_course.get(other, set()) for other in group))
                for skill in skills - set(held):
                    for before in self.prerequisites.get(skill, ()):
                        assert before in held or before in near, f"{skill} before {before}"
            held.update({s: max(level, held.get(s, -math.inf)) for s, level in new.items()})
        ids = [set(step) for step in self._steps(answer)]
        for note in answer["relaxed"]:
            assert len(note["courses"]) > 1
            assert any(set(note["courses"]) <= step for step in ids), "relaxed across steps"

    def _check_target(self, answer: dict[str, Any]) -> None:
        out = {note["target"]: note for note in answer["unreachable"]}
        assert len(out) == len(answer["unreachable"]), "one target, two notes"
        assert all(note["why"] for note in out.values())
        steps = self._steps(answer)
        planned = {course for step in steps for course in step}
        target = self.request["target"].get("course_id")
        for course in {*self.musts, *filter(None, [target])}:
            assert (course in planned | self.completed) == (course not in out)
        if target:
            assert set(out) <= {*self.musts, target}
            assert answer["complete"] == (not out)
            return
        held = self.replay(steps)
        assert held is not None
        for skill, (level, _) in self.goals().items():
            reached = skill in held and held[skill] >= level
            assert reached == (skill not in out), f"{skill}: reached {reached}, {out.get(skill)}"
        assert answer["complete"] == (not any(note["essential"] for note in out.values()))

    def listed(self, answer: dict[str, Any]) -> dict[str, float]:
        found: dict[str, float] = {}
        for step in answer["steps"]:
            for course in step["courses"]:
                self._learn(found, {g["skill_id"]: g["level"] for g in course["skills_gained"]})
        return found

    def _check_minimal(self, answer: dict[str, Any]) -> None:
        steps = self._steps(answer)
        full = self.replay(steps)
        assert full is not None
        target = self.request["target"].get("course_id")
        fixed = {*self.musts, *filter(None, [target])} & {c for step in steps for c in step}
        beside = {s for c in fixed for s in self.world.teaches.get(c, {})}
        wanted = beside | (set() if target else self.goals().keys() & self.listed(answer).keys())
        kept = {s: full[s] for s in wanted if s in full}
        for course in (c for step in steps for c in step if c not in fixed):
            held = self.replay([[c for c in step if c != course] for step in steps])
            still = held is not None and all(
                held.get(s, -math.inf)
                >= min(level, max(self.goals().get(s, (-math.inf,))[0], -math.inf))
                and s in held
                for s, level in kept.items()
            )
            assert not still, f"{course} is superfluous"

    def _check_sums(self, answer: dict[str, Any]) -> None:
        hours = [c["hours"] for step in answer["steps"] for c in step["courses"]]
        if None in hours:
            assert answer["total_hours"] is None
            assert answer["finish_at"] is None
        else:
            assert math.isclose(answer["total_hours"], sum(hours), abs_tol=1e-6)
        self._check_calendar(answer)
        most = self.request.get("max_courses")
        assert most is None or len(hours) <= most
        limit = self.request.get("max_total_hours")
        if limit is not None and any(
            f.get("hours") is not None for f in self.world.courses.values()
        ):
            assert answer["estimated_hours"] <= limit + 1e-6

    def _check_calendar(self, answer: dict[str, Any]) -> None:
        """Nothing starts before what comes before it ends; unknown hours end all dates."""
        weekly, end, total = self.request.get("hours_per_week"), None, 0.0
        for step in answer["steps"]:
            if end is not None or step["order"] > 1:
                assert step["starts_at"] == end
            end, start = step["ends_at"], step["starts_at"]
            hours = [course["hours"] for course in step["courses"]]
            assert (end is not None) == bool(weekly and start and None not in hours)
            if end is not None:
                total += sum(hours)
                first = date.fromisoformat(answer["steps"][0]["starts_at"])
                days = (date.fromisoformat(end) - first).days
                assert start <= end
                assert abs(days - total / weekly * 7) <= 1
        if answer["steps"]:
            assert answer["finish_at"] == end

    def states(self, hours: dict[str, float]) -> dict[tuple[frozenset[str], frozenset[Any]], float]:
        """Every reachable (courses taken, skills held) with its hours: tiny worlds only."""
        open_courses = [c for c in self.world.courses if self.may_plan(c)]
        start = (frozenset[str](), frozenset(self.held.items()))
        best = {start: 0.0}
        queue: list[tuple[float, int, Any]] = [(0.0, 0, start)]
        count = 0
        while queue:
            cost, _, state = heapq.heappop(queue)
            if cost > best[state]:
                continue
            taken, held = set(state[0]) | self.completed, dict(state[1])
            ready = [c for c in open_courses if c not in taken and self.requires_met(c, taken)]
            for size in range(1, len(ready) + 1):
                for step in combinations(ready, size):
                    after = {**held, **self.gain(step, held)}
                    key = (state[0] | set(step), frozenset(after.items()))
                    total = cost + sum(hours[c] for c in step)
                    if total < best.get(key, math.inf) - 1e-9:
                        best[key] = total
                        count += 1
                        heapq.heappush(queue, (total, count, key))
        return best

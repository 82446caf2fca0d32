"""Stage 2, GRAPH: what a designer asks of learners: where they stop, their ways, and trends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from graphrec.errors import ParameterError
from graphrec.graph.store import Row

PERIODS: Final = {"year": 12, "quarter": 3, "month": 1}
"""Months in each period that a trend is told by."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONTH, _LAST_MONTH = 12, 9_999 * 12 + 11  # of the years that a calendar has


def leaving_steps(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Learners that reach each step, and those that stop there."""
    del values
    reached: Counter[int] = Counter()
    stopped: Counter[int] = Counter()
    for row in rows:
        completed, learners = row["completed"], row["learners"]
        for step in range(1, completed + 1):
            reached[step] += learners
        if row["unfinished"]:
            reached[completed + 1] += learners
            stopped[completed + 1] += learners
    return [
        {
            "step": step,
            "learners": reached[step],
            "stopped": stopped[step],
            "stop_rate": stopped[step] / reached[step],
        }
        for step in sorted(reached)
    ]


def pathways(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """Sequences of courses by how many learners took them so."""
    if values["steps"] < 1:
        raise ParameterError("A pathway has 1 step or more.", where="steps")
    taken: dict[str, list[tuple[int, int, str]]] = {}
    for row in rows:
        step = (row["moment"], row["place"], row["course_id"])
        taken.setdefault(row["learner_id"], []).append(step)
    counts = Counter(
        tuple(course for _, _, course in sorted(steps)[: values["steps"]])
        for steps in taken.values()
    )
    found: list[Row] = [
        {"path": list(path), "learners": learners, "share": learners / len(taken)}
        for path, learners in counts.items()
        if learners >= values["min_learners"]
    ]
    found.sort(key=lambda r: (-r["learners"], r["path"]))
    return found[: values["limit"]]


def trend(rows: list[Row], values: Mapping[str, Any]) -> list[Row]:
    """A skill's events by period, from those of each course by day."""
    if values["period"] not in PERIODS:
        raise ParameterError(
            f"'{values['period']}' is no period.",
            where="period",
            remedy=f"One of: {', '.join(PERIODS)}.",
        )
    months = PERIODS[values["period"]]
    teaching = {row["course_id"] for row in rows if row["teaches"]}
    every: Counter[int] = Counter()
    own: Counter[int] = Counter()
    for row in rows:
        if row["teaches"]:
            continue
        period = _month(row["day"]) // months
        every[period] += row["taken"]
        if row["course_id"] in teaching:
            own[period] += row["taken"]
    found: list[Row] = []
    before = 0
    for period in range(min(every), max(every) + 1) if own else ():
        found.append(
            {
                "period": _named(period * months, values["period"]),
                "taken": own[period],
                "all_taken": every[period],
                "share": own[period] / every[period] if every[period] else None,
                "growth": own[period] / before - 1 if before else None,
            }
        )
        before = own[period]
    return found


def _month(day_ms: int) -> int:
    """Months since year 0; a time that no calendar has is its first or last month."""
    try:
        moment = _EPOCH + timedelta(milliseconds=day_ms)
    except OverflowError:
        return _FIRST_MONTH if day_ms < 0 else _LAST_MONTH
    return moment.year * 12 + moment.month - 1


def _named(month: int, period: str) -> str:
    year, of_year = divmod(month, 12)
    if period == "year":
        return f"{year:04}"
    return (
        f"{year:04}-Q{of_year // 3 + 1}" if period == "quarter" else f"{year:04}-{of_year + 1:02}"
    )

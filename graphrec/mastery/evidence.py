"""Stage 3, TRAIN: interactions in, observations of learners at work on skills out.

An observation is one thing a learner did with a course. Where it says how well it went it
has an outcome; where it does not (a view without its share watched) it is practice alone.
An opinion (a rating in stars) says nothing about mastery and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from graphrec.errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAY_MS: Final = 86_400_000
_SCALES: Final = (1.0, 5.0, 10.0, 20.0, 100.0)
"""Largest marks that sources use; the first that no mark of the data exceeds is taken."""


class EvidenceConfig(BaseModel):
    """When what a learner did counts as a success."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    success_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="Share watched, 0..1, from which a view succeeded: credits are not watched.",
    )
    pass_mark: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the best mark from which a completion succeeded; without one it did.",
    )


@dataclass(frozen=True)
class Evidence:
    """N observations of learners at work on courses, by learner, then by time.

    Attributes:
        learner_ids, course_ids, skill_ids: External ids by position.
        learner, course: int [N], positions. at: int [N], epoch ms.
        outcome: float [N], 0..1, how well it went; NaN for practice alone.
        success: float [N], 1 or 0; NaN where ``outcome`` is.
        skills: int [C] arrays, skills each course teaches; [S] ("no skill") where none is known.
        levels: float, like ``skills``, the level taught (1 where unknown).
        needs: int [C] arrays, skills that those build upon and the course does not teach.
        num_without_time: Rows left out because nothing says when they happened.
    """

    learner_ids: list[str]
    course_ids: list[str]
    skill_ids: list[str]
    learner: Ints
    course: Ints
    at: Ints
    outcome: Floats
    success: Floats
    skills: list[Ints]
    levels: list[Floats]
    needs: list[Ints]
    num_without_time: int = 0

    def __len__(self) -> int:
        return len(self.learner)

    @property
    def is_scored(self) -> Bools:
        """Bool [N]: observations that have an outcome."""
        return ~np.isnan(self.success)

    def where(self, mask: Bools) -> Evidence:
        """The observations where ``mask`` (bool [N]) is true."""
        changed = {
            name: getattr(self, name)[mask]
            for name in ("learner", "course", "at", "outcome", "success")
        }
        return Evidence(**{**self.__dict__, **changed})


def collect_evidence(
    tables: Mapping[str, pa.Table], config: EvidenceConfig | None = None
) -> Evidence:
    """Observations of native tables.

    Args:
        tables: ``interactions`` and ``teaches``; ``skill_prerequisites`` where there are any.
        config: What counts as a success.

    Raises:
        InputError: No interaction has a time.
    """
    config = config or EvidenceConfig()
    frame = (
        tables["interactions"]
        .select(["learner_id", "course_id", "type", "at", "score", "progress"])
        .to_pandas()
    )
    has_time = frame["at"].notna()
    if not has_time.any():
        raise InputError(
            "no interaction says when it happened.",
            where="interactions.at",
            remedy="Mastery fades with time: give the times of the interactions.",
        )
    rows = _observations(frame[has_time], config)
    learner_ids, course_ids = sorted(set(rows["learner_id"])), sorted(set(rows["course_id"]))
    taught = tables["teaches"].to_pylist()
    skill_ids = sorted({row["skill_id"] for row in taught})
    skills, levels, needs = _skills(tables, taught, course_ids, skill_ids)
    return Evidence(
        learner_ids=learner_ids,
        course_ids=course_ids,
        skill_ids=skill_ids,
        learner=np.searchsorted(learner_ids, rows["learner_id"].to_numpy(str)).astype(np.int64),
        course=np.searchsorted(course_ids, rows["course_id"].to_numpy(str)).astype(np.int64),
        at=rows["at"].to_numpy(np.int64),
        outcome=rows["outcome"].to_numpy(np.float64),
        success=rows["success"].to_numpy(np.float64),
        skills=skills,
        levels=levels,
        needs=needs,
        num_without_time=int((~has_time).sum()),
    )


def _observations(frame: pd.DataFrame, config: EvidenceConfig) -> pd.DataFrame:
    """Rows with ``outcome`` and ``success``, one a learner, course and moment, in order."""
    kind, progress = frame["type"].to_numpy(str), frame["progress"].to_numpy(np.float64)
    completed, dropped = kind == "completed", kind == "dropped"
    mark = _marks(frame["score"].to_numpy(np.float64), completed)
    watched = np.isin(kind, ("viewed", "rated")) & ~np.isnan(progress)
    outcome = np.where(watched, progress, np.nan)
    outcome = np.where(completed, mark, outcome)
    # A course given up is no success, however far it was followed.
    outcome = np.where(dropped, 0.4 * np.nan_to_num(progress), outcome)
    success = np.where(watched, progress >= config.success_share, np.nan)
    success = np.where(completed, mark >= config.pass_mark, success)
    success = np.where(dropped, 0.0, success)
    found = frame.assign(outcome=outcome, success=success)
    found = found[watched | completed | dropped | (kind == "viewed")]
    key = ["learner_id", "at", "course_id"]
    # Of a view and a rating at one moment the one with an outcome stays: NaN sorts last.
    ordered: pd.DataFrame = found.sort_values([*key, "success", "outcome"], kind="stable")
    return ordered.drop_duplicates(key)


def _marks(score: Floats, completed: Bools) -> Floats:
    """Float [n], 0..1: marks of completions as a share of the best; 1 where there is none."""
    known = score[completed & ~np.isnan(score)]
    top = known.max() if len(known) else 1.0
    scale = next((s for s in _SCALES if top <= s), top)
    share: Floats = np.where(np.isnan(score), 1.0, np.clip(score / scale, 0.0, 1.0))
    return share


def _skills(
    tables: Mapping[str, pa.Table],
    taught: list[dict[str, Any]],
    course_ids: list[str],
    skill_ids: list[str],
) -> tuple[list[Ints], list[Floats], list[Ints]]:
    """``Evidence.skills``, ``levels`` and ``needs``."""
    position = {skill: n for n, skill in enumerate(skill_ids)}
    before: dict[int, set[int]] = {}
    if "skill_prerequisites" in tables:
        for row in tables["skill_prerequisites"].to_pylist():
            skill, needed = position.get(row["skill_id"]), position.get(row["requires_skill_id"])
            if skill is not None and needed is not None:
                before.setdefault(skill, set()).add(needed)
    by_course: dict[str, dict[int, float]] = {}
    for row in taught:
        by_course.setdefault(row["course_id"], {})[position[row["skill_id"]]] = row["level"] or 1.0
    found = [by_course.get(course) or {len(skill_ids): 1.0} for course in course_ids]
    needs = [sorted(set().union(*(before.get(s, set()) for s in has)) - set(has)) for has in found]
    return (
        [np.array(sorted(has), np.int64) for has in found],
        [np.array([has[s] for s in sorted(has)], np.float64) for has in found],
        [np.array(need, np.int64) for need in needs],
    )

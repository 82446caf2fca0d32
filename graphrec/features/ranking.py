"""Features of the ranking layer: each declared once, computed by one function.

Training and serving both call ``ranking_features``: what a ranker learned from is what it is
given. Features of the past are those of the moment that is asked about: an event at or after
that moment is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from graphrec.features.ranking_asked import Asked
from graphrec.features.ranking_facts import CourseFacts

Compute = Callable[[Asked, CourseFacts], np.ndarray]


@dataclass(frozen=True)
class Feature:
    """One feature of a learner and a candidate.

    Attributes:
        name: Unique.
        group: What is taken away together in an ablation.
        definition: What it says, with its unit.
        compute: float32 [m].
        needs: What the data must have: ``times``, ``skills``, ``prerequisites``, ``hours``,
            ``levels``, ``roles``, or "" for nothing.
        dtype: Of the column.
    """

    name: str
    group: str
    definition: str
    compute: Compute
    needs: str = ""
    dtype: str = "float32"


def _known(asked: Asked, facts: CourseFacts) -> np.ndarray:
    """Share of a candidate's skills that courses taken teach, float32 [m]."""
    return facts.skill_share(asked.held(facts), asked.owners, asked.items)


DECLARED: tuple[Feature, ...] = (
    Feature("blend", "stages", "The learned blend of all parts.", lambda a, _: a.blended),
    Feature(
        "blend_rank",
        "stages",
        "Log of 1 + the place in the blend's list.",
        lambda a, _: a.ranks(a.blended),
    ),
    Feature(
        "readiness",
        "readiness",
        "Share of the courses required that were taken; 1 where none is.",
        lambda a, f: f.readiness(a.histories, a.owners, a.items),
        "prerequisites",
    ),
    Feature("skills_known", "skills", "Share of its skills already taught.", _known, "skills"),
    Feature(
        "skills_new",
        "skills",
        "Log of 1 + skills it teaches that no course taken did.",
        lambda a, f: np.log1p(f.num_skills[a.items] * (1 - _known(a, f))),
        "skills",
    ),
    Feature(
        "gap_per_hour",
        "gap",
        "Share of the target role's skills that are missing and taught here, by hour.",
        lambda a, f: f.gap_per_hour(a.role_rows, a.held(f), a.owners, a.items),
        "roles",
    ),
    Feature(
        "hours", "level", "Log of 1 + hours of work.", lambda a, f: f.log_hours[a.items], "hours"
    ),
    Feature(
        "level_step",
        "level",
        "Level minus the mean level of the courses taken; 0 unknown.",
        lambda a, f: f.level_step(a.histories, a.owners, a.items),
        "levels",
    ),
    Feature(
        "age",
        "freshness",
        "Log-days since the first event on the course; 0 where it had none yet.",
        lambda a, f: a.days_between(f.first_times[a.items], a.asked_at[a.owners]),
        "times",
    ),
    Feature(
        "taken_before",
        "popularity",
        "Log of 1 + learners who had taken it by the moment asked.",
        lambda a, f: np.log1p(f.taken(a.items, a.asked_at[a.owners])),
        "times",
    ),
    Feature(
        "trend",
        "popularity",
        "Log of the learners of the last 30 days by those of the 30 before.",
        lambda a, f: f.trend(a.items, a.asked_at[a.owners]),
        "times",
    ),
    Feature(
        "history",
        "context",
        "Log of 1 + courses taken.",
        lambda a, _: np.log1p(a.histories.lengths)[a.owners],
    ),
    Feature(
        "pause",
        "context",
        "Log-days from the last event to the moment asked.",
        lambda a, _: a.days_between(a.last_times, a.asked_at)[a.owners],
        "times",
    ),
    Feature(
        "pace",
        "context",
        "Log-days between the last two events.",
        lambda a, _: a.pace[a.owners],
        "times",
    ),
)
"""All features but two for each part of the pipeline, which ``part_features`` declares."""


def part_features(parts: Sequence[str]) -> tuple[Feature, ...]:
    """Standardised score and place of each part of the pipeline."""
    declared: list[Feature] = []
    for column, part in enumerate(parts):
        declared += [
            Feature(
                f"score:{part}",
                f"part:{part}",
                f"Score of {part}, mean 0 and deviation 1 over the learner's candidates.",
                lambda a, _, c=column: a.standard[:, c],  # type: ignore[misc]
            ),
            Feature(
                f"rank:{part}",
                f"part:{part}",
                f"Log of 1 + the place in the list of {part}.",
                lambda a, _, c=column: a.ranks(a.standard[:, c]),  # type: ignore[misc]
            ),
        ]
    return tuple(declared)


def active_features(parts: Sequence[str], facts: CourseFacts) -> tuple[Feature, ...]:
    """The features that the data allows, in their order."""
    has = facts.has
    return (*part_features(parts), *(f for f in DECLARED if not f.needs or f.needs in has))


def named_features(names: Sequence[str], parts: Sequence[str]) -> tuple[Feature, ...]:
    """Features by their names.

    Raises:
        ValueError: This version has no feature of a name.
    """
    known = {feature.name: feature for feature in (*part_features(parts), *DECLARED)}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"there is no ranking feature {unknown[0]!r}")
    return tuple(known[name] for name in names)


def ranking_features(asked: Asked, facts: CourseFacts, features: Sequence[Feature]) -> np.ndarray:
    """Features of candidates.

    Args:
        asked: m candidates.
        facts: Of the courses.
        features: k of them, as ``active_features`` chose.

    Returns:
        float32 [m, k], finite.
    """
    if not features:
        return np.zeros((len(asked.items), 0), np.float32)
    columns = [np.asarray(feature.compute(asked, facts), np.float32) for feature in features]
    return np.nan_to_num(np.stack(columns, axis=1), posinf=0.0, neginf=0.0)

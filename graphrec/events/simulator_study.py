"""Stage 1, EVENTS: what becomes of an enrolment: completed or dropped, learned, rated, left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtri

from graphrec.events import simulator_events as log
from graphrec.events.simulator_arrays import Bools, Floats, Ints
from graphrec.events.simulator_cohort import Cohort, practise, preparedness
from graphrec.events.simulator_config import DAY_MS, SimulatorConfig
from graphrec.events.simulator_traits import Draw, Traits
from graphrec.events.simulator_world import World

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Life:
    """One batch of learners: where they live, who they are, how they stand, what they did."""

    world: World
    config: SimulatorConfig
    traits: Traits
    cohort: Cohort
    events: log.EventLog


@dataclass(frozen=True)
class Steps:
    """The A learners that act now: ``rows`` of the cohort and their draws, float [A, Draw]."""

    rows: Ints
    draws: Floats

    def pick(self, mask: Bools) -> Steps:
        """Only those where ``mask`` (bool [A]) is true."""
        return Steps(self.rows[mask], self.draws[mask])


def comfort_level(life: Life, rows: Ints) -> Floats:
    """Float [A]: the course level (1..4) that feels right, by ability and practice."""
    comfort: Floats = 1.0 + 0.5 * life.traits.ability[rows] + 0.25 * life.cohort.num_done[rows]
    return comfort


@dataclass(frozen=True)
class Endings:
    """How A enrolments end.

    Attributes:
        rows: int [A], learners. courses: int [A]. at: int [A], epoch ms.
        dropped: bool [A]. progress: float [A], 0..1. mark: float [A], 0.3..1.
    """

    rows: Ints
    courses: Ints
    at: Ints
    dropped: Bools
    progress: Floats
    mark: Floats

    def pick(self, mask: Bools) -> Endings:
        """Only those where ``mask`` (bool [A]) is true."""
        return Endings(
            self.rows[mask],
            self.courses[mask],
            self.at[mask],
            self.dropped[mask],
            self.progress[mask],
            self.mark[mask],
        )


def study(life: Life, steps: Steps, courses: Ints, enrols: Ints) -> None:
    """Courses (int [A]) entered at ``enrols`` (epoch ms) end, teach what they could, are rated."""
    endings = _endings(life, steps, courses, enrols)
    dropped, passed = endings.pick(endings.dropped), endings.pick(~endings.dropped)
    life.events.add(
        log.DROPPED, dropped.rows, dropped.courses, dropped.at, progress=dropped.progress
    )
    life.events.add(
        log.COMPLETED,
        passed.rows,
        passed.courses,
        passed.at,
        score=passed.mark,
        progress=passed.progress,
    )
    # What happens after the window has not happened.
    _learn(life, endings.pick(endings.at < life.config.end_at))
    _rate(life, steps.draws, endings)


def _endings(life: Life, steps: Steps, courses: Ints, enrols: Ints) -> Endings:
    """Whether, when and how well each course is ended, by difficulty and preparation."""
    rows, draws, config = steps.rows, steps.draws, life.config
    prepared = preparedness(life.world, life.cohort, rows, courses, enrols)
    too_hard = np.maximum(life.world.difficulty[courses] - comfort_level(life, rows), 0.0)
    odds = logit(config.dropout_rate) + config.dropout_difficulty * too_hard
    odds = odds + config.dropout_unprepared * (1.0 - prepared) - 0.2 * life.world.quality[courses]
    dropped = draws[:, Draw.DROP] < expit(odds)
    progress = np.where(dropped, np.round(0.03 + 0.87 * draws[:, Draw.PROGRESS], 2), 1.0)
    weeks = life.world.hours[courses] / life.traits.hours_per_week[rows] * progress
    weeks = weeks * np.exp(0.35 * ndtri(draws[:, Draw.DURATION]))
    skill = 0.7 + 0.08 * life.traits.ability[rows] + 0.15 * (prepared - 0.5) - 0.04 * too_hard
    mark = np.round(skill + 0.1 * ndtri(draws[:, Draw.MARK]), 2)
    return Endings(
        rows=rows,
        courses=courses,
        at=enrols + HOUR_MS + (weeks * 7 * DAY_MS).astype(np.int64),
        dropped=dropped,
        progress=progress,
        mark=np.clip(mark, 0.3, 1.0),
    )


def _learn(life: Life, endings: Endings) -> None:
    """Skills rise: by the mark after a completed course, by a part of the way after a drop."""
    cohort, world, dropped = life.cohort, life.world, endings.dropped
    share = np.where(dropped, 0.4 * endings.progress, 0.55 + 0.45 * endings.mark)
    taught = world.taught[endings.courses]
    level = share[:, None] * world.taught_level[endings.courses]
    practise(cohort, endings.rows, taught, level, endings.at)
    cohort.dropped[endings.rows, endings.courses] = dropped
    passed = endings.pick(~dropped)
    cohort.done[passed.rows, passed.courses] = True
    cohort.num_done[passed.rows] += 1
    cohort.last_done[passed.rows] = passed.courses
    cohort.source[passed.rows[:, None], taught[~dropped]] = passed.courses[:, None]
    cohort.source[:, -1] = len(world.course_ids)  # padding is taught by none


def _rate(life: Life, draws: Floats, endings: Endings) -> None:
    """Some rate what they ended: by its quality, how well it went, taste and mood."""
    rows, courses, world = endings.rows, endings.courses, life.world
    content = endings.mark - 0.5 * endings.dropped
    liking = np.clip(life.traits.liking[rows, courses] - world.appeal[courses], -1.0, 1.0)
    mood = 0.6 * ndtri(draws[:, Draw.RATING])
    stars = 2.4 + 2.0 * content + 0.35 * world.quality[courses] + 0.3 * liking + mood
    stars = np.clip(np.rint(stars), 1.0, 5.0)
    rates = draws[:, Draw.RATES] < life.config.rating_rate
    at = endings.at + 60_000 + (2 * DAY_MS * draws[:, Draw.RATED_AFTER]).astype(np.int64)
    life.events.add(log.RATED, rows[rates], courses[rates], at[rates], score=stars[rates])
    life.cohort.now[rows] = np.where(rates, at, endings.at)


def leave(life: Life, steps: Steps, satisfied: Bools, dropped: Bools) -> None:
    """Some leave for good: by chance, discouraged, or because the goal is reached."""
    odds = life.config.quit_rate + 0.12 * dropped + 0.35 * satisfied
    leaves = steps.draws[:, Draw.QUIT] < odds
    life.cohort.active[steps.rows[leaves]] = False
    life.cohort.active &= life.cohort.now < life.config.end_at

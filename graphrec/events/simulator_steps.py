"""Stage 1, EVENTS: one step of simulated life: a pause, some browsing, the choice of a course."""

from __future__ import annotations

import numpy as np

from graphrec.events import simulator_events as log
from graphrec.events.simulator_arrays import Bools, Floats, Ints
from graphrec.events.simulator_cohort import novelty, practise, readiness
from graphrec.events.simulator_config import DAY_MS
from graphrec.events.simulator_study import HOUR_MS, Life, Steps, comfort_level, leave, study
from graphrec.events.simulator_traits import Draw

SIDE_INTEREST = 0.3
"""Weight of the side role against the target."""
CONTINUES = 1.5
"""Log-odds for a course that builds on the one just completed."""
NEW_COURSE = 0.7
"""Log-odds for a course on its first day; halves in about four months."""
SATISFIED = 0.12
"""Below this, nothing on offer brings the learner much closer to the goal."""
SLOTS = 5
"""Moments within a pause: three views, a refresh, the enrolment."""


def step(
    life: Life,
    number: int,
) -> None:
    """Let every active learner take one more course: the ``number``-th of their life."""
    rows = np.nonzero(life.cohort.active)[0]
    steps = Steps(rows, life.traits.draws[rows, number])
    pause = life.config.pause_days * DAY_MS * -np.log(steps.draws[:, Draw.PAUSE])
    begins = life.cohort.now[rows]
    enrols = begins + HOUR_MS + pause.astype(np.int64)
    utility, drive = _utility(life, steps, enrols)
    open_now = _open(life, rows, (begins, enrols))
    ready = readiness(life.world, life.cohort, rows)
    heedless = steps.draws[:, Draw.IGNORES_ORDER] < life.config.order_noise
    # Some look only at what they like, whatever they wanted to become.
    aimless = steps.draws[:, Draw.IGNORES_GOAL] < life.config.choice_noise
    wish = utility + np.where(aimless[:, None], 0.0, life.config.goal_strength * drive)
    weight = _weights(wish, open_now & (ready | heedless[:, None]))
    chosen, found = _draw(weight, steps.draws[:, Draw.CHOICE])
    found &= enrols < life.config.end_at
    life.cohort.active[rows[~found]] = False
    _browse(life, steps, _weights(wish * 0.5, open_now), (begins, enrols), found)
    has_goal = life.world.relevance[life.traits.target[rows]].any(axis=1)
    satisfied = has_goal & (drive.max(axis=1) < SATISFIED)
    steps, chosen, begins, enrols = steps.pick(found), chosen[found], begins[found], enrols[found]
    _refresh(life, steps, chosen, (begins, enrols))
    life.events.add(log.ENROLLED, steps.rows, chosen, enrols)
    study(life, steps, chosen, enrols)
    leave(life, steps, satisfied[found], life.cohort.dropped[steps.rows, chosen])


def _utility(
    life: Life,
    steps: Steps,
    at: Ints,
) -> tuple[Floats, Floats]:
    """Log-odds of liking [A, C], and 0..1.3 what each course adds on the way to the goal."""
    rows = steps.rows
    comfort = comfort_level(life, rows)
    age_days = (at[:, None] - life.world.opens_at) / DAY_MS
    utility = (
        life.traits.liking[rows]
        + CONTINUES * life.world.follows[life.cohort.last_done[rows]]
        + NEW_COURSE * np.exp2(-np.maximum(age_days, 0.0) / 120.0)
        - 0.4 * np.maximum(life.world.difficulty - comfort[:, None], 0.0)
        - 1.5 * life.cohort.dropped[rows, :-1]
    )
    new = novelty(life.world, life.cohort, rows)
    goal = life.world.relevance[life.traits.target[rows]]
    side = life.world.relevance[life.traits.side[rows]]
    return utility + 2.0 * new, (goal + SIDE_INTEREST * side) * new


def _open(life: Life, rows: Ints, pause: tuple[Ints, Ints]) -> Bools:
    """Bool [A, C]: published and not retired during the pause, not completed or known."""
    begins, ends = pause
    offered = life.world.opens_at <= begins[:, None]  # what is viewed must be there to be seen
    offered &= ends[:, None] < life.world.closes_at
    offered &= ~life.cohort.done[rows, :-1]
    return offered


def _weights(utility: Floats, allowed: Bools) -> Floats:
    """Float [A, C]: cumulative odds of the allowed courses by a soft maximum."""
    top = np.max(utility, axis=1, keepdims=True, where=allowed, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0.0)
    odds = np.exp(np.where(allowed, utility - top, -np.inf))
    return np.cumsum(odds, axis=1)


def _draw(cumulative: Floats, uniform: Floats) -> tuple[Ints, Bools]:
    """Int [A], the course drawn, and bool [A], whether there was one to draw."""
    total = cumulative[:, -1]
    chosen = np.argmax(cumulative > (uniform * total)[:, None], axis=1)
    return chosen, total > 0


def _browse(
    life: Life,
    steps: Steps,
    cumulative: Floats,
    pause: tuple[Ints, Ints],
    found: Bools,
) -> None:
    """Views of courses that tempt, ready for them or not."""
    num_views = np.floor(steps.draws[:, Draw.NUM_VIEWS] * 4)
    for slot, column in enumerate((Draw.VIEW_1, Draw.VIEW_2, Draw.VIEW_3)):
        seen, any_open = _draw(cumulative, steps.draws[:, column])
        looks = found & any_open & (num_views > slot)
        at = _moment(steps.draws[:, Draw.MOMENT], *pause, slot)
        life.events.add(log.VIEWED, steps.rows[looks], seen[looks], at[looks])


def _moment(uniform: Floats, begins: Ints, ends: Ints, slot: int) -> Ints:
    """Int [A]: a time in one of the slots of a pause; later slots are strictly later."""
    share = (slot + 0.1 + 0.8 * uniform) / (SLOTS + 1)
    return begins + ((ends - begins) * share).astype(np.int64)


def _refresh(
    life: Life,
    steps: Steps,
    chosen: Ints,
    pause: tuple[Ints, Ints],
) -> None:
    """Before a course that leans on a forgotten skill, some look again at what taught it."""
    at = _moment(steps.draws[:, Draw.MOMENT], *pause, SLOTS - 1)
    skills = life.world.leans_on[chosen]
    cell = (steps.rows[:, None], skills)
    days = (
        (at[:, None] - life.cohort.practised_at[cell]) / life.cohort.half_life_days[cell] / DAY_MS
    )
    taught_here = life.cohort.source[cell] < len(life.world.course_ids)
    faded = np.where(taught_here, days, 0.0)  # half-lives since it was practised
    worst = np.argmax(faded, axis=1)
    each = np.arange(len(chosen))
    again = (faded[each, worst] > 1.0) & (steps.draws[:, Draw.REFRESH] < life.config.refresh_rate)
    rows, at = steps.rows[again], at[again]
    course = life.cohort.source[rows, skills[each, worst][again]]
    life.events.add(log.VIEWED, rows, course, at)
    taught = life.world.taught[course]
    practise(life.cohort, rows, taught, 0.9 * life.cohort.level[rows[:, None], taught], at)

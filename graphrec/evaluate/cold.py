"""Cold start: courses that nobody has taken, and learners of whom little is known.

**Cold course.** Of the courses with ``MIN_LEARNERS`` or more learners a seeded share is
cold: every interaction with them leaves the training histories (and the views), while
texts, skills and prerequisites stay. Asked is one cold course of each learner who took
any, the last one (a random one where their order means nothing). What is known of the
learner is their other, warm courses: of an ordered history those before the one asked.
Learners of whom nothing is known then are not asked. The course is ranked once among
*all* courses that the learner has not taken, and once among the *cold* ones alone. What
else the learner took of the cold ones, being right as well, is left out of both.

Ties count against the right course, so a model that scores all cold courses alike, as
popularity does, finds none: ``chance`` says what a random order would have found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.asked import Asked, Score
from graphrec.features.signals import LearnerSignals

MIN_LEARNERS = 5
"""A course with fewer tells too little about itself to ask for it."""


@dataclass(frozen=True)
class Questions:
    """One right course each for n learners.

    Attributes:
        learners: int64 [n], rows of the dataset.
        inputs: What is known of them.
        targets: int64 [n], the right courses.
        excluded: Beside what is in ``inputs``, what is not ranked.
        times: int64 [n], epoch ms at which each took its target, -1 unknown; None: all.
    """

    learners: np.ndarray
    inputs: Histories
    targets: np.ndarray
    excluded: Histories
    times: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Questions:
        """The questions ``rows`` (int [m])."""
        return Questions(
            self.learners[rows],
            self.inputs.take(rows),
            self.targets[rows],
            self.excluded.take(rows),
            None if self.times is None else self.times[rows],
        )


@dataclass(frozen=True)
class ColdCourses:
    """The cold-course protocol.

    Attributes:
        train: The dataset without any interaction with a cold course.
        is_cold: bool [num_items].
        questions: What is asked.
    """

    train: Dataset
    is_cold: np.ndarray
    questions: Questions

    def known(self, signals: LearnerSignals) -> LearnerSignals:
        """The signals of all learners, without what they tell of cold courses."""
        views = None if signals.views is None else _without(signals.views, self.is_cold)
        return replace(signals, views=views)


def split_cold_courses(
    dataset: Dataset, *, share: float = 0.1, seed: int = 0, min_learners: int = MIN_LEARNERS
) -> ColdCourses:
    """Make some courses cold.

    To choose anything, split ``train`` once more with another seed, choose there, and fit
    the choice on the whole of ``train``.

    Args:
        dataset: All that is known.
        share: Of the courses with ``min_learners`` or more; one at least is taken.
        seed: Of the choice of courses, and of the one asked where order means nothing.
        min_learners: Courses with fewer stay warm.

    Raises:
        ParameterError: No course has so many learners, or nobody can be asked.
    """
    generator = np.random.default_rng(seed)
    degrees = np.bincount(dataset.histories.items, minlength=dataset.num_items)
    is_open = degrees >= min_learners
    if dataset.eligible is not None:
        is_open &= dataset.eligible
    pool = np.flatnonzero(is_open)
    if not len(pool):
        raise ParameterError(
            f"no course has {min_learners} learners, so that none can be made cold.", where="data"
        )
    is_cold = np.zeros(dataset.num_items, bool)
    is_cold[generator.choice(pool, max(1, round(share * len(pool))), replace=False)] = True
    questions = _ask_cold(dataset.histories, is_cold, generator)
    if not len(questions):
        raise ParameterError(
            "nobody who took a cold course had taken another one before.",
            where="data",
            remedy="Another seed makes other courses cold.",
        )
    train = dataset.with_histories(_without(dataset.histories, is_cold))
    if dataset.views is not None:
        train = replace(train, views=_without(dataset.views, is_cold))
    return ColdCourses(train, is_cold, questions)


def _without(histories: Histories, is_cold: np.ndarray) -> Histories:
    return histories.keep(~is_cold[histories.items])


def _ask_cold(
    histories: Histories, is_cold: np.ndarray, generator: np.random.Generator
) -> Questions:
    """One cold item of each learner who took any and of whom something else is known."""
    owners, positions = histories.owners(), np.arange(len(histories.items))
    ordered = histories.ordered[owners]
    cold = is_cold[histories.items]
    # The last of an ordered learner, a random one of another: the largest key wins.
    keys = np.where(ordered, positions, generator.random(len(positions)))
    found = np.flatnonzero(cold)
    found = found[np.lexsort((keys[found], owners[found]))]
    is_last = np.append(owners[found][1:] != owners[found][:-1], True)[: len(found)]
    asked = found[is_last]
    place = np.full(len(histories), -1)
    place[owners[asked]] = asked
    known = ~cold & (~ordered | (positions < place[owners]))
    inputs = histories.keep(known)
    others = histories.keep(cold & (positions != place[owners]))
    rows = np.flatnonzero((place >= 0) & (inputs.lengths > 0))
    times = None if histories.times is None else histories.times[place[rows]]
    targets = histories.items[place[rows]].astype(np.int64)
    return Questions(rows, inputs.take(rows), targets, others.take(rows), times)


def measure_cold_courses(task: ColdCourses, score: Score) -> dict[str, dict[str, float]]:
    """Metrics of a model: ``all``, ranked among all courses, and ``cold``, among the cold."""
    everything = np.ones(len(task.is_cold), bool)
    return {
        "all": measure(task.questions, everything, score),
        "cold": measure(task.questions, task.is_cold, score),
    }


def chance(questions: Questions, is_ranked: np.ndarray) -> dict[str, float]:
    """What a random order finds in expectation, among the items ``is_ranked`` (bool)."""
    blocked = [_blocked(questions, row) for row in range(len(questions))]
    sizes = np.array([is_ranked.sum() - is_ranked[items].sum() for items in blocked])
    found: dict[str, float] = {}
    for k in (10, 20):
        gains = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2.0))])
        found[f"recall@{k}"] = float(np.minimum(k / sizes, 1).mean())
        found[f"ndcg@{k}"] = float((gains[np.minimum(k, sizes)] / sizes).mean())
    return found


def _blocked(questions: Questions, row: int) -> np.ndarray:
    return np.union1d(questions.inputs[row], questions.excluded[row])


def measure(questions: Questions, is_ranked: np.ndarray, score: Score) -> dict[str, float]:
    """Recall and NDCG of a model's scores, among the items ``is_ranked`` (bool [num_items])."""

    def open_scores(histories: Histories, rows: np.ndarray) -> np.ndarray:
        scores = np.array(score(histories, rows), np.float32)
        excluded = questions.excluded.take(rows)
        scores[:, ~is_ranked] = -np.inf
        scores[excluded.owners(), excluded.items] = -np.inf
        return scores

    asked = Asked(questions.inputs, questions.targets, 0, len(is_ranked), seed=0)
    return asked.measure(open_scores).metrics

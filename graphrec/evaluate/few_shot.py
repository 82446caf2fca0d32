"""Few-shot: how well a learner is served of whom little is known.

A seeded share of the learners leaves training whole. Of each, the first ``n`` events are
shown and the next is asked, among all courses not shown, for several ``n``; at ``n = 0``
a model has nothing to go by. A learner with no more than ``n`` events is not asked at
``n``; in a panel only learners with enough for every ``n`` are asked, so that the curve
shows what events bring and nothing else. Where a learner's order means nothing, a seeded
random one takes its place. Ties count against the right course.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.asked import Score
from graphrec.evaluate.cold import Questions, measure
from graphrec.features.signals import LearnerSignals

COUNTS = (0, 1, 2, 3, 5, 10)
"""Events of a learner that the curve shows."""


@dataclass(frozen=True)
class FewShot:
    """The few-shot protocol.

    Attributes:
        train: The dataset with the histories of the asked emptied.
        questions: By number of events shown.
    """

    train: Dataset
    questions: Mapping[int, Questions]

    def signals(self, signals: LearnerSignals, num: int) -> LearnerSignals:
        """Signals of those asked after ``num`` events, as known then."""
        asked = self.questions[num]
        return signals.take(asked.learners).before(asked.times)


def split_few_shot(
    dataset: Dataset,
    *,
    counts: Sequence[int] = COUNTS,
    share: float = 0.2,
    seed: int = 0,
    is_panel: bool = False,
) -> FewShot:
    """Take learners out of training, and ask for what they took after their first events.

    To choose anything, split ``train`` once more with another seed.

    Args:
        dataset: All that is known.
        counts: Numbers of events shown.
        share: Of the learners who can be asked at the smallest count (in a panel: at
            all); one at least is taken.
        seed: Of the choice of learners, and of the order of those whose own means nothing.
        is_panel: Ask the same learners at every count, so that the curve shows what events
            bring and nothing else; without it each count asks all who have enough.

    Raises:
        ParameterError: Nobody has enough events.
    """
    generator = np.random.default_rng(seed)
    histories = dataset.histories
    least = (max(counts) if is_panel else min(counts)) + 1
    pool = np.flatnonzero(histories.lengths >= least)
    if not len(pool):
        raise ParameterError(f"no learner has {least} events.", where="data")
    chosen = generator.choice(pool, max(1, round(share * len(pool))), replace=False)
    chosen.sort()
    is_asked = np.zeros(len(histories), bool)
    is_asked[chosen] = True
    told = _in_some_order(histories, generator)
    train = dataset.with_histories(histories.keep(~is_asked[histories.owners()]))
    if dataset.views is not None:
        kept = ~is_asked[dataset.views.owners()]
        train = replace(train, views=dataset.views.keep(kept))
    questions = {n: _ask_next(told, chosen[told.lengths[chosen] > n], n) for n in counts}
    return FewShot(train, questions)


def _in_some_order(histories: Histories, generator: np.random.Generator) -> Histories:
    """The same histories, those whose order means nothing in a random one."""
    owners, places = histories.owners(), np.arange(len(histories.items))
    keys = np.where(histories.ordered[owners], places, generator.random(len(places)))
    order = np.lexsort((keys, owners))
    times = None if histories.times is None else histories.times[order]
    return replace(histories, items=histories.items[order], times=times)


def _ask_next(histories: Histories, rows: np.ndarray, num: int) -> Questions:
    """What learners ``rows`` took after their first ``num`` events."""
    places = np.arange(len(histories.items)) - np.repeat(histories.indptr[:-1], histories.lengths)
    inputs = histories.keep(places < num).take(rows)
    targets = histories.indptr[rows] + num
    times = None if histories.times is None else histories.times[targets]
    nothing = Histories.from_lists([[]] * len(rows))
    return Questions(rows, inputs, histories.items[targets].astype(np.int64), nothing, times)


def measure_few_shot(task: FewShot, score: Callable[[int], Score]) -> dict[int, dict[str, float]]:
    """Metrics of a model by number of events, with the number of learners asked.

    Args:
        task: What is asked.
        score: Number of events -> the model's scores for those asked then.
    """
    everything = np.ones(task.train.num_items, bool)
    return {
        num: measure(asked, everything, score(num)) | {"learners": float(len(asked))}
        for num, asked in task.questions.items()
    }

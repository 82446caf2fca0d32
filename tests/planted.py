"""Small datasets with a planted answer, for tests of models, pipeline and protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap


def bare(rows: Sequence[Sequence[int] | np.ndarray], num_items: int) -> Dataset:
    """Histories given as lists, with ids ``u0``, ``u1``, … and ``i0``, ``i1``, …"""
    learners, items = IdMap(f"u{i}" for i in range(len(rows))), IdMap(_item_ids(num_items))
    return Dataset(learners, items, Histories.from_lists(rows))


def _item_ids(num_items: int) -> list[str]:
    return [f"i{i}" for i in range(num_items)]


def unordered(dataset: Dataset) -> Dataset:
    """The same items, with an order that means nothing."""
    flags = np.zeros(len(dataset.histories), bool)
    return dataset.with_histories(replace(dataset.histories, is_ordered=flags))


def checkerboard(num_learners: int = 20, num_items: int = 20) -> Dataset:
    """Learner ``u`` took every item of ``u``'s parity but one: exactly one right answer each.

    After ``implicit``'s fixture; the missing item is ``missing(u, num_items)``.
    """
    rows = [
        [i for i in range(u % 2, num_items, 2) if i != missing(u, num_items)]
        for u in range(num_learners)
    ]
    return bare(rows, num_items)


def missing(learner: int, num_items: int) -> int:
    """The one item that a learner of the checkerboard lacks."""
    return (learner // 2 * 2) % num_items + learner % 2


def with_contents(dataset: Dataset, num_topics: int = 2) -> Dataset:
    """Texts and skills: item ``i`` belongs to topic ``i % num_topics``."""
    words = ("statistics and probability", "painting in oil", "cooking rice", "sailing boats")
    topics = np.arange(dataset.num_items) % num_topics
    return replace(
        dataset,
        texts=[f"{words[topic]}, lesson {i}" for i, topic in enumerate(topics)],
        skills=IdMap(f"s{topic}" for topic in range(num_topics)),
        item_skill=np.stack([np.arange(dataset.num_items), topics]),
    )


def walks(num_learners: int = 300, num_items: int = 150, seed: int = 0) -> Dataset:
    """Rings of ten items: a learner walks along one, sometimes stumbling over a popular item."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(num_learners):
        ring, start = 10 * rng.integers(num_items // 10), rng.integers(10)
        row = list(ring + (start + np.arange(rng.integers(4, 8))) % 10)
        if rng.random() < 0.5:
            stray = int(num_items * rng.random() ** 3)
            if stray not in row:
                row.insert(int(rng.integers(len(row))), stray)
        rows.append(row)
    return bare(rows, num_items)

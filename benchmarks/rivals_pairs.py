"""Whom ``rivals.py`` compares on what, and the data that both of a pair may see."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from graphrec.evaluate.files import Format, read_interactions
from graphrec.evaluate.protocols import split
from graphrec.features.signals import NO_SIGNALS
from graphrec.models.ranking import sample_learners

_MAX_ASKED = 10_000


@dataclass(frozen=True)
class Pair:
    """A rival's model and ours.

    Attributes:
        rival: Key of ``PINNED``; its driver is ``rivals_<rival>.py``.
        model: The rival's.
        ours: Our model.
        data: Below the folder of real data.
        form: Of the file.
        k: Where lists are cut.
        at_least: Times sooner that ours is to be.
    """

    rival: str
    model: str
    ours: str
    data: str
    form: Format
    k: int
    at_least: float


PAIRS: Final = {
    "recbole-lightgcn": Pair("recbole", "LightGCN", "graph", "gowalla", "split", 20, 5.0),
    "recbole-sasrec": Pair("recbole", "SASRec", "sequence", "ml-1m/ml-1m.txt", "pairs", 10, 2.0),
    "rectools-sasrec": Pair("rectools", "SASRec", "sequence", "ml-1m/ml-1m.txt", "pairs", 10, 2.0),
}


def write_task(pair: Pair, data: Path, path: Path, seed: int) -> dict[str, Any]:
    """Cut the data as ``graphrec evaluate`` does, and write what contestants may see."""
    read = read_interactions(data, pair.form)
    protocol = "split-full" if read.test is not None else "loo-full"
    cut = split(read.dataset, read.test, protocol, 0, NO_SIGNALS)
    validation = cut.validation
    rows = np.arange(len(validation.targets))
    numbers = sample_learners(validation.inputs, rows, _MAX_ASKED, seed)[1]
    asked = validation.inputs.take(numbers)
    train = cut.train.histories
    np.savez(
        path,
        indptr=train.indptr,
        items=train.items.astype(np.int64),
        num_items=cut.train.num_items,
        is_ordered=bool(train.ordered.all()),
        asked=_learners_of(train.lengths, validation.inputs.lengths)[numbers],
        input_indptr=asked.indptr,
        input_items=asked.items.astype(np.int64),
        targets=validation.targets[numbers].astype(np.int64),
    )
    return {
        "data": pair.data,
        "protocol": f"validation of {protocol}",
        "learners": len(train),
        "items": cut.train.num_items,
        "pairs": len(train.items),
        "asked": len(numbers),
    }


def _learners_of(train: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Row in the training of each validation learner: all who have two items or more."""
    rows = np.flatnonzero(train >= 1)
    if len(rows) != len(asked) or (train[rows] != asked).any():
        sys.exit("the validation learners are not those of the training")
    return rows

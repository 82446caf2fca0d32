"""Stage 3, TRAIN: tables of vectors carried over into a dataset that has grown.

In come weights by row of the old items; out go the same by row of the new ones, with a
place for items that the weights do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphrec.dataset import Dataset
from graphrec.errors import TrainingError
from graphrec.models.base import Model
from graphrec.models.cold_items import place_cold_items
from graphrec.models.graph import GraphModel
from graphrec.models.training import TrainingRun


@dataclass(frozen=True)
class Growth:
    """What has come since a model was trained.

    Attributes:
        item_rows: int64 [num_items], the old row of each item, -1 of a new one.
        skill_rows: int64 [num_skills], the same of skills.
        is_learned: bool [num_items]; True where learners had taken the item before.
        is_new: bool [nnz], the entries of the training histories that are new.
        content: float32 [num_items, columns], what items say of themselves, or None.
    """

    item_rows: np.ndarray
    skill_rows: np.ndarray
    is_learned: np.ndarray
    is_new: np.ndarray
    content: np.ndarray | None = None


class Places:
    """Where items that a model does not know belong in its tables.

    By their content, as ``cold_items``; where that says nothing, at the mean of what is
    taken beside them; where nobody has taken them either, at the mean of all items.
    """

    def __init__(self, train: Dataset, growth: Growth) -> None:
        self.growth = growth
        taken = train.histories.matrix(train.num_items)
        self.is_taken = np.asarray(taken.sum(axis=0)).ravel() > 0
        self._taken = taken

    def fill(self, table: np.ndarray, is_open: np.ndarray) -> np.ndarray:
        """Give the rows where ``is_open`` (bool [num_items]) a place; float32, a copy.

        Args:
            table: float32 [num_items, dim]; other rows are kept.
            is_open: Rows to be placed.
        """
        learned = self.growth.is_learned & ~is_open
        filled = np.array(table, np.float32)
        if not is_open.any() or not learned.any():
            return filled
        filled[is_open] = table[learned].mean(axis=0)
        beside = self._taken[:, np.flatnonzero(is_open)].T @ self._taken[:, np.flatnonzero(learned)]
        counts = np.asarray(beside.sum(axis=1)).ravel()
        has = counts > 0
        rows = np.flatnonzero(is_open)[has]
        filled[rows] = (beside @ table[learned])[has] / counts[has, None]
        if self.growth.content is not None:
            # What is neither known nor to be placed is as it was, and teaches nothing.
            told = np.where((learned | is_open)[:, None], self.growth.content, 0)
            filled = place_cold_items(filled, told, learned)
        return filled


def carried(
    run: TrainingRun, parameters: Mapping[str, np.ndarray], places: Places, *, is_open: np.ndarray
) -> dict[str, np.ndarray]:
    """A trained model's weights in the order of the grown dataset.

    Args:
        run: A new run over that dataset.
        parameters: Of the trained model.
        places: Of items it does not know.
        is_open: bool [num_items], items to be placed anew.

    Raises:
        TrainingError: A weight has another shape than the run's.
    """
    kinds, growth = dict(run.ROWS), places.growth
    found = {}
    for name, fresh in run.parameters().items():
        old = parameters.get(name)
        if old is None:  # a relation that had no edges before
            found[name] = fresh
        elif name not in kinds:
            found[name] = _same_shape(name, old, fresh)
        elif kinds[name] == "skill":
            found[name] = _rows_of(old, growth.skill_rows, fresh)
        else:
            pad = int(kinds[name] == "padding")
            table = _rows_of(old[pad:], growth.item_rows, fresh[pad:])
            found[name] = np.concatenate([fresh[:pad], places.fill(table, is_open)])
    return found


def _rows_of(old: np.ndarray, rows: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """The old rows where there is one, the new run's where there is none."""
    if old.shape[1:] != fresh.shape[1:]:
        raise _misfit("a table of vectors", old, fresh)
    return np.where((rows >= 0)[:, None], old[np.maximum(rows, 0)] if len(old) else 0, fresh)


def _same_shape(name: str, old: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    if old.shape != fresh.shape:
        raise _misfit(name, old, fresh)
    return old


def _misfit(name: str, old: np.ndarray, fresh: np.ndarray) -> TrainingError:
    return TrainingError(
        f"the bundle's weights do not fit: {name} is {list(old.shape)}, not {list(fresh.shape)}.",
        remedy="Train anew with this version: graphrec train",
    )


def start_model(model: Model, run: TrainingRun, places: Places) -> Model:
    """The old model with places for new items: what it says of the others stays as it is."""
    if not isinstance(model, GraphModel):
        return run.export()
    # Its vectors are propagated over the graph, which has changed: carry them over as such.
    rows, state = places.growth.item_rows, dict(model.state())
    for name in ("vectors", "context"):
        table = state[name][np.maximum(rows, 0)]
        state[name] = places.fill(table, rows < 0)
    return GraphModel.from_state(state)

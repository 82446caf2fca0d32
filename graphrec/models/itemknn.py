"""ItemKNN: cosine similarity of items by the learners they share."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset
from graphrec.models.itemitem import ItemItemModel, keep_top


class ItemKNNConfig(BaseModel):
    """How neighbours are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_neighbours: int = Field(
        default=200, ge=1, description="Neighbours kept an item; more than 200 changed nothing."
    )
    shrinkage: float = Field(
        default=0.0, ge=0, description="Learners added to the norm product; damps rare pairs."
    )


class ItemKNNModel(ItemItemModel):
    """Sarwar et al. 2001, item-based collaborative filtering.

    ``S[i, j] = |L_i & L_j| / (sqrt(|L_i| |L_j|) + shrinkage)``, the diagonal 0, the
    largest ``num_neighbours`` of a row kept.
    """

    name: ClassVar[str] = "itemknn"

    def fit(self, dataset: Dataset, config: ItemKNNConfig | None = None) -> Self:
        """Count shared learners and normalise."""
        config = config or ItemKNNConfig()
        X = dataset.histories.matrix(dataset.num_items)
        overlap = sp.coo_array(X.T @ X)
        degree = np.asarray(X.sum(axis=0)).ravel()
        off = overlap.row != overlap.col
        row, col, shared = overlap.row[off], overlap.col[off], overlap.data[off]
        cosine = shared / (np.sqrt(degree[row] * degree[col]) + config.shrinkage)
        matrix = sp.csr_array((cosine.astype(np.float32), (row, col)), shape=overlap.shape)
        self._set_matrix(keep_top(matrix, config.num_neighbours))
        return self

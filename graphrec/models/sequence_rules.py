"""Sequence rules: what was taken soon after what."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.models.itemitem import ItemItemModel, keep_top


class SequenceRulesConfig(BaseModel):
    """How far a rule looks, and what is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_gap: int = Field(default=10, ge=1, description="Steps between antecedent and consequent.")
    num_kept: int = Field(default=500, ge=1, description="Rules kept an item.")
    recency: float = Field(
        default=1.0, ge=0, description="Exponent by which older items of a history weigh less."
    )


class SequenceRulesModel(ItemItemModel):
    """Kamehkhosh et al. 2017, sequential rules (SR).

    ``R[i, j] = sum over occurrences of j after i by g <= max_gap steps of 1 / g``, each
    row divided by the number of occurrences of ``i`` that have a follower.
    Deviation: the whole history votes, not the last item alone, weighted by age.
    """

    name: ClassVar[str] = "sequence_rules"

    def fit(self, dataset: Dataset, config: SequenceRulesConfig | None = None) -> Self:
        """Count followers within ``max_gap`` steps, in ordered histories only."""
        config = config or SequenceRulesConfig()
        self.recency = config.recency
        histories = dataset.histories
        if not histories.ordered.all():
            histories = histories.take(histories.ordered)
        rules = _count(histories, dataset.num_items, config.max_gap)
        follower = histories.lengths.repeat(histories.lengths)
        position = np.arange(len(histories.items)) - histories.indptr[:-1].repeat(histories.lengths)
        has_follower = histories.items[position < follower - 1]
        support = np.bincount(has_follower, minlength=dataset.num_items)
        scale = sp.diags_array(1.0 / np.maximum(support, 1))
        self._set_matrix(keep_top(sp.csr_array(scale @ rules), config.num_kept))
        return self


def _count(histories: Histories, num_items: int, max_gap: int) -> sp.csr_array:
    """Weighted counts of (antecedent, consequent), float64 [num_items, num_items]."""
    owners = histories.owners()
    total = sp.csr_array((num_items, num_items), dtype=np.float64)
    for gap in range(1, max_gap + 1):
        same = owners[:-gap] == owners[gap:]
        if not same.any():
            break
        pair = (histories.items[:-gap][same], histories.items[gap:][same])
        weights = np.full(len(pair[0]), 1.0 / gap)
        total = total + sp.csr_array((weights, pair), shape=total.shape)
    return total

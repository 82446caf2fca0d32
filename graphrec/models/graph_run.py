"""Stage 3, TRAIN: the graph model being trained; one process, or one rank of several.

Under a ``torch.distributed`` group each rank holds some columns of every table and
propagates them alone, for propagation acts on each column by itself; only the batch's
scores (and squared norms, for cosines) are summed over ranks. A target is left out of its
own history: of an ordered history the items before it are read, of another one the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional

from graphrec.dataset import Dataset, Histories
from graphrec.models.collectives import (
    broadcast_from_first,
    gather_columns,
    rank_and_size,
    row_norms,
    sum_over_ranks,
)
from graphrec.models.graph import GraphConfig, GraphModel
from graphrec.models.graph_batches import Batch, BatchSampler
from graphrec.models.graph_net import GraphNet, initial_vectors
from graphrec.models.graph_operators import hetero_data
from graphrec.models.graph_sets import SetBatch, SetSampler, SetSoftmax, SumOfRead
from graphrec.models.ranking import ranking_metrics, sample_learners
from graphrec.models.torch_state import pack_state, take_up_state
from graphrec.models.training import TrainingRun


class GraphRun(TrainingRun):
    """Weights, Adam and samples of the graph model."""

    name = "graph"
    ROWS = (("item", "item"), ("context", "item"), ("skill", "skill"))

    def __init__(
        self,
        dataset: Dataset,
        validation: tuple[Histories, np.ndarray],
        config: GraphConfig,
    ) -> None:
        """Build the graph and the first vectors.

        Args:
            dataset: What is trained on; validation and test items are not in it.
            validation: Histories [n] and the item that followed each, int64 [n].
            config: See ``GraphConfig``.
        """
        self.config = config
        self._rank, self._num_ranks = rank_and_size()
        self._sampler = (SetSampler if config.is_set else BatchSampler)(dataset, config)
        self._validation = sample_learners(*validation, config.max_validation, config.seed)
        data = hetero_data(dataset)
        # Ranks on unlike machines may differ in an SVD's last digits and signs.
        full = broadcast_from_first(torch.from_numpy(initial_vectors(data, config)))
        columns = np.array_split(np.arange(config.embedding_dim), self._num_ranks)[self._rank]
        self.net = GraphNet(data, config, full[:, columns].contiguous())
        self._excluded = torch.nonzero(~self.net.is_warm)[:, 0]
        self._optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._epoch = 0

    def train_epoch(self) -> float:
        """Train on up to ``epoch_size`` targets; the mean loss."""
        # By the epoch alone, so that a resumed run steps as it would have.
        remaining = max(1 - self._epoch / self.config.max_epochs, 0.05)
        remaining *= min(1.0, (self._epoch + 1) / (self.config.warmup_epochs + 1))
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.learning_rate * remaining
        losses = [self._step(batch) for batch in self._sampler.epoch(self._epoch)]
        self._epoch += 1
        return float(np.mean(losses)) if losses else 0.0

    def _step(self, batch: Batch | SetBatch) -> float:
        self._optimizer.zero_grad(set_to_none=True)
        loss = self.set_loss(batch) if isinstance(batch, SetBatch) else self.loss(batch)
        loss.backward()
        self._share_gradients()
        self._optimizer.step()
        return loss.item()

    def loss(self, batch: Batch) -> Tensor:
        """Softmax cross-entropy of the targets among the batch's candidates, scalar."""
        vectors, context = self.net.vectors()  # [num_items, columns] each
        weights = self.net.age_weights()[batch.ages]  # [nnz]
        sums = functional.embedding_bag(
            batch.items, context, batch.offsets[:-1], mode="sum", per_sample_weights=weights
        )  # [batch, columns]
        table = vectors[batch.candidates]
        if self.config.is_cosine:
            sums, table = sums / row_norms(sums), table / row_norms(table)
        else:
            totals = torch.zeros(len(sums), 1).index_add(0, batch.owners, weights[:, None])
            sums = sums / totals.clamp_min(1e-12) ** self.config.fold_exponent
        scores = sum_over_ranks((sums / self.config.temperature) @ table.T)  # [batch, candidates]
        scores = scores.index_put_(batch.masked, torch.tensor(-torch.inf))
        return functional.cross_entropy(scores, batch.targets)

    def set_loss(self, batch: SetBatch) -> Tensor:
        """Multinomial cross-entropy of the batch's wanted items, scalar."""
        vectors, context = self.net.vectors()
        read = batch.read * float(self.net.age_weights()[-1].detach())
        sums = SumOfRead.apply(context, read)  # [batch, columns]
        if self.config.is_cosine:
            sums, vectors = sums / row_norms(sums), vectors / row_norms(vectors)
        else:
            totals = torch.from_numpy(read.sum(axis=1)[:, None])
            sums = sums / totals.clamp_min(1e-12) ** self.config.fold_exponent
        loss: Tensor = SetSoftmax.apply(
            sums / self.config.temperature, vectors, batch.wanted, self._excluded
        )
        return loss

    def _share_gradients(self) -> None:
        if self._num_ranks == 1:
            return
        for name, parameter in self.net.named_parameters():
            is_shared = name.rsplit(".", 1)[-1] in GraphNet.SHARED
            if is_shared and parameter.grad is not None:
                dist.all_reduce(parameter.grad)

    def validate(self) -> dict[str, float]:
        """Hit rate and NDCG at 10 over the validation learners, seen items excluded."""
        histories, targets = self._validation
        return ranking_metrics(self.export(), histories, targets)

    @torch.no_grad()
    def export(self) -> GraphModel:
        """The model with the columns of all ranks."""
        vectors, context = (gather_columns(x) for x in self.net.vectors())
        if self.config.is_cosine:
            vectors = functional.normalize(vectors)
        return GraphModel(
            vectors.numpy(),
            context.numpy(),
            self.net.age_weights().numpy(),
            (self.config.fold_exponent, self.config.max_history, self.config.is_cosine),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """This rank's parameters and Adam's moments, and the epoch."""
        state = pack_state(dict(self.net.named_parameters()), self._optimizer)
        return {"epoch": np.asarray(self._epoch)} | state

    @torch.no_grad()
    def parameters(self) -> dict[str, np.ndarray]:
        """Weights by name, with the columns of all ranks."""
        found = {}
        for name, own in self.net.named_parameters():
            is_shared = name.rsplit(".", 1)[-1] in GraphNet.SHARED
            found[name] = (own if is_shared else gather_columns(own)).numpy().copy()
        return found

    def focus(self, is_target: np.ndarray) -> None:
        """Draw these entries of the histories as targets, bool [nnz]."""
        self._sampler.focus(is_target)

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up ``arrays()`` of the same rank of as many ranks."""
        self._epoch = int(arrays["epoch"])
        take_up_state(dict(self.net.named_parameters()), self._optimizer, arrays)

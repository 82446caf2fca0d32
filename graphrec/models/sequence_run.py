"""Stage 3, TRAIN: the sequence model being trained; one process, or one rank of several.

Under a ``torch.distributed`` group each rank takes its share of every step's learners and
the gradients are summed, so that a step is the same step on any number of ranks. All
randomness is drawn anew each epoch from seed, epoch and rank: a checkpoint between epochs
needs no generator's state, and training may go on with another number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.distributed as dist

from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.models.collectives import broadcast_from_first, rank_and_size
from graphrec.models.ranking import ranking_metrics, sample_learners
from graphrec.models.sequence import SequenceConfig, SequenceModel
from graphrec.models.sequence_batches import Batch, WindowSampler
from graphrec.models.sequence_net import SequenceNet, initial_items
from graphrec.models.sequence_onnx import build_encoder, unit_items
from graphrec.models.torch_state import pack_state, take_up_state
from graphrec.models.training import TrainingRun

_MAX_GRADIENT_NORM = 1.0
_WARMUP_STEPS = 200
_LAST_RATE = 0.05


class SequenceRun(TrainingRun):
    """Weights, AdamW and batches of the sequence model."""

    name = "sequence"
    ROWS = (("item_embedding.weight", "padding"),)

    def __init__(
        self,
        dataset: Dataset,
        validation: tuple[Histories, np.ndarray],
        config: SequenceConfig,
        item_init: np.ndarray | None = None,
    ) -> None:
        """Build the network.

        Args:
            dataset: What is trained on; validation and test items are not in it.
            validation: Histories [n] and the item that followed each, int64 [n].
            config: See ``SequenceConfig``.
            item_init: float32 [num_items, embedding_dim] to begin with, for instance the
                graph model's vectors; None: an SVD of the learner-item matrix.

        Raises:
            TrainingError: ``item_init`` or the number of heads does not fit.
        """
        self.config = config
        self._rank, self._num_ranks = rank_and_size()
        self._validation = sample_learners(*validation, config.max_validation, config.seed)
        self._sampler = WindowSampler(dataset.histories, dataset.num_items, config)
        _check_shapes(item_init, dataset.num_items, config)
        items = initial_items(dataset, config) if item_init is None else item_init
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.net = SequenceNet(items, config)
        self._parameters = {n: p for n, p in self.net.named_parameters() if p.requires_grad}
        for parameter in self._parameters.values():
            # Ranks on unlike machines may differ in an SVD's last digits and signs.
            broadcast_from_first(parameter.data)
        self._optimizer = torch.optim.AdamW(
            _parameter_groups(self._parameters, config.weight_decay),
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self._epoch = self._step_number = 0
        self._num_steps = config.max_epochs * self._sampler.steps()

    def train_epoch(self) -> float:
        """Train once on every window; the mean loss of a target, over all ranks."""
        total, count = torch.zeros(1), 0
        self.net.train()
        with torch.random.fork_rng(devices=[]):
            seed = np.random.SeedSequence((self.config.seed, self._epoch, self._rank))
            torch.manual_seed(int(seed.generate_state(1)[0]))
            shuffle = (self.config.seed, self._epoch)
            for batch in self._sampler.epoch(shuffle, self._rank, self._num_ranks):
                total += self._step(batch)
                count += batch.num_targets
        self._epoch += 1
        if self._num_ranks > 1:
            dist.all_reduce(total)
        return float(total) / max(count, 1)

    def _step(self, batch: Batch) -> torch.Tensor:
        """One step; the summed loss of this rank's targets."""
        self._set_rate()
        self._optimizer.zero_grad()
        loss = self.net.loss(batch)
        (loss / batch.num_targets).backward()
        self._sum_gradients()
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), _MAX_GRADIENT_NORM)
        self._optimizer.step()
        self._step_number += 1
        return loss.detach()

    def _set_rate(self) -> None:
        """A short linear rise, then a linear fall over all epochs."""
        warmup = min(_WARMUP_STEPS, self._num_steps // 10 + 1)
        rise = min(1.0, (self._step_number + 1) / warmup)
        fall = max(_LAST_RATE, 1 - self._step_number / self._num_steps)
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.learning_rate * rise * fall

    def _sum_gradients(self) -> None:
        if self._num_ranks == 1:
            return
        gradients = [
            torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters.values()
        ]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        parts = flat.split([gradient.numel() for gradient in gradients])
        for parameter, part in zip(self._parameters.values(), parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def validate(self) -> dict[str, float]:
        """Hit rate and NDCG at 10 over the validation learners, seen items excluded."""
        metrics = ranking_metrics(self.export(), *self._validation)
        return metrics | {"hr@10": metrics["recall@10"]}

    def export(self) -> SequenceModel:
        """The model as it stands, for scoring without torch."""
        weights = {name: value.detach().numpy().copy() for name, value in self._parameters.items()}
        return SequenceModel(build_encoder(weights, self.config), unit_items(weights))

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, AdamW's moments, and where the schedule stands."""
        counters = {"epoch": np.asarray(self._epoch), "step": np.asarray(self._step_number)}
        return counters | pack_state(self._parameters, self._optimizer)

    def take_up(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Go on from another run's weights, past the slow steps that random ones need."""
        super().take_up(parameters)
        self._step_number = _WARMUP_STEPS

    def load_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take up ``arrays()``, of any rank of any number of ranks."""
        self._epoch, self._step_number = int(arrays["epoch"]), int(arrays["step"])
        take_up_state(self._parameters, self._optimizer, arrays)


def _parameter_groups(
    parameters: Mapping[str, torch.nn.Parameter], weight_decay: float
) -> list[dict[str, object]]:
    """Matrices decay, scales of norms do not."""
    matrices = [p for p in parameters.values() if p.ndim > 1]
    scales = [p for p in parameters.values() if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": scales, "weight_decay": 0.0},
    ]


def _check_shapes(item_init: np.ndarray | None, num_items: int, config: SequenceConfig) -> None:
    if config.embedding_dim % (2 * config.num_heads):
        raise TrainingError(
            f"embedding_dim {config.embedding_dim} is no even multiple of "
            f"num_heads {config.num_heads}.",
            where="SequenceConfig",
            remedy="Choose a width that twice the number of heads divides.",
        )
    if item_init is not None and item_init.shape != (num_items, config.embedding_dim):
        raise TrainingError(
            f"item_init is {item_init.shape}, not {(num_items, config.embedding_dim)}.",
            where="SequenceRun",
            remedy="Give one vector of embedding_dim columns for each item.",
        )

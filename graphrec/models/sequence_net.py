"""Stage 3, TRAIN: the sequence model's network and loss, in torch on ``transformers`` blocks.

In come batches of ``sequence_batches``; out go session vectors and the loss.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import svds
from torch import Tensor, nn
from torch.nn import functional
from transformers import LlamaConfig, LlamaModel

from graphrec.dataset import Dataset
from graphrec.models.sequence import SequenceConfig
from graphrec.models.sequence_batches import Batch
from graphrec.models.sequence_onnx import RMS_EPSILON, ROTARY_BASE


class SequenceNet(nn.Module):
    """Item table, tied between input and output, and causal blocks over it."""

    def __init__(self, item_init: np.ndarray, config: SequenceConfig) -> None:
        """Build the blocks at random (torch's seed) over the given items.

        Args:
            item_init: float32 [num_items, embedding_dim]; only directions matter.
            config: See ``SequenceConfig``.
        """
        super().__init__()
        self.config = config
        table = torch.from_numpy(np.pad(item_init.astype(np.float32), ((1, 0), (0, 0))))
        self.item_embedding = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0)
        self.body = LlamaModel(_block_config(config))
        # Its own table of tokens is never read: the blocks are fed with item vectors.
        self.body.embed_tokens.weight.requires_grad_(False)
        for name, part in self.body.named_modules():
            if name.endswith(("self_attn.o_proj", "mlp")):
                part.register_forward_hook(self._drop)

    def _drop(self, _module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        return functional.dropout(output, self.config.dropout, self.training)

    def items(self) -> Tensor:
        """Unit item vectors, float32 [num_items, dim]."""
        return functional.normalize(self.item_embedding.weight[1:], dim=-1)

    def forward(self, items: Tensor) -> Tensor:
        """Unit session vectors after each position, float32 [batch, length, dim].

        Args:
            items: int64 [batch, length], items + 1, padded with 0 on the right, where no
                earlier position can see it.
        """
        embedded = functional.normalize(self.item_embedding(items), dim=-1)
        embedded = embedded * math.sqrt(self.config.embedding_dim)
        embedded = functional.dropout(embedded, self.config.dropout, self.training)
        hidden: Tensor = self.body(inputs_embeds=embedded).last_hidden_state
        return functional.normalize(hidden, dim=-1)

    def loss(self, batch: Batch) -> Tensor:
        """Summed cross-entropy of the batch's targets among the items not yet seen, scalar."""
        inputs = torch.from_numpy(batch.inputs)
        # Divided before the product: the logits are far more than the sessions.
        sessions = self(inputs)[inputs > 0] / self.config.temperature  # [targets, dim]
        targets = torch.from_numpy(batch.targets)
        # Nothing is recommended twice, so that nothing need be learned about the seen.
        hidden = (torch.from_numpy(batch.hidden[0]), torch.from_numpy(batch.hidden[1]))
        items = self.items()
        if batch.candidates is None:
            whole: Tensor = _WholeSoftmax.apply(sessions, items, targets, hidden)
            return whole
        own = (sessions * items[targets]).sum(-1)
        logits = sessions @ items[torch.from_numpy(batch.candidates)].T
        logits = logits + torch.from_numpy(batch.correction)  # [targets, candidates]
        logits[hidden] = -torch.inf
        logits = torch.cat([own[:, None], logits], dim=1)
        sampled: Tensor = (logits.logsumexp(-1) - own).sum()
        return sampled


class _WholeSoftmax(torch.autograd.Function):
    """Summed cross-entropy over all items.

    Autograd passes some twenty times over the logits, by far the largest tensor of a step;
    written out, softmax minus one-hot takes a third less time.
    """

    @staticmethod
    def forward(
        ctx: Any,
        sessions: Tensor,
        items: Tensor,
        targets: Tensor,
        hidden: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Loss of ``sessions`` [t, dim] against ``items`` [num_items, dim], scalar."""
        logits = sessions @ items.T  # [t, num_items]
        logits[hidden] = -torch.inf
        errors = torch.softmax(logits, dim=-1)
        rows = torch.arange(len(errors))
        own = errors[rows, targets]
        errors[rows, targets] = own - 1
        ctx.save_for_backward(errors, sessions, items)
        return -own.clamp_min(torch.finfo(own.dtype).tiny).log().sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients by sessions and items."""
        errors, sessions, items = ctx.saved_tensors
        return grad * (errors @ items), grad * (errors.T @ sessions), None, None


def _block_config(config: SequenceConfig) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=1,
        bos_token_id=None,
        eos_token_id=None,
        hidden_size=config.embedding_dim,
        intermediate_size=2 * config.embedding_dim,
        num_hidden_layers=config.num_blocks,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_heads,
        max_position_embeddings=max(config.max_len, 2),
        rms_norm_eps=RMS_EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        attention_dropout=0.0,
        use_cache=False,
    )


def initial_items(dataset: Dataset, config: SequenceConfig) -> np.ndarray:
    """Directions for the items to begin at: an SVD of who took what, with some noise.

    Returns:
        float32 [num_items, embedding_dim]; items nobody took, and dimensions beyond the
        matrix's rank, are noise alone.
    """
    rng = np.random.default_rng(config.seed)
    dim = config.embedding_dim
    matrix = dataset.histories.matrix(dataset.num_items)
    vectors = rng.normal(0, 0.3 / math.sqrt(dim), (dataset.num_items, dim))
    rank = min(dim, min(matrix.shape) - 1)
    if rank < 1 or matrix.nnz == 0:
        return vectors.astype(np.float32)
    by_learner, by_item = (_inverse_sqrt(matrix.sum(axis=axis)) for axis in (1, 0))
    normalised = sp.diags_array(by_learner) @ matrix @ sp.diags_array(by_item)
    start = rng.normal(size=min(matrix.shape)).astype(np.float32)
    _, singular, right = svds(normalised.astype(np.float32), k=rank, v0=start)
    directions = (right.T * np.sqrt(np.maximum(singular, 0))).astype(np.float64)
    norms = np.linalg.norm(directions, axis=1, keepdims=True)
    vectors[:, :rank] += np.where(norms > 1e-6, directions / np.maximum(norms, 1e-6), 0)
    return vectors.astype(np.float32)


def _inverse_sqrt(degrees: np.ndarray) -> np.ndarray:
    return np.where(degrees > 0, np.maximum(degrees, 1e-12) ** -0.5, 0).astype(np.float32)

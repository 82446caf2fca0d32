"""Stage 3, TRAIN: sums and gathers over training ranks; the identity on a single one."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def rank_and_size() -> tuple[int, int]:
    """This process's rank and the number of ranks; (0, 1) outside a group."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


class _SumOverRanks(torch.autograd.Function):
    """Sum over ranks. Every rank computes the same loss from it, so the gradient passes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Sum ``x`` over ranks."""
        summed = x.contiguous().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Pass the gradient on: it is the same on every rank."""
        return grad


class _SumOfParts(torch.autograd.Function):
    """Sum over ranks, of which each rank then makes its own part of the loss."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Sum ``x`` over ranks."""
        summed = x.contiguous().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Sum the gradients of all parts."""
        summed = grad.contiguous().clone()
        dist.all_reduce(summed)
        return summed


def row_norms(x: Tensor) -> Tensor:
    """Length of each row whose columns are spread over ranks, [n, 1], never 0.

    Differentiable where each rank divides its own columns by it.
    """
    squares = x.square().sum(1, keepdim=True)  # [n, 1]
    if rank_and_size()[1] > 1:
        squares = _SumOfParts.apply(squares)
    return squares.clamp_min(1e-12).sqrt()


def sum_over_ranks(x: Tensor) -> Tensor:
    """``x`` summed over ranks, differentiable where the loss is the same on every rank."""
    return x if rank_and_size()[1] == 1 else _SumOverRanks.apply(x)


def gather_columns(x: Tensor) -> Tensor:
    """The columns of all ranks side by side, [n, total]; ranks may hold unequal numbers."""
    size = rank_and_size()[1]
    if size == 1:
        return x
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(size)]
    dist.all_gather(counts, torch.tensor([x.shape[1]]))
    widest = int(max(int(count) for count in counts))
    padded = torch.zeros(x.shape[0], widest, dtype=x.dtype)
    padded[:, : x.shape[1]] = x
    parts = [torch.empty_like(padded) for _ in range(size)]
    dist.all_gather(parts, padded)
    return torch.cat([p[:, : int(c)] for p, c in zip(parts, counts, strict=True)], dim=1)


def broadcast_from_first(x: Tensor) -> Tensor:
    """Rank 0's ``x`` on every rank."""
    if rank_and_size()[1] > 1:
        dist.broadcast(x, 0)
    return x

"""Operations and bytes of torch's operators, from the shapes they were called with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

_PRODUCTS = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::addmm_": 1}
"""Operator -> which argument is the left matrix."""
_FREE = (
    *("view", "reshape", "transpose", "slice", "select", "empty", "detach", "expand", "::t"),
    *("as_strided", "indices", "values", "_nnz", "::matmul", "::linear", "_to_copy"),
)
"""Parts of names of operators that touch no numbers, or leave them to one of the others."""
_FLOAT = 4


@dataclass
class Row:
    """An operator over all its calls: ``seconds`` its own, without those it calls."""

    name: str
    calls: int
    seconds: float
    flop: float = 0.0
    bytes: float = 0.0

    def told(self) -> dict[str, Any]:
        """As written."""
        return {
            "name": self.name,
            "calls": self.calls,
            "seconds": round(self.seconds, 5),
            "gflop": round(self.flop / 1e9, 4),
            "gb": round(self.bytes / 1e9, 4),
        }


def sparse_shapes(net: Any) -> dict[tuple[int, ...], int]:
    """Shape -> entries of the sparse matrices that a graph net multiplies by."""
    operators = [*getattr(net, "operators", {}).values(), getattr(net, "follow", None)]
    pairs = [pair for one in operators if one is not None for pair in one.factors]
    matrices = [matrix for pair in pairs for matrix in pair if matrix.is_sparse_csr]
    return {tuple(matrix.shape): int(matrix.values().numel()) for matrix in matrices}


def costs_of(
    events: Iterable[Any], sparse: Mapping[tuple[int, ...], int], scale: float
) -> list[Row]:
    """Rows by operator, products of sparse matrices apart.

    Args:
        events: Of ``key_averages(group_by_input_shape=True)``.
        sparse: See ``sparse_shapes``.
        scale: What seconds are multiplied with.
    """
    rows: dict[str, Row] = {}
    for event in events:
        shapes = [tuple(shape) for shape in event.input_shapes or []]
        is_sparse = any(shape in sparse for shape in shapes) and "mm" in event.key
        name = f"{event.key} (sparse)" if is_sparse else event.key
        row = rows.setdefault(name, Row(name, 0, 0.0))
        flop, moved = cost(event.key, shapes, sparse)
        row.calls += event.count
        row.seconds += scale * event.self_cpu_time_total / 1e6
        row.flop += flop * event.count
        row.bytes += moved * event.count
    return [row for row in rows.values() if row.seconds > 0]


def cost(
    name: str, shapes: list[tuple[int, ...]], sparse: Mapping[tuple[int, ...], int]
) -> tuple[float, float]:
    """Operations and bytes of one call: operands read once, the result written once.

    Args:
        name: Of the operator, as ``aten::mm``.
        shapes: Of its arguments, () where one is no tensor.
        sparse: See ``sparse_shapes``.
    """
    if name in _PRODUCTS:
        left, right = shapes[_PRODUCTS[name] :][:2]
        if left in sparse:
            return _sparse_product(sparse[left], left, right)
        result = prod(left[:-1]) * right[-1]
        return 2.0 * result * left[-1], _FLOAT * (prod(left) + prod(right) + result)
    if "scaled_dot_product" in name:
        *_, length, dim = next(shape for shape in shapes if len(shape) == 4)
        batch = prod(shapes[0]) // (length * dim)
        passes = 2.5 if "backward" in name else 1.0
        # Causal: half of the square.
        return passes * 2.0 * batch * length**2 * dim, passes * 4 * _FLOAT * prod(shapes[0])
    tensors = [prod(shape) for shape in shapes if shape]
    if not name.startswith("aten::") or not tensors or any(free in name for free in _FREE):
        return 0.0, 0.0
    return float(max(tensors)), _FLOAT * (sum(tensors) + max(tensors))


def _sparse_product(
    entries: int, left: tuple[int, ...], right: tuple[int, ...]
) -> tuple[float, float]:
    """A row of the right is read for each entry: they lie scattered, no cache is counted on."""
    dim, index = right[-1], 8
    moved = entries * (_FLOAT + index + _FLOAT * dim) + _FLOAT * left[0] * dim
    return 2.0 * entries * dim, float(moved)

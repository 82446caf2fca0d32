"""Stage 3, TRAIN: the sequence model's encoder as an ONNX graph, written node by node.

In come trained weights by the names of ``sequence_net``; out go ONNX bytes that need no
torch. Written by hand rather than traced, for three reasons: it takes milliseconds, so
that every validation scores through the very encoder that will serve; the last block
computes only the newest position, the one a session is read from; and no tracer's change
can alter it. A parity test holds it equal to torch.

Input ``items`` int64 [batch, length]: items + 1, padded with 0 on the right. Output
``session`` float32 [batch, embedding_dim].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from graphrec.models.sequence import SequenceConfig

_OPSET = 23
_IR_VERSION = 11


class _Graph:
    """Nodes and constants, each named by its place."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.asarray(values, np.int64))

    def add(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Append a node; its output's name, or a list of names where there are several."""
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names


class _Encoder:
    """Writes the blocks of one set of weights into a graph."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: SequenceConfig) -> None:
        self._weights, self._config, self._graph = weights, config, _Graph()
        self._cos, self._sin = (self._graph.constant(x) for x in rotary_tables(config))

    def write(self) -> _Graph:
        """The whole encoder; the last node's output is the session."""
        graph, config = self._graph, self._config
        embedded = graph.add("Gather", graph.constant(input_table(self._weights)), "items")
        is_item = graph.add("Greater", "items", graph.ints(0))  # [batch, length]
        counts = graph.add("Cast", is_item, to=TensorProto.INT64)
        length = graph.add("ReduceSum", counts, graph.ints(1), keepdims=1)  # [batch, 1]
        last = graph.add("Max", graph.add("Sub", length, graph.ints(1)), graph.ints(0))
        positions = graph.add("Sub", graph.add("CumSum", counts, graph.ints(1)), counts)
        hidden = embedded
        for block in range(config.num_blocks - 1):
            hidden = self._block(block, hidden, positions)
        hidden = self._last_block(config.num_blocks - 1, hidden, positions, last, is_item)
        session = graph.add("Squeeze", self._norm("body.norm", hidden), graph.ints(1))
        unit = graph.add("LpNormalization", session, axis=-1, p=2)
        scale = graph.constant(np.asarray(1 / config.temperature, np.float32))
        graph.add("Mul", unit, scale)
        return graph

    def _block(self, block: int, hidden: str, positions: str) -> str:
        """All positions [batch, length, dim], each attending to itself and the earlier ones."""
        queries, keys, values = self._project(block, "qkv", self._norm_in(block, hidden))
        attended = self._graph.add(
            "Attention",
            self._rotate(queries, positions),
            self._rotate(keys, positions),
            values,
            is_causal=1,
            **self._heads(),
        )
        return self._rest_of_block(block, hidden, attended)

    def _last_block(self, block: int, hidden: str, positions: str, last: str, is_item: str) -> str:
        """The newest position only, [batch, 1, dim]."""
        graph = self._graph
        normed = self._norm_in(block, hidden)
        keys, values = self._project(block, "kv", normed)
        row = graph.add("Unsqueeze", last, graph.ints(2))  # [batch, 1, 1]
        newest, newest_normed = (
            graph.add("GatherND", x, row, batch_dims=1) for x in (hidden, normed)
        )
        queries = self._project(block, "q", newest_normed)
        attended = graph.add(
            "Attention",
            self._rotate(queries, last),
            self._rotate(keys, positions),
            values,
            graph.add("Unsqueeze", is_item, graph.ints(1, 2)),  # [batch, 1, 1, length]
            **self._heads(),
        )
        return self._rest_of_block(block, newest, attended)

    def _rest_of_block(self, block: int, hidden: str, attended: str) -> str:
        graph, layer = self._graph, f"body.layers.{block}"
        out = graph.add("MatMul", attended, self._matrix(f"{layer}.self_attn.o_proj"))
        hidden = graph.add("Add", hidden, out)
        normed = self._norm(f"{layer}.post_attention_layernorm", hidden)
        gate = graph.add("MatMul", normed, self._matrix(f"{layer}.mlp.gate_proj"))
        up = graph.add("MatMul", normed, self._matrix(f"{layer}.mlp.up_proj"))
        silu = graph.add("Mul", gate, graph.add("Sigmoid", gate))
        gated = graph.add("Mul", silu, up)
        down = graph.add("MatMul", gated, self._matrix(f"{layer}.mlp.down_proj"))
        return str(graph.add("Add", hidden, down))

    def _project(self, block: int, parts: str, normed: str) -> Any:
        """Queries, keys, values (those of ``parts``) by one product; a name or a list."""
        names = [f"body.layers.{block}.self_attn.{part}_proj.weight" for part in parts]
        stacked = np.concatenate([self._weights[name] for name in names]).T
        joint = self._graph.add("MatMul", normed, self._graph.constant(stacked))
        if len(parts) == 1:
            return joint
        count = len(parts)
        return self._graph.add("Split", joint, outputs=count, axis=-1, num_outputs=count)

    def _rotate(self, x: str, positions: str) -> str:
        heads = self._config.num_heads
        rotated = self._graph.add(
            "RotaryEmbedding", x, self._cos, self._sin, positions, num_heads=heads
        )
        return str(rotated)

    def _heads(self) -> dict[str, int]:
        return {"q_num_heads": self._config.num_heads, "kv_num_heads": self._config.num_heads}

    def _norm_in(self, block: int, hidden: str) -> str:
        return self._norm(f"body.layers.{block}.input_layernorm", hidden)

    def _norm(self, name: str, x: str) -> str:
        scale = self._graph.constant(self._weights[f"{name}.weight"])
        return str(self._graph.add("RMSNormalization", x, scale, axis=-1, epsilon=RMS_EPSILON))

    def _matrix(self, name: str) -> str:
        return self._graph.constant(self._weights[f"{name}.weight"].T)


RMS_EPSILON = 1e-6
ROTARY_BASE = 10_000.0


def rotary_tables(config: SequenceConfig) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of the rotary positions, float32 [max_len, head_dim / 2] each."""
    head_dim = config.embedding_dim // config.num_heads
    frequencies = ROTARY_BASE ** (-np.arange(0, head_dim, 2) / head_dim)
    angles = np.arange(config.max_len)[:, None] * frequencies
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def unit_items(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Item vectors of length 1, float32 [num_items, dim]; padding's row left out."""
    table = weights["item_embedding.weight"][1:]
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return np.asarray(table / np.maximum(norms, 1e-12), np.float32)


def input_table(weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the blocks read for each item, float32 [num_items + 1, dim]; zeros for padding."""
    items = unit_items(weights)
    return np.pad(items * np.float32(np.sqrt(items.shape[1])), ((1, 0), (0, 0)))


def build_encoder(weights: Mapping[str, np.ndarray], config: SequenceConfig) -> bytes:
    """The encoder as ONNX bytes.

    Args:
        weights: float32 arrays by parameter name of ``sequence_net.SequenceNet``.
        config: The configuration they were trained with.
    """
    graph = _Encoder(weights, config).write()
    graph.nodes[-1].output[0] = "session"
    items = helper.make_tensor_value_info("items", TensorProto.INT64, ["batch", "length"])
    shape: list[str | int | None] = ["batch", config.embedding_dim]
    session = helper.make_tensor_value_info("session", TensorProto.FLOAT, shape)
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "session_encoder", [items], [session], graph.constants),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
        producer_name="graphrec",
    )
    helper.set_model_props(proto, {"max_len": str(config.max_len)})
    return bytes(proto.SerializeToString())

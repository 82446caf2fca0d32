"""Boosted trees as an ONNX graph, written from LightGBM's own dump.

One ``TreeEnsembleRegressor``. Thresholds are rounded down to float32, so that a float32
feature falls to the same side as in LightGBM, whose thresholds are float64: the two differ
only in the rounding of sums of leaves, and ``parity`` measures by how much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

_IR_VERSION = 10
_OPSET = 17
_OPSET_ML = 3


def trees_to_onnx(dump: Mapping[str, Any], num_features: int) -> bytes:
    """ONNX bytes of boosted trees.

    Input ``features`` float32 [batch, num_features]; output ``score`` float32 [batch, 1].

    Args:
        dump: ``Booster.dump_model()``, trained without missing values or categories.
        num_features: Columns.
    """
    from onnx import TensorProto, helper

    attributes: defaultdict[str, Any] = defaultdict(list)
    for number, tree in enumerate(dump["tree_info"]):
        _write_tree(attributes, number, tree["tree_structure"])
    if not dump["tree_info"]:
        _write_tree(attributes, 0, {"leaf_value": 0.0})
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["score"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
    shape: list[str | int | None] = ["batch", num_features]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, shape)
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 1])
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _OPSET_ML)]
    proto = helper.make_model(
        helper.make_graph([node], "ranker", [features], [score]),
        opset_imports=opsets,
        ir_version=_IR_VERSION,
        producer_name="graphrec",
    )
    return bytes(proto.SerializeToString())


def float_below(value: float) -> float:
    """The largest float32 that is not above ``value``."""
    nearest = np.float32(value)
    if float(nearest) > value:
        nearest = np.nextafter(nearest, np.float32(-np.inf))
    return float(nearest)


def _write_tree(attributes: defaultdict[str, Any], tree: int, root: Mapping[str, Any]) -> None:
    """Append the nodes of one tree, numbered as they are met."""
    waiting: list[tuple[int, Mapping[str, Any]]] = [(0, root)]
    count = 1
    while waiting:
        number, node = waiting.pop()
        is_leaf = "leaf_value" in node
        yes, no = (0, 0) if is_leaf else (count, count + 1)
        attributes["nodes_treeids"].append(tree)
        attributes["nodes_nodeids"].append(number)
        attributes["nodes_modes"].append("LEAF" if is_leaf else "BRANCH_LEQ")
        attributes["nodes_featureids"].append(0 if is_leaf else node["split_feature"])
        attributes["nodes_values"].append(0.0 if is_leaf else float_below(node["threshold"]))
        attributes["nodes_truenodeids"].append(yes)
        attributes["nodes_falsenodeids"].append(no)
        if is_leaf:
            attributes["target_treeids"].append(tree)
            attributes["target_nodeids"].append(number)
            attributes["target_ids"].append(0)
            attributes["target_weights"].append(float(node["leaf_value"]))
        else:
            waiting += [(yes, node["left_child"]), (no, node["right_child"])]
            count += 2

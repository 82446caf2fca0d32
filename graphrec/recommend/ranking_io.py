"""The ranking layer in a bundle: trees as ONNX, the facts of its features, its calibrator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graphrec.bundle import Bundle, BundleWriter
from graphrec.features.ranking import named_features
from graphrec.features.ranking_facts import CourseFacts
from graphrec.models.ranker import Ranker
from graphrec.models.ranker_calibration import Isotonic
from graphrec.recommend.ranking_layer import RankingLayer

_TREES: Final = "ranking/ranker.onnx"
_FACTS: Final = "ranking/facts"
_TOLD: Final = "ranking/ranking"


def write_ranking(writer: BundleWriter, layer: RankingLayer) -> None:
    """Write a ranking layer into a bundle under construction."""
    writer.path(_TREES).write_bytes(layer.ranker.onnx)
    writer.arrays(_FACTS, layer.facts.state())
    told = {
        "features": [feature.name for feature in layer.features],
        "role_ids": list(layer.facts.role_ids),
        "calibrator": layer.calibrator.state(),
    }
    writer.json(_TOLD, told)


def read_ranking(bundle: Bundle, parts: Sequence[str], num_items: int) -> RankingLayer | None:
    """The layer that ``write_ranking`` wrote; None where the bundle has none.

    Args:
        bundle: A published one.
        parts: Of its pipeline.
        num_items: Of its pipeline.

    Raises:
        KeyError, TypeError, ValueError: It does not fit the pipeline or this version.
    """
    if f"{_TOLD}.json" not in bundle.manifest["files"]:
        return None
    told = bundle.json(_TOLD)
    features = named_features(told["features"], parts)
    facts = CourseFacts.from_state(bundle.arrays(_FACTS), told["role_ids"])
    if facts.num_items != num_items:
        raise ValueError(f"ranking facts of {facts.num_items} courses for {num_items}")
    ranker = Ranker(bundle.path(_TREES).read_bytes(), tuple(told["features"]))
    return RankingLayer(ranker, features, facts, Isotonic.from_state(told["calibrator"]))

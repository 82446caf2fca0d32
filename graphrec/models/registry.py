"""Models by name: what an evaluation can pick and a bundle can hold."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from graphrec.models.base import Model

_CLASSES: Final = {
    "popularity": ("graphrec.models.popularity", "PopularityModel"),
    "itemknn": ("graphrec.models.itemknn", "ItemKNNModel"),
    "ease": ("graphrec.models.ease", "EASEModel"),
    "graph_filter": ("graphrec.models.graph_filter", "GraphFilterModel"),
    "sequence_rules": ("graphrec.models.sequence_rules", "SequenceRulesModel"),
    "als": ("graphrec.models.als", "ALSModel"),
    "bpr": ("graphrec.models.bpr", "BPRModel"),
    "content": ("graphrec.models.content", "ContentModel"),
    "graph": ("graphrec.models.graph", "GraphModel"),
    "sequence": ("graphrec.models.sequence", "SequenceModel"),
}

ROW_NAMES: Final = tuple(_CLASSES)
"""Every model that an evaluation has a row for, the simple ones first."""

BASELINES: Final = ("als", "bpr")
"""Models that stand beside the pipeline to be compared with, and are no part of it."""

MODEL_NAMES: Final = tuple(name for name in ROW_NAMES if name not in BASELINES)
"""The models that the pipeline is composed of, and that ``train`` fits."""

NEURAL: Final = ("graph", "sequence")
"""Models that are trained by epochs, with validation."""


def model_class(name: str) -> type[Model]:
    """The class of a model; its module is imported here, and without torch."""
    module, attribute = _CLASSES[name]
    found: type[Model] = getattr(import_module(module), attribute)
    return found

"""Models by name: what an evaluation can pick and a bundle can hold."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from graphrec.models.base import Model

_CLASSES: Final = {
    "popularity": ("graphrec.models.popularity", "PopularityModel"),
    "itemknn": ("graphrec.models.itemknn", "ItemKNNModel"),
    "ease": ("graphrec.models.ease", "EASEModel"),
    "sequence_rules": ("graphrec.models.sequence_rules", "SequenceRulesModel"),
    "content": ("graphrec.models.content", "ContentModel"),
    "graph": ("graphrec.models.graph", "GraphModel"),
    "sequence": ("graphrec.models.sequence", "SequenceModel"),
}

MODEL_NAMES: Final = tuple(_CLASSES)
"""Every model, the simple ones first; the pipeline is composed of them."""

NEURAL: Final = ("graph", "sequence")
"""Models that are trained by epochs, with validation."""


def model_class(name: str) -> type[Model]:
    """The class of a model; its module is imported here, and without torch."""
    module, attribute = _CLASSES[name]
    found: type[Model] = getattr(import_module(module), attribute)
    return found

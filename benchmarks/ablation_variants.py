"""The ablations: one line a variant, each the whole with one idea taken away.

A variant changes a model's configuration, its data, or replaces a function while it is trained:
the product needs no switches that only a benchmark would turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from graphrec.dataset import Dataset
from graphrec.models.blend import Blend

Replacement = tuple[str, str, Callable[[Any], Any]]
"""Module below graphrec, a dotted name in it, and what makes its stand-in of what is there."""


@dataclass(frozen=True)
class Variant:
    """A row.

    Attributes:
        name: What is different, in words.
        model: "graph", "sequence", or "pipeline" (the blend of all).
        config: Changed fields of the model's configuration.
        without: Parts that the pipeline is composed without.
        replaced: Functions replaced.
        data: Changes what is learned from.
        applies: Whether the data has what is taken away.
    """

    name: str
    model: str
    config: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    replaced: tuple[Replacement, ...] = ()
    data: Callable[[Dataset], Dataset] = lambda dataset: dataset
    applies: Callable[[Dataset], bool] = lambda dataset: True

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """With the replacements made; a name that is no longer there is an error."""
        with ExitStack() as stack:
            for module, name, instead in self.replaced:
                owner: Any = import_module(f"graphrec.{module}")
                *path, last = name.split(".")
                for part in path:
                    owner = getattr(owner, part)
                stack.enter_context(patch.object(owner, last, instead(getattr(owner, last))))
            yield


# What stand-ins are made by. Each does what the paper or the obvious way would have done.


def _random_vectors(_: Any) -> Any:
    def initial(first: Any, config: Any) -> np.ndarray:
        """Without an SVD; ``first`` is the graph or the dataset."""
        is_dataset = isinstance(first, Dataset)
        num_items = first.num_items if is_dataset else first["item"].num_nodes
        scale = getattr(config, "init_scale", 1.0) / np.sqrt(config.embedding_dim)
        rng = np.random.default_rng(config.seed)
        return rng.normal(0, scale, (num_items, config.embedding_dim)).astype(np.float32)

    return initial


def _flat_ages(_: Any) -> Any:
    return lambda net: net.age_logits.detach().new_ones(net.age_logits.shape)


def _nothing_follows(_: Any) -> Any:
    return lambda data: None


def _nothing_hidden(_: Any) -> Any:
    return lambda *_: (np.zeros(0, np.int64), np.zeros(0, np.int64))


def _nothing_masked(batch: Any) -> Any:
    def unmasked(*arguments: Any) -> Any:
        made = batch(*arguments)
        return replace(made, masked=tuple(part[:0] for part in made.masked))

    return unmasked


def _no_recency(_: Any) -> tuple[float, ...]:
    return (0.0,)


def _equal_weights(_: Any) -> Any:
    return lambda parts, *_: Blend(parts, np.stack([np.ones(len(parts)), np.zeros(len(parts))]))


def _one_length(fit: Any) -> Any:
    # Where all lengths are alike the context is 0, and so are its weights.
    return lambda parts, scores, candidates, targets, lengths: fit(
        parts, scores, candidates, targets, np.ones_like(lengths)
    )


def _plain(dataset: Dataset) -> Dataset:
    none = np.zeros((2, 0), np.int64)
    return replace(dataset, item_skill=none, item_requires=none, skill_requires=none)


def _has_relations(dataset: Dataset) -> bool:
    return bool(dataset.item_skill.size or dataset.item_requires.size)


_PARTS = ("itemknn", "ease", "sequence_rules", "content", "graph", "sequence")
_SIMPLE = ("itemknn", "ease", "sequence_rules", "content")

VARIANTS: Final = (
    *(Variant(f"without {part}", "pipeline", without=(part,)) for part in _PARTS),
    Variant("without graph and sequence", "pipeline", without=("graph", "sequence")),
    Variant("graph and sequence alone (and popularity)", "pipeline", without=_SIMPLE),
    Variant(
        "all parts weigh the same",
        "pipeline",
        replaced=(("models.blend", "Blend.fit", _equal_weights),),
    ),
    Variant(
        "the same weights for short and long histories",
        "pipeline",
        replaced=(("models.blend", "Blend.fit", _one_length),),
    ),
    Variant(
        "item-item models see all ages alike",
        "pipeline",
        replaced=(("recommend.compose", "RECENCIES", _no_recency),),
    ),
    Variant("no propagation (0 layers)", "graph", {"num_layers": 0}),
    Variant("2 layers", "graph", {"num_layers": 2}),
    Variant(
        "without what follows what",
        "graph",
        replaced=(("models.graph_net", "follow_operator", _nothing_follows),),
    ),
    Variant(
        "a history's ages weigh the same",
        "graph",
        replaced=(("models.graph_net", "GraphNet.age_weights", _flat_ages),),
    ),
    Variant(
        "random initial vectors",
        "graph",
        replaced=(("models.graph_run", "initial_vectors", _random_vectors),),
    ),
    Variant(
        "seen courses are negatives",
        "graph",
        replaced=(("models.graph_batches", "BatchSampler.batch", _nothing_masked),),
    ),
    Variant("256 sampled negatives", "graph", {"num_negatives": 256}),
    Variant("without skills and prerequisites", "graph", data=_plain, applies=_has_relations),
    Variant(
        "random initial vectors",
        "sequence",
        replaced=(("models.sequence_run", "initial_items", _random_vectors),),
    ),
    Variant("no dropout", "sequence", {"dropout": 0.0}),
    Variant("temperature 1", "sequence", {"temperature": 1.0}),
    Variant("1 block", "sequence", {"num_blocks": 1}),
    Variant("a window of 10", "sequence", {"max_len": 10}),
    Variant("256 sampled negatives", "sequence", {"num_negatives": 256}),
    Variant(
        "seen courses are negatives",
        "sequence",
        replaced=(("models.sequence_batches", "WindowSampler._seen", _nothing_hidden),),
    ),
)
"""Every variant; the whole of each model is a row of its own."""

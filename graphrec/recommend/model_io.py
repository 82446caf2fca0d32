"""The pipeline in a bundle: what training writes and serving reads, declared once.

``items`` (Parquet: course_id by dense row), ``models/<name>`` (safetensors),
``parameters/<name>`` (safetensors: weights of a neural model, which only an update reads),
``index/<name>/``, ``pipeline`` (JSON: parts, signals, blend, configuration). Where a ranker is on:
``ranking/ranker.onnx``, ``ranking/facts`` (safetensors) and ``ranking/ranking`` (JSON).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from graphrec.bundle import Bundle, BundleWriter
from graphrec.errors import BundleDamagedError
from graphrec.ids import IdMap
from graphrec.index.build import build_index, load_index
from graphrec.models.base import EmbeddingModel
from graphrec.models.blend import Blend
from graphrec.models.itemknn import ItemKNNModel
from graphrec.models.popularity import PopularityModel
from graphrec.models.registry import model_class
from graphrec.recommend.pipeline import POPULARITY, Pipeline, PipelineConfig
from graphrec.recommend.ranking_io import read_ranking, write_ranking

NEIGHBOURS = "itemknn"
"""The part that knows how many learners took both of two courses."""


@dataclass(frozen=True)
class TrainedPipeline:
    """A pipeline with the ids of its items.

    Attributes:
        pipeline: Fitted, with its blend.
        items: Course id <-> dense row.
        has_commitments: Whether learners enrol, complete or drop in the training data, so
            that views are a signal and not history.
        parameters: Weights of the neural models as written; a pipeline that was read has
            none, for serving needs none (``read_parameters``).
    """

    pipeline: Pipeline
    items: IdMap
    has_commitments: bool
    parameters: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    @property
    def popularity(self) -> np.ndarray:
        """Learners of each item at training time, float32 [num_items]."""
        model = self.pipeline.models[POPULARITY]
        assert isinstance(model, PopularityModel)  # noqa: S101 - held by Pipeline
        return model.counts

    @cached_property
    def _root_degrees(self) -> np.ndarray:
        return np.asarray(np.sqrt(self.popularity))

    def num_shared(self, items: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Learners who took both of a pair of items; 0 where not kept; float64 [n, m].

        Undone from the cosine, which is the count over a product of degrees.

        Args:
            items: int [n].
            others: int [m].
        """
        model = self.pipeline.models.get(NEIGHBOURS)
        if not isinstance(model, ItemKNNModel):
            return np.zeros((len(items), len(others)))
        degrees = self._root_degrees[items][:, None] * self._root_degrees[others]
        return np.asarray(np.rint(model.entries(items, others) * degrees), np.float64)


def write_pipeline(writer: BundleWriter, trained: TrainedPipeline) -> None:
    """Write a pipeline into a bundle under construction, its indexes built on the way."""
    pipeline = trained.pipeline
    writer.table("items", trained.items.to_arrow("course_id"))
    for name, model in pipeline.models.items():
        writer.arrays(f"models/{name}", model.state())
        if isinstance(model, EmbeddingModel):
            build_index(model.item_vectors()).save(writer.path(f"index/{name}"))
    for name, parameters in trained.parameters.items():
        if name in pipeline.models:
            writer.arrays(f"parameters/{name}", parameters)
    if pipeline.ranking is not None:
        write_ranking(writer, pipeline.ranking)
    writer.json(
        "pipeline",
        {
            "models": list(pipeline.models),
            "signals": list(pipeline.signals),
            "blend": pipeline.blend.state(),
            "config": pipeline.config.model_dump(),
            "has_commitments": trained.has_commitments,
        },
    )


def read_pipeline(bundle: Bundle) -> TrainedPipeline:
    """The pipeline that ``write_pipeline`` wrote.

    Raises:
        BundleDamagedError: A file of it is missing, or does not fit the others.
    """
    try:
        return _read(bundle)
    except (KeyError, TypeError, ValueError) as exc:
        raise BundleDamagedError(
            f"the bundle's pipeline cannot be read: {exc!r}",
            where=bundle.id,
            remedy="Train again, or go back with: graphrec models rollback",
        ) from exc


def read_parameters(bundle: Bundle) -> dict[str, dict[str, np.ndarray]]:
    """Weights of the bundle's neural models by name; those it does not hold are left out."""
    names = bundle.json("pipeline")["models"]
    held = [name for name in names if bundle.has(f"parameters/{name}")]
    return {name: bundle.arrays(f"parameters/{name}") for name in held}


def _read(bundle: Bundle) -> TrainedPipeline:
    description = bundle.json("pipeline")
    models = {
        name: model_class(name).from_state(bundle.arrays(f"models/{name}"))
        for name in description["models"]
    }
    indexes = {
        name: load_index(bundle.path(f"index/{name}"), model.item_vectors())
        for name, model in models.items()
        if isinstance(model, EmbeddingModel)
    }
    pipeline = Pipeline(
        models,
        blend=Blend.from_state(description["blend"]),
        indexes=indexes,
        config=PipelineConfig(**description["config"]),
        signals=description["signals"],
    )
    pipeline.ranking = read_ranking(bundle, pipeline.parts, pipeline.num_items)
    items = IdMap(bundle.table("items")["course_id"].to_pylist())
    if len(items) != pipeline.num_items:
        raise ValueError(f"{len(items)} ids for {pipeline.num_items} items")
    return TrainedPipeline(pipeline, items, bool(description["has_commitments"]))

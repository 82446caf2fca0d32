"""Stage 3, TRAIN: what a published pipeline knows of courses that nobody, or hardly anybody, took.

Untaken courses are placed by their content in every model, and an ``Explorer`` ranks them
for the places of a list that explore. Its blend is learned where every course, warm ones
too, counts as if nobody had taken it yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from graphrec.dataset import Dataset
from graphrec.models.base import EmbeddingModel, Model
from graphrec.models.blend import Blend
from graphrec.models.cold_items import ContentMap, place_untaken, with_cold_items
from graphrec.models.content import ContentModel
from graphrec.models.itemitem import DENSE_ITEMS, ItemItemModel
from graphrec.recommend.compose import (
    MAX_BLENDED,
    MAX_TUNED,
    Report,
    Validation,
    batches,
    learn_blend,
)
from graphrec.recommend.explorer import CONTENT, Explorer
from graphrec.recommend.pipeline import POPULARITY, Pipeline
from graphrec.recommend.slots import explore

NEARLY_UNTAKEN = 5
"""Courses with fewer learners are explored, and nothing is read off them."""

SHARE = 0.1
"""Of a list's places: one in ten."""

_CUT = 10


@dataclass(frozen=True)
class Cost:
    """What exploring costs on validation, where next to nobody's next course is untaken.

    Attributes:
        share: Of the first ten places.
        before: NDCG@10 of the pipeline's lists.
        after: With exploration.
        num_learners: Learners asked.
    """

    share: float
    before: float
    after: float
    num_learners: int

    def describe(self) -> str:
        """One line."""
        lost = 0.0 if not self.before else 100 * (1 - self.after / self.before)
        return (
            f"{self.share:.0%} of the places to untaken courses: "
            f"NDCG@10 {self.after:.4f} instead of {self.before:.4f} on validation (-{lost:.1f} %)"
        )


@dataclass(frozen=True)
class Exploration:
    """What is learned of exploration before the simple models are fitted again on everything.

    Attributes:
        blend: By which untaken courses are ranked; None: there is none to explore.
        cost: What exploring costs; None likewise.
    """

    blend: Blend | None = None
    cost: Cost | None = None

    @classmethod
    def learn(
        cls,
        pipeline: Pipeline,
        train: Dataset,
        validation: Validation,
        *,
        seed: int = 0,
        report: Report = lambda line: None,
    ) -> Self:
        """Learn it, and measure what it costs (arguments as ``learn_exploration``)."""
        blend = learn_exploration(pipeline, train, validation, seed=seed)
        explorer = fit_explorer(pipeline, train, blend)
        if explorer is None:
            return cls()
        cost = exploration_cost(pipeline, explorer, validation, seed=seed)
        report(f"exploration: {cost.describe()}")
        return cls(blend, cost)

    @classmethod
    def of(cls, explorer: Explorer | None) -> Self:
        """What an older bundle learned."""
        return cls(None if explorer is None else explorer.blend)

    def publish(self, pipeline: Pipeline, dataset: Dataset) -> Explorer | None:
        """Place the pipeline's untaken courses, and make its explorer.

        Args:
            pipeline: As it will serve; its models are replaced.
            dataset: All that is known now.
        """
        pipeline.models.update(with_untaken(pipeline.models, dataset))
        return fit_explorer(pipeline, dataset, self.blend)

    def figures(self) -> dict[str, float]:
        """For the manifest; {} where nothing is explored."""
        if self.cost is None:
            return {}
        cost = self.cost
        return {
            "share": cost.share,
            "ndcg@10": round(cost.after, 5),
            "ndcg@10_without": round(cost.before, 5),
            "num_validation": cost.num_learners,
        }


def with_untaken(models: Mapping[str, Model], dataset: Dataset) -> dict[str, Model]:
    """The models with courses that nobody took placed by content; themselves without it.

    Args:
        models: Fitted on ``dataset``.
        dataset: Whose histories say who took what.
    """
    content = models.get(CONTENT)
    if not isinstance(content, ContentModel):
        return dict(models)
    return place_untaken(models, content.item_vectors(), _takers(dataset))


def learn_exploration(
    pipeline: Pipeline, train: Dataset, validation: Validation, *, seed: int = 0
) -> Blend | None:
    """The blend by which untaken courses are ranked; None where there is none to explore.

    Args:
        pipeline: Of models fitted on ``train``.
        train: Without what is asked.
        validation: What the blend is learned from.
        seed: Of its sample.
    """
    content = pipeline.models.get(CONTENT)
    sample = validation.sample(MAX_BLENDED, seed)
    if not isinstance(content, ContentModel) or not len(sample.targets):
        return None
    takers = _takers(train)
    if not len(_explored(content, takers, train)):
        return None
    return learn_blend(left_out_pipeline(pipeline, content, takers >= NEARLY_UNTAKEN), sample)


def left_out_pipeline(pipeline: Pipeline, content: ContentModel, is_warm: np.ndarray) -> Pipeline:
    """The pipeline with every course as if nobody had taken it; its blend weighs nothing yet.

    Models that keep nothing of each course have no say in it.
    """
    vectors = content.item_vectors()
    models = {
        name: with_cold_items(model, vectors, is_warm, left_out=True)
        for name, model in pipeline.models.items()
    }
    placed = {n: m for n, m in models.items() if m is not pipeline.models[n] or n == CONTENT}
    placed.setdefault(POPULARITY, pipeline.models[POPULARITY])
    return Pipeline(placed, config=pipeline.config, signals=pipeline.signals)


def fit_explorer(pipeline: Pipeline, dataset: Dataset, blend: Blend | None) -> Explorer | None:
    """The explorer of a pipeline that is about to be published; None where it has nothing to do.

    Args:
        pipeline: As it will serve, its untaken courses placed.
        dataset: All that is known now.
        blend: As ``learn_exploration`` has it.
    """
    content = pipeline.models.get(CONTENT)
    if blend is None or not isinstance(content, ContentModel):
        return None
    vectors, takers = content.item_vectors(), _takers(dataset)
    is_warm = takers >= NEARLY_UNTAKEN
    items = _explored(content, takers, dataset)
    logs = np.log1p(takers.astype(np.float64))[:, None]
    expected = ContentMap.fit(logs, vectors, is_warm)
    if expected is None or not len(items):
        return None
    maps, recencies = {}, {}
    for name, model in pipeline.models.items():
        table = _scored_by(model)
        if name not in blend.parts or table is None or name == CONTENT:
            continue
        found = ContentMap.fit(table, vectors, is_warm)
        assert found is not None  # noqa: S101 - the same rows as ``expected``
        maps[name] = np.ascontiguousarray(found.coefficients.T, np.float32)
        if isinstance(model, ItemItemModel):
            recencies[name] = model.recency
    return Explorer(
        items=items,
        content=vectors[items],
        popularity=np.expm1(expected.foretell(vectors[items])[:, 0]).clip(0).astype(np.float32),
        maps=maps,
        recencies=recencies,
        blend=blend,
        num_learners=NEARLY_UNTAKEN,
    )


def exploration_cost(
    pipeline: Pipeline,
    explorer: Explorer,
    validation: Validation,
    *,
    share: float = SHARE,
    seed: int = 0,
) -> Cost:
    """Ask validation for the pipeline's lists, and for the same lists with exploration.

    Args:
        pipeline: With its blend.
        explorer: Over the same items.
        validation: Of which at most ``MAX_TUNED`` learners are asked.
        share: Of a list's places.
        seed: Of the sample.
    """
    sample = validation.sample(MAX_TUNED, seed)
    gains = np.zeros((len(sample.targets), 2))
    for rows in batches(len(sample.targets), pipeline.num_items):
        part = sample.take(rows)
        plain, explored = explored_lists(pipeline, explorer, part, _CUT, share=share)
        for column, lists in enumerate((plain, explored)):
            hits = lists == sample.targets[rows][:, None]
            gains[rows, column] = (hits / np.log2(np.arange(_CUT) + 2.0)).sum(axis=1)
    before, after = gains.mean(axis=0) if len(gains) else (0.0, 0.0)
    return Cost(share, float(before), float(after), len(gains))


def explored_lists(
    pipeline: Pipeline,
    explorer: Explorer,
    asked: Validation,
    k: int,
    *,
    share: float = SHARE,
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Lists of ``k`` as the recommender gives them, without exploration and with it.

    Returns:
        int64 [n, k] each, dense rows, -1 where nothing is left to give.
    """
    signals = asked.signals.dense()
    shape = (len(asked.inputs), pipeline.num_items)
    open_to = np.broadcast_to(True if allowed is None else allowed, shape)
    vectors = {
        name: model.encode(asked.inputs)
        for name, model in pipeline.models.items()
        if isinstance(model, EmbeddingModel)
    }
    indexed = {name: vectors[name] for name in pipeline.indexes}
    shortlists = pipeline.shortlist(
        asked.inputs,
        k,
        allowed=open_to,
        signals=signals,
        vectors=indexed,
        role_ids=asked.signals.role_ids,
    )
    plain = pipeline.rerank(shortlists, k).items.astype(np.int64)
    fresh = explorer.rank(asked.inputs, k, allowed=open_to, signals=signals, vectors=vectors)
    is_fresh, explored = frozenset(explorer.items.tolist()), plain.copy()
    for row, best in enumerate(plain):
        found = explore(best[best >= 0].tolist(), fresh[row].tolist(), is_fresh, share).items
        explored[row, : len(found)] = found
    return plain, explored


def _takers(dataset: Dataset) -> np.ndarray:
    return np.bincount(dataset.histories.items, minlength=dataset.num_items)


def _explored(content: ContentModel, takers: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Courses of whom content says something and few learners do, int32 [e]."""
    is_explored = (takers < NEARLY_UNTAKEN) & content.item_vectors().any(axis=1)
    if dataset.eligible is not None:
        is_explored &= dataset.eligible
    return np.flatnonzero(is_explored).astype(np.int32)


def _scored_by(model: Model) -> np.ndarray | None:
    """What a model scores each item by, float [num_items, dim]; None where it is too large."""
    if isinstance(model, EmbeddingModel):
        return model.item_vectors()
    if isinstance(model, ItemItemModel) and model.matrix.shape[0] <= DENSE_ITEMS:
        return np.asarray(model.matrix.T.toarray())
    return None

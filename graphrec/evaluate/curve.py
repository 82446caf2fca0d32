"""What novelty costs: the blend at several weights of the knob, on validation.

Without a ranker, which has learned from these very learners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from graphrec.evaluate.asked import CUT, as_dense
from graphrec.evaluate.beyond import BeyondAccuracy, Catalogue
from graphrec.evaluate.metrics import from_ranks, target_ranks, top_items
from graphrec.recommend.compose import MAX_TUNED, Validation, batches
from graphrec.recommend.novelty import demote_popular
from graphrec.recommend.pipeline import Pipeline

WEIGHTS: Final = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5)
"""Beside parts of the blend that weigh some .1 to .7; past 1 lists narrow to what is rarest."""

_SHOWN = tuple(f"{name}@{CUT}" for name in ("coverage", "novelty", "gini"))


def novelty_curve(
    pipeline: Pipeline,
    validation: Validation,
    catalogue: Catalogue,
    *,
    seed: int = 0,
    weights: Sequence[float] = WEIGHTS,
) -> list[dict[str, float | None]]:
    """Accuracy and novelty at each weight.

    Args:
        pipeline: With its blend.
        validation: Of which at most ``MAX_TUNED`` learners are asked, each ranked once.
        catalogue: As training shows it.
        seed: Of the sample.
        weights: Of the knob.

    Returns:
        A row a weight: ``weight``, ``ndcg@10``, ``coverage@10``, ``novelty@10``, ``gini@10``.
    """
    sample = validation.sample(MAX_TUNED, seed)
    beyond = [BeyondAccuracy(catalogue) for _ in weights]
    ranks: list[list[np.ndarray]] = [[] for _ in weights]
    for rows in batches(len(sample.targets), pipeline.num_items):
        inputs = sample.inputs.take(rows)
        signals = sample.signals.take(rows).dense()
        candidates, scores = pipeline.candidates(inputs, signals=signals)
        blended, _ = pipeline.blend.score(scores, candidates, inputs.lengths)
        for place, weight in enumerate(weights):
            moved = demote_popular(blended, candidates, catalogue.counts, weight)
            dense = as_dense(candidates, moved, pipeline.num_items)
            ranks[place].append(target_ranks(dense, sample.targets[rows]))
            beyond[place].add(top_items(dense, CUT), inputs)
    return [
        {"weight": weight, **_row(found, counted)}
        for weight, found, counted in zip(weights, ranks, beyond, strict=True)
    ]


def _row(ranks: list[np.ndarray], beyond: BeyondAccuracy) -> dict[str, float | None]:
    all_ranks = np.concatenate(ranks) if ranks else np.zeros(0, np.int64)
    ndcg = from_ranks(all_ranks, (CUT,))[f"ndcg@{CUT}"]
    figures = beyond.figures()
    return {f"ndcg@{CUT}": round(ndcg, 5), **{name: figures[name] for name in _SHOWN}}

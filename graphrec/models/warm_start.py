"""Stage 3, TRAIN: go on from a trained model when events, items and relations have come.

In come a model with its weights, the grown dataset, and which entries of it are new; out
goes the model that foretells the held-out events best: the old one with places for new
items, or one of the passes over the new entries mixed with a replay of old ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphrec.dataset import Dataset, Histories
from graphrec.models.base import Model
from graphrec.models.carry_over import Growth, Places, carried, start_model
from graphrec.models.fitting import create_run
from graphrec.models.ranking import ranking_metrics
from graphrec.models.training import (
    Outcome,
    Progress,
    TrainingState,
    best_arrays,
    has_checkpoint,
    run_training,
    save_checkpoint,
)

_ENDLESS = 1_000_000
"""Epochs that a schedule is told of, so that its rate stays where it begins."""

_MIN_CHOICE = 100
"""Learners by whom passes can be told apart; with fewer the last pass is taken."""


class WarmStartConfig(BaseModel):
    """How a trained model is trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passes: int = Field(default=3, ge=0, description="Over new and replayed events; 0: none.")
    rate: float = Field(
        default=0.25, gt=0, description="Of the training's learning rate, the same in every step."
    )
    replay: float = Field(
        default=4.0, ge=0, description="Old events learned again for each new one."
    )
    seed: int = Field(default=0, ge=0, description="Of the replay sample and of each pass.")


@dataclass(frozen=True)
class Trained:
    """A neural model as its bundle holds it.

    Attributes:
        model: What it scores with.
        parameters: Its weights by name.
        config: How it was trained.
    """

    model: Model
    parameters: Mapping[str, np.ndarray]
    config: BaseModel


def fine_tune(
    name: str,
    trained: Trained,
    train: Dataset,
    validation: tuple[Histories, np.ndarray],
    growth: Growth,
    config: WarmStartConfig,
    *,
    progress: Progress | None = None,
    run_dir: Path | None = None,
) -> Outcome:
    """Train a model on from its weights.

    Args:
        name: "graph" or "sequence".
        trained: The model as it was.
        train: The grown dataset, without what is held out.
        validation: New events that neither model has seen: histories and what followed.
        growth: What is new in ``train``.
        config: See ``WarmStartConfig``.
        progress: Told of each pass.
        run_dir: Where checkpoints are kept; a fine-tuning interrupted there goes on.

    Returns:
        The best by validation; with too few to ask, the last pass; without passes (or new
        entries) the old model with places for new items.

    Raises:
        TrainingError: The weights do not fit the model.
    """
    given = _steady(trained.config, config)
    places = Places(train, growth)
    subset, is_target = chosen_targets(name, train, growth, given, config)
    # Any vectors will do where all weights are replaced; this spares an SVD.
    spared = np.zeros((train.num_items, given.embedding_dim), np.float32)
    run = create_run(name, subset, validation, given, spared)
    run.take_up(carried(run, trained.parameters, places, is_open=growth.item_rows < 0))
    start = start_model(trained.model, run, places)
    begun = best_arrays(start, run.parameters())
    if not config.passes or not is_target.any():
        return Outcome.of(type(start), begun, TrainingState(is_finished=True))
    is_open = (growth.item_rows < 0) | (~growth.is_learned & places.is_taken)
    run.take_up(carried(run, trained.parameters, places, is_open=is_open))
    if name == "graph":
        run.focus(is_target)
    can_choose = len(validation[1]) >= _MIN_CHOICE
    before = ranking_metrics(start, *validation)["ndcg@10"] if can_choose else -1.0
    return run_training(
        run,
        max_epochs=config.passes,
        patience=config.passes,
        validate_every=1 if can_choose else config.passes,  # asked but once, the last is kept
        start=(begun, before),
        checkpoint=None if run_dir is None else lambda *of: save_checkpoint(run_dir, run, *of),
        resume_from=run_dir if has_checkpoint(run_dir) else None,
        progress=progress,
    )


def _steady(trained: BaseModel, config: WarmStartConfig) -> Any:
    """The training's configuration with a low rate that neither rises nor falls."""
    rate = getattr(trained, "learning_rate", 0.0) * config.rate
    steady = {"max_epochs": _ENDLESS, "warmup_epochs": 0, "learning_rate": rate}
    fields = type(trained).model_fields
    fitting = {name: value for name, value in steady.items() if name in fields}
    return trained.model_copy(update=fitting | {"seed": config.seed})


def chosen_targets(
    name: str, train: Dataset, growth: Growth, given: Any, config: WarmStartConfig
) -> tuple[Dataset, np.ndarray]:
    """What a pass learns to foretell: new entries, and a sample of old ones.

    Returns:
        The dataset of the run (for sequences only the learners with something chosen, and
        of them the newest items), and the chosen entries of its histories, bool [nnz].
    """
    histories, rng = train.histories, np.random.default_rng([config.seed, 4])
    num_replayed = round(config.replay * int(growth.is_new.sum()))
    if name == "graph":
        old = np.flatnonzero(~growth.is_new)
        again = rng.choice(old, min(num_replayed, len(old)), replace=False)
        is_target = growth.is_new.copy()
        is_target[again] = True
        return train, is_target
    num_new = np.bincount(histories.owners()[growth.is_new], minlength=len(histories))
    can = histories.ordered & (histories.lengths >= 2)
    others = rng.permutation(np.flatnonzero(can & (num_new == 0)))
    size = np.minimum(histories.lengths - 1, given.max_len)
    kept = others[: int(np.searchsorted(np.cumsum(size[others]), num_replayed))]
    rows = np.sort(np.concatenate([np.flatnonzero(can & (num_new > 0)), kept]))
    lengths = np.maximum(given.max_len, num_new) + 1
    owners = histories.owners()
    is_recent = histories.indptr[1:][owners] - np.arange(len(owners)) <= lengths[owners]
    subset = train.with_histories(histories.keep(is_recent).take(rows))
    return subset, np.ones(len(subset.histories.items), bool) & bool((num_new > 0).any())

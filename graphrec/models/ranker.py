"""The ranking layer: LambdaMART over features of every stage, which corrects the blend.

The trees start from the blend's score and learn what to add to it (Burges 2010), so that a
ranker that learned nothing is the blend. Trained by LightGBM with settings that make two runs
equal; served as ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from graphrec.errors import MissingExtraError, TrainingError
from graphrec.models.ranker_lists import Lists
from graphrec.models.ranker_onnx import trees_to_onnx

PARITY = 1e-4
"""Largest difference allowed between LightGBM's scores and ONNX's."""


class RankerConfig(BaseModel):
    """How the trees are grown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_trees: int = Field(default=200, ge=1, description="At most so many.")
    num_leaves: int = Field(default=15, ge=2, description="Of a tree.")
    learning_rate: float = Field(default=0.05, gt=0, description="What a tree counts.")
    min_leaf: int = Field(default=100, ge=1, description="Candidates in a leaf, at least.")
    ridge: float = Field(default=10.0, ge=0, description="On the values of leaves.")
    patience: int = Field(default=20, ge=1, description="Trees without a gain before it stops.")
    seed: int = Field(default=0, ge=0, description="Of the learners held out to stop by.")


class Ranker:
    """Trees as ONNX, run by onnxruntime.

    Attributes:
        onnx: Bytes of the graph.
        names: Features, in the order of its columns.

    Raises:
        ValueError: The graph cannot be read, or has other columns.
    """

    def __init__(self, onnx: bytes, names: tuple[str, ...]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.onnx, self.names = onnx, names
        try:
            self._session = onnxruntime.InferenceSession(
                onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's have no base of their own
            raise ValueError(f"the ranker's graph cannot be read: {error}") from error
        shape = self._session.get_inputs()[0].shape
        if shape[-1] != len(names):
            raise ValueError(f"a ranker of {shape[-1]} features is given {len(names)}")

    def correction(self, features: np.ndarray) -> np.ndarray:
        """What the trees add to the blend (features float32 [m, k]); float32 [m]."""
        if not len(features):
            return np.zeros(0, np.float32)
        given = np.ascontiguousarray(features, np.float32)
        return np.asarray(self._session.run(["score"], {"features": given})[0][:, 0])

    def score(self, features: np.ndarray, blended: np.ndarray) -> np.ndarray:
        """Scores to rank by: the blend (float32 [m]) and the correction; float32 [m]."""
        return np.asarray(blended + self.correction(features), np.float32)


@dataclass(frozen=True)
class Trained:
    """A ranker and how it came about.

    Attributes:
        ranker: As it serves.
        num_trees: Trees kept.
        parity: Largest difference between LightGBM and ONNX on what was learned from.
        gains: Feature -> share of the total gain of the splits.
    """

    ranker: Ranker
    num_trees: int
    parity: float
    gains: dict[str, float]


def train_ranker(
    lists: Lists, names: tuple[str, ...], config: RankerConfig | None = None
) -> Trained:
    """Learn a correction of the blend.

    Args:
        lists: Of validation learners; those without their target teach nothing. A fifth of
            them decides how many trees are kept.
        names: Of the k features.
        config: How trees are grown.

    Raises:
        MissingExtraError: LightGBM is not installed.
        TrainingError: Too few learners, or ONNX disagrees with LightGBM.
    """
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtraError("lightgbm", "train") from error
    config, lists = config or RankerConfig(), lists.with_target()
    if len(lists.sizes) < 10:
        raise TrainingError(
            f"only {len(lists.sizes)} learners have their next course among the candidates.",
            where="ranker",
            remedy="The ranker needs ten; the learned blend ranks without one.",
        )
    is_stop = np.random.default_rng(config.seed).permutation(len(lists.sizes)) % 5 == 0
    fit, stop = (_dataset(lightgbm, lists.take(chosen)) for chosen in (~is_stop, is_stop))
    booster = lightgbm.train(
        _parameters(config),
        fit,
        num_boost_round=config.num_trees,
        valid_sets=[stop],
        callbacks=[lightgbm.early_stopping(config.patience, verbose=False)],
    )
    kept = booster.best_iteration or booster.num_trees()
    ranker = Ranker(
        trees_to_onnx(booster.dump_model(num_iteration=kept), lists.features.shape[1]), names
    )
    difference = parity(
        np.asarray(booster.predict(lists.features, num_iteration=kept)), ranker, lists.features
    )
    total = booster.feature_importance("gain", kept)
    shares = total / max(float(total.sum()), 1e-12)
    gains = dict(zip(names, shares.round(4).tolist(), strict=True))
    return Trained(ranker, kept, difference, gains)


def parity(expected: np.ndarray, ranker: Ranker, features: np.ndarray) -> float:
    """Largest difference between two scorers of the same rows.

    Raises:
        TrainingError: It is above ``PARITY``.
    """
    found = float(np.max(np.abs(expected - ranker.correction(features)), initial=0.0))
    if found > PARITY:
        raise TrainingError(
            f"the ranker's ONNX graph differs from LightGBM by {found:.2g}.",
            where="ranker",
            remedy=f"At most {PARITY:g} is allowed; the learned blend ranks without a ranker.",
        )
    return found


def _dataset(lightgbm: Any, lists: Lists) -> Any:
    return lightgbm.Dataset(
        lists.features,
        lists.labels,
        group=lists.sizes,
        init_score=lists.blended.astype(np.float64),
        free_raw_data=False,
    )


def _parameters(config: RankerConfig) -> dict[str, Any]:
    """LightGBM's settings; two runs over the same lists grow the same trees."""
    return {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "num_leaves": config.num_leaves,
        "learning_rate": config.learning_rate,
        "min_data_in_leaf": config.min_leaf,
        "lambda_l2": config.ridge,
        "lambdarank_truncation_level": 20,
        "use_missing": False,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }

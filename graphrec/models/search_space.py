"""Stage 3, TRAIN: what is worth trying around a neural model's defaults, declared once.

A declaration says how far from the default of a field to look; ``search_space`` turns it
into ranges and choices for one dataset, whose defaults ``for_dataset`` chose. Whoever
searches translates those (``training.tune`` into Ray Tune's domains); nothing here knows how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from graphrec.errors import ParameterError

Scalar = int | float | bool


@dataclass(frozen=True)
class Range:
    """A number between two others, both included.

    Attributes:
        low: The least value.
        high: The greatest.
        is_log: Equal chances for equal ratios, not for equal differences.
    """

    low: float
    high: float
    is_log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of some values, all with the same chance."""

    values: tuple[Scalar, ...]


Domain = Range | Choice
SearchSpace = dict[str, Domain]
"""Field of a config -> what may stand there."""


@dataclass(frozen=True)
class Times:
    """A range of ratios around the default, logarithmic: from ``1 / factor`` to ``factor``."""

    factor: float

    def around(self, default: Scalar) -> Domain:
        """The range around a default above 0."""
        return Range(default / self.factor, default * self.factor, is_log=True)


@dataclass(frozen=True)
class Plus:
    """A range of differences around the default, linear, within bounds.

    Attributes:
        by: The greatest distance from the default.
        low: No value lies below.
        high: Nor above.
    """

    by: float
    low: float
    high: float

    def around(self, default: Scalar) -> Domain:
        """The range around a default; its bounds give way to the default, never it to them."""
        low, high = max(default - self.by, self.low), min(default + self.by, self.high)
        return Range(min(low, default), max(high, default))


@dataclass(frozen=True)
class Steps:
    """The default and its neighbours among whole numbers.

    Attributes:
        by: How far from the default.
        low: The least value tried.
        high: The greatest.
    """

    by: int
    low: int
    high: int

    def around(self, default: Scalar) -> Domain:
        """The choice around a default."""
        near = range(int(default) - self.by, int(default) + self.by + 1)
        tried = {n for n in near if self.low <= n <= self.high} | {int(default)}
        return Choice(tuple(sorted(tried)))


@dataclass(frozen=True)
class Sizes:
    """The default, its half and its double: of what costs memory or time.

    Attributes:
        multiple: Sizes beside the default are multiples of this (heads divide widths).
    """

    multiple: int = 1

    def around(self, default: Scalar) -> Domain:
        """The choice around a default."""
        near = {int(default) // 2, int(default) * 2}
        tried = {n for n in near if n > 0 and n % self.multiple == 0} | {int(default)}
        return Choice(tuple(sorted(tried)))


@dataclass(frozen=True)
class OneOf:
    """The default and some values that do not depend on it."""

    values: tuple[Scalar, ...]

    def around(self, default: Scalar) -> Domain:
        """The choice with the default in it."""
        return Choice(tuple(sorted({*self.values, default})))


Declared = Times | Plus | Steps | Sizes | OneOf

DECLARED: Mapping[str, Mapping[str, Declared]] = {
    "graph": {
        "learning_rate": Times(4.0),
        "temperature": Times(2.0),
        "half_life_items": Times(4.0),
        "init_scale": Times(3.0),
        "dropout": Plus(0.3, low=0.0, high=0.7),
        "item_exponent": Plus(0.3, low=0.0, high=1.0),
        "learner_exponent": Plus(0.3, low=0.0, high=1.0),
        "fold_exponent": Plus(0.3, low=0.0, high=1.0),
        "context_exponent": Plus(0.5, low=0.0, high=1.0),
        "length_exponent": Plus(0.5, low=0.0, high=1.0),
        "num_layers": Steps(1, low=0, high=4),
        "embedding_dim": Sizes(multiple=8),
        "batch_size": Sizes(),
        "weight_decay": OneOf((0.0, 1e-3, 1e-2)),
    },
    "sequence": {
        "learning_rate": Times(4.0),
        "temperature": Times(2.0),
        "dropout": Plus(0.2, low=0.0, high=0.7),
        "weight_decay": OneOf((0.0, 1e-2, 1e-1)),
        "num_blocks": Steps(1, low=1, high=4),
        "embedding_dim": Sizes(multiple=16),
        "max_len": Sizes(),
        "batch_tokens": Sizes(),
    },
}
"""By model: the fields worth tuning. Epochs, patience, samples of validation and the seed are
what a comparison rests on, so that they are the same for all."""


def search_space(name: str, default: BaseModel) -> SearchSpace:
    """The space of a model around its defaults for one dataset.

    Args:
        name: "graph" or "sequence".
        default: Its config from ``for_dataset``; lies within the space.

    Raises:
        ParameterError: Nothing is declared under ``name``.
    """
    if name not in DECLARED:
        raise ParameterError(
            f"there is nothing to tune in '{name}'.", remedy=f"One of {', '.join(DECLARED)}."
        )
    return {field: how.around(getattr(default, field)) for field, how in DECLARED[name].items()}


def default_point(space: SearchSpace, default: BaseModel) -> dict[str, Scalar]:
    """The default's values of the fields in the space."""
    return {field: getattr(default, field) for field in space}


def rounded(point: Mapping[str, Scalar], default: BaseModel) -> dict[str, Scalar]:
    """A sampled point as plain numbers a person would write: four digits, the default's type.

    Args:
        point: Values by field, NumPy's among them.
        default: Values equal to its own stay exactly as they are.
    """
    return {field: _rounded(value, getattr(default, field)) for field, value in point.items()}


def _rounded(value: Scalar, own: Scalar) -> Scalar:
    if value == own:
        return own
    if isinstance(own, float):
        return float(f"{value:.4g}")
    return type(own)(value)

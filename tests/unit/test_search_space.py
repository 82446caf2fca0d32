"""The declared space: it fits the configs, holds the default, and every corner can be built."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from planted import bare, unordered, walks
from pydantic import BaseModel

from graphrec.dataset import Dataset
from graphrec.errors import ParameterError
from graphrec.models.fitting import config_type, default_config
from graphrec.models.registry import NEURAL
from graphrec.models.search_space import (
    DECLARED,
    Choice,
    Domain,
    OneOf,
    Plus,
    Range,
    Scalar,
    Sizes,
    Steps,
    Times,
    default_point,
    rounded,
    search_space,
)

SHAPES = {
    "walks": walks(),
    "sets": unordered(walks()),
    "one history": bare([[0, 1, 2]], 3),
    "many items": bare([list(range(i, i + 90)) for i in range(400)], 9_000),
}


def ends(domain: Domain) -> list[Scalar]:
    if isinstance(domain, Choice):
        return [domain.values[0], domain.values[-1]]
    return [domain.low, domain.high]


def test_every_neural_model_has_a_space() -> None:
    assert set(DECLARED) == set(NEURAL)
    with pytest.raises(ParameterError, match="nothing to tune in 'ease'"):
        search_space("ease", config_type("graph")())


@pytest.mark.parametrize("name", NEURAL)
def test_declared_fields_exist_and_leave_the_comparison_alone(name: str) -> None:
    assert set(DECLARED[name]) <= set(config_type(name).model_fields)
    fixed = {"seed", "max_epochs", "patience", "max_validation", "epoch_size", "max_history"}
    assert not fixed & set(DECLARED[name])


@pytest.mark.parametrize(("name", "shape"), product(NEURAL, SHAPES))
def test_the_default_lies_within_and_corners_are_valid(name: str, shape: str) -> None:
    default = default_config(name, SHAPES[shape])
    space = search_space(name, default)
    for field, domain in space.items():
        low, high = ends(domain)
        assert low <= getattr(default, field) <= high, field
        assert low < high, field
    for side in (0, 1):
        corner = {field: ends(domain)[side] for field, domain in space.items()}
        changed = type(default).model_validate(default.model_dump() | corner)
        assert rounded(default_point(space, changed), changed) == corner
    if name == "sequence":
        widths = space["embedding_dim"]
        assert isinstance(widths, Choice)
        assert all(width % (2 * default.num_heads) == 0 for width in widths.values)  # type: ignore[attr-defined]


def test_domains_lie_around_the_default() -> None:
    assert Times(4.0).around(0.01) == Range(0.0025, 0.04, is_log=True)
    assert Plus(0.3, low=0.0, high=0.7).around(0.2) == Range(0.0, 0.5)
    assert Plus(0.3, low=0.0, high=0.7).around(0.9) == Range(pytest.approx(0.6), 0.9)
    assert Steps(1, low=0, high=4).around(0) == Choice((0, 1))
    assert Steps(1, low=0, high=4).around(6) == Choice((6,))
    assert Sizes(multiple=8).around(24) == Choice((24, 48))
    assert Sizes().around(1) == Choice((1, 2))
    assert OneOf((0.0, 0.01)).around(0.001) == Choice((0.0, 0.001, 0.01))


def test_sampled_values_become_plain_numbers_of_the_fields_type() -> None:
    class Config(BaseModel):
        rate: float = 0.123456789
        width: int = 64
        is_cosine: bool = False

    point = {"rate": np.float64(0.0123456), "width": np.int64(32), "is_cosine": np.True_}
    found = rounded(point, Config())  # type: ignore[arg-type]
    assert found == {"rate": 0.01235, "width": 32, "is_cosine": True}
    assert [type(value) for value in found.values()] == [float, int, bool]
    assert rounded({"rate": 0.123456789}, Config()) == {"rate": 0.123456789}


def test_the_space_moves_with_the_data() -> None:
    def rates(dataset: Dataset) -> Domain:
        return search_space("graph", default_config("graph", dataset))["learning_rate"]

    assert default_config("graph", SHAPES["many items"]) != default_config("graph", SHAPES["walks"])
    assert rates(SHAPES["many items"]) != rates(SHAPES["walks"])

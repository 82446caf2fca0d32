"""Configuration files: what is right is kept, what is wrong is named with its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from planted import walks

from graphrec.cli.configs import read_configs
from graphrec.cli.progress import StepLog
from graphrec.errors import InputError, ParameterError, SourceError
from graphrec.models.config_file import (
    TunedModel,
    changed_fields,
    config_for,
    read_config,
    write_config,
)
from graphrec.models.fitting import default_config

TUNED = TunedModel(
    config={"learning_rate": 0.004, "num_layers": 2, "is_cosine": True},
    validation={"ndcg@10": 0.21},
    seed=3,
    data_hash="a" * 64,
    tuned_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def given(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "tuned.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tuned.json"
    write_config(path, "graph", TUNED)
    assert read_config(path) == {"graph": TUNED}
    assert json.loads(path.read_text())["graph"]["tuned_at"] == "2026-01-02T03:04:05Z"


def test_models_of_a_file_are_written_one_by_one(tmp_path: Path) -> None:
    path = given(tmp_path, {"sequence": {"config": {"dropout": 0.1}}})
    write_config(path, "graph", TUNED)
    write_config(path, "graph", TunedModel(config={}))
    assert read_config(path) == {
        "sequence": TunedModel(config={"dropout": 0.1}),
        "graph": TunedModel(config={}),
    }


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ("{\n  'graph'", ":2", "is no JSON"),
        ("[1]", "", "holds no models"),
        ({"lightgcn": {"config": {}}}, "", "there is no model 'lightgcn' to configure"),
        ({"ease": {"config": {}}}, "", "One of graph, sequence"),
        ({"graph": {}}, ": graph.config", "required"),
        ({"graph": {"learning_rate": 0.1}}, ": graph", 'Write it into "config"'),
        ({"graph": {"config": {}, "sed": 1}}, ": graph", "Did you mean 'seed'"),
        ({"graph": {"config": {"lerning_rate": 0.1}}}, ": graph.config", "mean 'learning_rate'"),
        ({"graph": {"config": {"max_len": 9}}}, ": graph.config", "no field 'max_len'"),
        ({"graph": {"config": {"num_layers": 99}}}, ": graph.config.num_layers", "not 99"),
        ({"graph": {"config": {"num_layers": 1.5}}}, ": graph.config.num_layers", "integer"),
        ({"graph": {"config": {"dropout": "0.1"}}}, ": graph.config.dropout", "not '0.1'"),
        ({"sequence": {"config": {"dropout": 1.0}}}, ": sequence.config.dropout", "less than 1"),
        ({"graph": {"config": {}, "seed": -1}}, ": graph.seed", "greater than or equal to 0"),
        ({"graph": {"config": {}, "tuned_at": "x"}}, ": graph.tuned_at", "datetime"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, content: object, place: str, message: str
) -> None:
    path = given(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert message in str(caught.value)
    assert caught.value.where == f"{path}{place}"
    assert caught.value.remedy
    assert caught.value.exit_code == 2


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_config(tmp_path / "none.json")
    with pytest.raises(SourceError, match="Is a directory"):
        read_config(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe{}")
    with pytest.raises(SourceError, match="UTF-8"):
        read_config(tmp_path / "bytes")


def test_a_bad_file_is_not_written_over(tmp_path: Path) -> None:
    path = given(tmp_path, "half {")
    with pytest.raises(SourceError):
        write_config(path, "graph", TUNED)
    assert path.read_text() == "half {"


def test_changed_fields_stand_before_the_datas_defaults() -> None:
    dataset = walks()
    default = default_config("graph", dataset)
    assert config_for("graph", dataset) == config_for("graph", dataset, {}) == default
    config = config_for("graph", dataset, TUNED.config)
    assert changed_fields(config, default) == TUNED.config
    assert type(config) is type(default)
    with pytest.raises(ParameterError, match="no field 'wings'"):
        config_for("graph", dataset, {"wings": 2})


def test_another_seed_than_the_tunings_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tuned.json"
    write_config(path, "graph", TUNED)
    assert read_configs(None, StepLog()) == {}
    for seed in (None, 3):
        assert read_configs(path, StepLog(), seed=seed) == {"graph": TUNED.config}
        assert "tuned with --seed" not in capsys.readouterr().err
    read_configs(path, StepLog(), seed=4)
    told = capsys.readouterr().err
    assert "learning_rate 0.004" in told
    assert "tuned with --seed 3" in told

"""Where a training's configuration comes from, and how a search treats its trials."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from planted import walks

pytest.importorskip("ray", reason="training needs the extra 'train'")

from ray.tune.schedulers import TrialScheduler

from graphrec.errors import ParameterError, TrainingError
from graphrec.models.fitting import default_config
from graphrec.models.search_space import Choice, Range
from training.train import Data, TrainOptions, _key, config_of
from training.tune import Trial, _best, as_ray
from training.tune_ray import number_of, scheduler

DATASET = walks()
FIELDS = {"dropout": 0.25, "max_epochs": 7}


def test_options_beat_the_file_and_the_file_beats_the_default() -> None:
    def used(**options: Any) -> tuple[float, int, int]:
        config: Any = config_of("graph", DATASET, TrainOptions(**options))
        return config.dropout, config.max_epochs, config.seed

    default: Any = default_config("graph", DATASET)
    assert used() == (default.dropout, default.max_epochs, 0)
    assert used(configs={"graph": FIELDS}, seed=4) == (0.25, 7, 4)
    assert used(configs={"graph": FIELDS}, max_epochs=2) == (0.25, 2, 0)
    assert used(configs={"sequence": FIELDS}) == used()


def test_a_wrong_field_is_refused_wherever_it_comes_from() -> None:
    with pytest.raises(ParameterError, match="no field 'dropuot'"):
        config_of("graph", DATASET, TrainOptions(configs={"graph": {"dropuot": 0.1}}))


def test_another_configuration_is_another_training() -> None:
    data = Data({"courses": pa.table({"course_id": ["a"]})}, "0" * 64, "id")
    plain, tuned = TrainOptions(), TrainOptions(configs={"graph": FIELDS})
    assert _key(data, plain) == _key(data, TrainOptions(configs={}))
    assert _key(data, plain) != _key(data, tuned)


def test_options_say_the_configuration_to_whoever_reproduces_it() -> None:
    tuned = TrainOptions(configs={"graph": FIELDS})
    told = tuned.model_dump()
    assert TrainOptions.model_validate(told) == tuned
    told.pop("configs")  # a bundle of before
    assert TrainOptions.model_validate(told) == TrainOptions()


def test_domains_keep_their_bounds_and_scale_as_ray_tunes() -> None:
    state = np.random.RandomState(0)
    logs = [as_ray(Range(0.01, 1.0, is_log=True)).sample(random_state=state) for _ in range(400)]
    assert 0.01 <= min(logs) < max(logs) <= 1.0
    assert np.median(logs) == pytest.approx(0.1, rel=0.4)
    linear = [as_ray(Range(0.0, 1.0)).sample(random_state=state) for _ in range(400)]
    assert np.median(linear) == pytest.approx(0.5, abs=0.1)
    drawn = {as_ray(Choice((1, 2, 4))).sample(random_state=state) for _ in range(50)}
    assert drawn == {1, 2, 4}


def test_the_first_trial_is_never_ended_early() -> None:
    """Numbers are those of Ray's trial ids; a rung is at epoch 2 of 12."""
    asha = scheduler(12, 3)
    trials: list[Any] = [SimpleNamespace(trial_id=f"ab_{i:05d}") for i in range(4)]
    assert [number_of(trial) for trial in trials] == [1, 2, 3, 4]
    for trial in trials:
        asha.on_trial_add(None, trial)

    def told(trial: Any, epoch: int, best: float) -> str:
        return asha.on_trial_result(None, trial, {"epoch": epoch, "best": best})

    assert told(trials[1], 1, 0.0) == TrialScheduler.CONTINUE  # before any rung
    assert told(trials[1], 2, 0.3) == TrialScheduler.CONTINUE
    assert told(trials[2], 2, 0.1) == TrialScheduler.STOP
    assert told(trials[0], 2, 0.1) == TrialScheduler.CONTINUE
    assert told(trials[3], 2, 0.4) == TrialScheduler.CONTINUE
    assert told(trials[3], 12, 0.4) == TrialScheduler.STOP


def test_of_equals_the_default_wins_and_failures_are_told() -> None:
    def trial(number: int, metric: float | None, error: str = "") -> Trial:
        return Trial(number, {}, "", {} if metric is None else {"ndcg@10": metric}, error=error)

    assert _best([trial(1, 0.2), trial(2, 0.2)]).number == 1
    assert _best([trial(1, 0.2), trial(2, None), trial(3, 0.3)]).number == 3
    with pytest.raises(TrainingError, match="Give it more --minutes"):
        _best([trial(1, None)])
    with pytest.raises(TrainingError, match="out of memory"):
        _best([trial(1, None, "out of memory")])

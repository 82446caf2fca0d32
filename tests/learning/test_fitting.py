"""Training by name, the dataset as files, and the metrics that choose an epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graphrec.dataset import Dataset, Histories
from graphrec.errors import ParameterError
from graphrec.evaluate.metrics import from_ranks
from graphrec.ids import IdMap
from graphrec.models.base import EmbeddingModel
from graphrec.models.dataset_io import load_dataset, load_validation, save_dataset
from graphrec.models.fitting import fit_neural, hold_out_newest
from graphrec.models.graph import GraphConfig, GraphModel
from graphrec.models.ranking import ranking_metrics, target_ranks

CONFIG = GraphConfig(embedding_dim=8, max_epochs=4, patience=4, batch_size=64)


def full_dataset() -> Dataset:
    """A dataset with every optional part."""
    rng = np.random.default_rng(0)
    taken = Histories.from_lists([rng.permutation(9)[:5] for _ in range(20)])
    viewed = Histories.from_lists([[0, 1]] * 20)
    return Dataset(
        learners=IdMap(f"learner {i}" for i in range(20)),
        items=IdMap(f"курс {i}" for i in range(9)),
        histories=replace(taken, times=np.arange(100), is_ordered=np.arange(20) % 2 == 0),
        skills=IdMap(["a", "b"]),
        item_skill=np.array([[0, 1], [1, 0]]),
        item_requires=np.array([[3], [2]]),
        skill_requires=np.array([[1], [0]]),
        texts=[f"about {i}" for i in range(9)],
        views=viewed,
        eligible=np.arange(9) != 4,
    )


@pytest.mark.parametrize("is_bare", [False, True])
def test_dataset_survives_its_files(tmp_path: Path, *, is_bare: bool) -> None:
    data = full_dataset()
    if is_bare:
        data = Dataset(data.learners, data.items, Histories.from_lists([[]] * 20))
    validation = None if is_bare else (data.histories, np.arange(20))
    save_dataset(tmp_path, data, validation)
    again = load_dataset(tmp_path)
    for name in ("learners", "items", "skills"):
        assert list(getattr(again, name)) == list(getattr(data, name))
    for name in ("item_skill", "item_requires", "skill_requires", "eligible"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
    for name in ("indptr", "items", "times", "is_ordered"):
        np.testing.assert_array_equal(getattr(again.histories, name), getattr(data.histories, name))
    assert again.texts == data.texts
    assert (again.views is None) == (data.views is None)
    assert len(load_validation(tmp_path)[0]) == (0 if is_bare else 20)


def test_interrupted_training_goes_on_from_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    train, validation = hold_out_newest(full_dataset())
    seen: list[int] = []

    def interrupt(_: str, epoch: int, *__: object) -> None:
        seen.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_neural("graph", train, validation, CONFIG, progress=interrupt, run_dir=tmp_path)
    resumed = fit_neural("graph", train, validation, CONFIG, progress=interrupt, run_dir=tmp_path)
    assert seen == [1, 2, 3, 4]
    whole = fit_neural("graph", train, validation, CONFIG)
    assert isinstance(resumed.model, GraphModel)
    assert isinstance(whole.model, GraphModel)
    assert resumed.state == whole.state
    np.testing.assert_array_equal(resumed.model.item_vectors(), whole.model.item_vectors())


def test_unknown_model_is_refused() -> None:
    data = full_dataset()
    with pytest.raises(ParameterError, match="no neural model 'oracle'"):
        fit_neural("oracle", data, (data.histories, np.zeros(20, int)), CONFIG)


def test_newest_items_are_held_out_of_all_but_the_shortest() -> None:
    rows = [[0, 1, 2], [3, 4], [5, 6, 7, 8]]
    learners, items = (IdMap(map(str, range(n))) for n in (3, 9))
    data = Dataset(learners, items, Histories.from_lists(rows))
    train, (histories, targets) = hold_out_newest(data)
    assert [row.tolist() for row in train.histories] == [[0, 1], [3, 4], [5, 6, 7]]
    assert [row.tolist() for row in histories] == [[0, 1], [5, 6, 7]]
    assert targets.tolist() == [2, 8]


class _Constant(EmbeddingModel):
    """Scores every item alike, or as its vectors say."""

    name = "constant"

    def __init__(self, scores: list[float]) -> None:
        self._scores = np.array(scores, np.float32)

    def fit(self, dataset: Dataset) -> _Constant:
        return self

    def item_vectors(self) -> np.ndarray:
        return self._scores[:, None]

    def encode(self, histories: Histories) -> np.ndarray:
        return np.ones((len(histories), 1), np.float32)

    def state(self) -> dict[str, np.ndarray]:
        return {}

    @classmethod
    def from_state(cls, state: object) -> _Constant:
        return cls([])


def test_ranks_skip_what_was_seen_and_ties_earn_nothing() -> None:
    histories = Histories.from_lists([[3], [0]])
    ranks = target_ranks(_Constant([0, 1, 2, 3]), histories, np.array([2, 1]))
    assert ranks.tolist() == [0, 2]
    flat = target_ranks(_Constant([1] * 5), Histories.from_lists([[0]]), np.array([4]))
    assert flat.tolist() == [3]  # of four left, the last
    metrics = ranking_metrics(_Constant([0, 1, 2, 3]), histories, np.array([2, 1]))
    assert metrics["ndcg@10"] == pytest.approx(from_ranks(ranks)["ndcg@10"])

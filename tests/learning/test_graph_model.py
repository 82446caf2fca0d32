"""The graph model: what it must learn, and that its parts are what they say they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graph_ranks import train_ranks

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap
from graphrec.models.fitting import fit_neural, hold_out_newest
from graphrec.models.graph import GraphConfig, GraphModel
from graphrec.models.graph_net import GraphNet, initial_vectors
from graphrec.models.graph_operators import Operator, geometric, hetero_data, learner_adjacency
from graphrec.models.graph_run import GraphRun
from graphrec.models.ranking import ranking_metrics
from graphrec.models.training import TrainingState, load_checkpoint, save_checkpoint

torch = pytest.importorskip("torch")

QUICK = GraphConfig(embedding_dim=16, batch_size=64, max_epochs=10, patience=3)


def dataset(rows: list[np.ndarray], num_items: int, *, is_ordered: bool = True) -> Dataset:
    """Bare histories as a dataset."""
    histories = replace(
        Histories.from_lists(rows), is_ordered=np.full(len(rows), is_ordered, dtype=bool)
    )
    learners, items = (IdMap(map(str, range(n))) for n in (len(rows), num_items))
    return Dataset(learners, items, histories)


def walks(num_learners: int = 300, num_items: int = 40, seed: int = 0) -> Dataset:
    """Each learner starts anywhere on a ring and takes what comes next."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, num_items, num_learners)
    return dataset([(s + np.arange(rng.integers(4, 9))) % num_items for s in starts], num_items)


def topics(*, is_ordered: bool, num_learners: int = 300, seed: int = 0) -> Dataset:
    """Each learner takes 6 of the 8 courses of one of five topics."""
    rng = np.random.default_rng(seed)
    return dataset(
        [rng.permutation(8)[:6] + 8 * rng.integers(5) for _ in range(num_learners)],
        40,
        is_ordered=is_ordered,
    )


def test_learns_what_follows_what() -> None:
    train, validation = hold_out_newest(walks())
    outcome = fit_neural("graph", train, validation, QUICK)
    metrics = ranking_metrics(outcome.model, *validation, k=1)
    assert metrics["recall@1"] > 0.95
    assert outcome.state.best_metric > 0.95


@pytest.mark.parametrize("is_ordered", [True, False])
@pytest.mark.parametrize("num_negatives", [0, 10])
def test_learns_what_belongs_together(*, is_ordered: bool, num_negatives: int) -> None:
    train, validation = hold_out_newest(topics(is_ordered=is_ordered))
    config = QUICK.model_copy(update={"num_negatives": num_negatives})
    model = fit_neural("graph", train, validation, config).model
    assert ranking_metrics(model, *validation, k=3)["recall@3"] > 0.9  # 3 of the topic are left


def test_learns_nothing_from_noise() -> None:
    rng = np.random.default_rng(1)
    noise = dataset([rng.permutation(100)[:6] for _ in range(300)], 100)
    train, validation = hold_out_newest(noise)
    outcome = fit_neural("graph", train, validation, QUICK)
    assert outcome.state.best_metric < 0.1  # chance: .048
    assert outcome.state.epoch < QUICK.max_epochs


def test_fit_leaves_a_model_that_answers_an_empty_history() -> None:
    model = GraphModel().fit(topics(is_ordered=True, num_learners=60))
    scores = model.score(Histories.from_lists([[], [3]]))
    assert scores.shape == (2, 40)
    assert np.isfinite(scores).all()
    for row, history in enumerate([[], [3]]):
        alone = model.score(Histories.from_lists([history]))
        np.testing.assert_allclose(alone[0], scores[row], rtol=1e-5, atol=1e-6)


def test_state_keeps_every_score() -> None:
    data = walks()
    model = GraphRun(data, (data.histories, np.zeros(0, int)), QUICK).export()
    again = GraphModel.from_state(model.state())
    np.testing.assert_array_equal(model.score(data.histories), again.score(data.histories))


def test_propagation_is_lightgcns() -> None:
    """Half hops between learners and items are PyG's LGConv on the whole graph."""
    data = hetero_data(walks(num_learners=50))
    config = QUICK.model_copy(update={"num_layers": 2})
    net = GraphNet(data, config, torch.from_numpy(initial_vectors(data, config)))
    learner, item = data["learner", "took", "item"].edge_index
    edges = torch.stack([torch.cat([learner, item + 50]), torch.cat([item + 50, learner])])
    nodes = torch.cat([torch.zeros(50, 16), net.item.detach()])
    expected = nodes[50:].clone()
    for _ in range(config.num_layers):
        for _ in range(2):
            nodes = geometric().nn.LGConv()(nodes, edges)
        nodes[:50] = 0  # a learner passes on what arrived and keeps nothing
        expected += nodes[50:]
    torch.testing.assert_close(net.propagate(), expected, atol=1e-5, rtol=1e-5)


def test_dense_and_sparse_hops_agree_in_value_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    data = hetero_data(walks())
    initial = torch.from_numpy(initial_vectors(data, QUICK))
    results = []
    for limit in (6_000, 0):
        monkeypatch.setattr("graphrec.models.graph_operators.MAX_DENSE_ITEMS", limit)
        net = GraphNet(data, QUICK, initial)
        net.propagate().square().sum().backward()
        results.append((net.propagate(), net.item.grad))
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(dense, sparse, atol=1e-5, rtol=1e-5)


def test_gradient_of_an_operator_is_its_transpose() -> None:
    matrix = learner_adjacency(hetero_data(walks()), QUICK)
    x = torch.randn(matrix.shape[1], 4, requires_grad=True)
    Operator.of(matrix)(x).sin().sum().backward()
    twin = x.detach().clone().requires_grad_()
    (torch.from_numpy(matrix.toarray()) @ twin).sin().sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)


@pytest.mark.parametrize("is_cosine", [False, True])
def test_serving_scores_as_training_did(*, is_cosine: bool) -> None:
    """The loss by the exported model's scores, masked as in training, is the run's loss."""
    data = topics(is_ordered=False)
    config = QUICK.model_copy(update={"is_cosine": is_cosine, "temperature": 0.3})
    run = GraphRun(data, (data.histories, np.zeros(0, int)), config)
    batch = run._sampler.batch(np.array([0, 7, 20]), np.random.default_rng(0))
    contexts = replace(
        Histories(batch.offsets.numpy(), batch.items.numpy()), is_ordered=np.zeros(3, bool)
    )
    scores = torch.from_numpy(run.export().score(contexts) / 0.3)[:, batch.candidates]
    scores[batch.masked] = -torch.inf
    expected = torch.nn.functional.cross_entropy(scores, batch.targets)
    torch.testing.assert_close(run.loss(batch), expected)


def test_target_is_left_out_of_its_history() -> None:
    for is_ordered, contexts in ((True, [[8], [5, 8], [1]]), (False, [[5, 8], [8, 9], [2]])):
        rows = [np.array([8, 5, 9]), np.array([1, 2])]
        data = dataset(rows, 10, is_ordered=is_ordered)
        positions = np.array([1, 2, 4]) if is_ordered else np.array([2, 1, 3])
        run = GraphRun(data, (data.histories, np.zeros(0, int)), QUICK)
        batch = run._sampler.batch(positions, np.random.default_rng(0))
        bags = np.split(batch.items.numpy(), batch.offsets.numpy()[1:-1])
        assert [sorted(bag) for bag in bags] == [sorted(c) for c in contexts]


def test_same_seed_same_bits_and_resume_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    data, validation = hold_out_newest(walks())

    def train(epochs: int, *, is_resumed: bool = False) -> dict[str, np.ndarray]:
        run = GraphRun(data, validation, QUICK)
        if is_resumed:
            load_checkpoint(tmp_path, run)
        for _ in range(epochs):
            run.train_epoch()
        save_checkpoint(tmp_path, run, {}, TrainingState())
        return run.arrays()

    whole, again = train(4), train(4)
    train(2)
    halves = train(2, is_resumed=True)
    for key, value in whole.items():
        assert value.tobytes() == again[key].tobytes(), key
        assert value.tobytes() == halves[key].tobytes(), key


def test_untaken_course_is_placed_by_its_skills() -> None:
    bare = topics(is_ordered=True)
    rows = [row[row != 7] for row in bare.histories]  # course 7 of the first topic: never taken
    pairs = np.array([[item, item // 8] for item in range(40)]).T
    data = replace(
        bare,
        histories=Histories.from_lists(rows),
        skills=IdMap(map(str, range(5))),
        item_skill=pairs,
    )
    train, validation = hold_out_newest(data)
    model = fit_neural("graph", train, validation, QUICK).model
    assert isinstance(model, GraphModel)
    cold = model.score(Histories.from_lists([[8 * topic, 8 * topic + 1] for topic in range(5)]))
    assert cold[:, 7].argmax() == 0
    assert cold[0, 7] > np.median(cold[0])


@pytest.mark.parametrize("is_cosine", [False, True])
def test_two_ranks_by_dimensions_are_one_process(tmp_path: Path, *, is_cosine: bool) -> None:
    data = replace(
        topics(is_ordered=True), skills=IdMap("abcde"), item_skill=np.array([range(40), [0] * 40])
    )
    config = QUICK.model_copy(update={"is_cosine": is_cosine, "embedding_dim": 15})
    one = train_ranks(data, config, 1, tmp_path)
    two = train_ranks(data, config, 2, tmp_path)
    assert one.keys() == two.keys()
    for key in one:
        np.testing.assert_allclose(one[key], two[key], atol=1e-4, err_msg=key)

"""The sequence model learns a planted order and no noise; its loss is the paper's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from graphrec.dataset import Dataset, Histories
from graphrec.errors import TrainingError
from graphrec.ids import IdMap
from graphrec.models.fitting import fit_neural, hold_out_newest
from graphrec.models.ranking import target_ranks
from graphrec.models.sequence import SequenceConfig, SequenceModel
from graphrec.models.sequence_batches import WindowSampler
from graphrec.models.sequence_net import SequenceNet
from graphrec.models.sequence_run import SequenceRun
from graphrec.models.training import (
    TrainingState,
    load_checkpoint,
    run_training,
    save_checkpoint,
)

NUM_ITEMS = 40
SMALL = SequenceConfig(embedding_dim=16, max_len=8, batch_tokens=128, max_epochs=4, patience=9)


def make_dataset(histories: Histories, num_items: int = NUM_ITEMS) -> Dataset:
    learners = IdMap([f"u{i}" for i in range(len(histories))])
    return Dataset(learners, IdMap([f"i{i}" for i in range(num_items)]), histories)


def cycles(num_learners: int, length: int, seed: int = 0) -> Histories:
    """Every item has exactly one successor: the right answer is known."""
    starts = np.random.default_rng(seed).integers(NUM_ITEMS, size=num_learners)
    steps = np.arange(length)
    return Histories.from_lists([(start + 7 * steps) % NUM_ITEMS for start in starts])


def noise(num_learners: int, length: int, seed: int = 0) -> Histories:
    rng = np.random.default_rng(seed)
    return Histories.from_lists([rng.permutation(NUM_ITEMS)[:length] for _ in range(num_learners)])


def split(histories: Histories) -> tuple[Histories, np.ndarray]:
    targets = histories.items[histories.indptr[1:] - 1].astype(np.int64)
    return Histories.from_lists([row[:-1] for row in histories]), targets


def make_run(config: SequenceConfig = SMALL, histories: Histories | None = None) -> SequenceRun:
    histories = cycles(60, 9) if histories is None else histories
    train, targets = split(histories)
    return SequenceRun(make_dataset(train), (train, targets), config)


def test_planted_order_is_learned():
    config = SMALL.model_copy(update={"max_epochs": 10, "learning_rate": 1e-2, "num_blocks": 1})
    model = run_training(make_run(config, cycles(200, 9)), max_epochs=10, patience=10).model
    ranks = target_ranks(model, *split(cycles(200, 6, seed=1)))
    assert (ranks == 0).mean() > 0.9


def test_noise_is_not_learned():
    model = run_training(make_run(SMALL, noise(150, 9)), max_epochs=4, patience=9).model
    ranks = target_ranks(model, *split(noise(1000, 9, seed=1)))
    assert (ranks < 8).mean() == pytest.approx(8 / (NUM_ITEMS - 8), abs=0.06)


def test_loss_is_the_dense_softmax_over_unseen_items():
    run = make_run(SMALL.model_copy(update={"dropout": 0.0, "batch_tokens": 64}))
    histories = Histories.from_lists([[1, 5, 2, 9], [3, 3, 4], list(range(12))])
    for batch in WindowSampler(histories, NUM_ITEMS, run.config).epoch((0,)):
        sessions = run.net(torch.from_numpy(batch.inputs)).detach().numpy()
        items = run.net.items().detach().numpy()
        expected, number = 0.0, 0
        for row, inputs in enumerate(batch.inputs):
            history = next(h for h in histories if set(inputs[inputs > 0] - 1) <= set(h))
            for column in range(int((inputs > 0).sum())):
                target = int(batch.targets[number])
                end = len(history) - int((inputs > 0).sum()) + column
                if inputs[0] - 1 == history[0]:  # a window at the history's beginning
                    end = column + 1
                logits = items @ sessions[row, column] / run.config.temperature
                is_open = ~np.isin(np.arange(NUM_ITEMS), history[:end])
                is_open[target] = True
                expected += np.log(np.exp(logits[is_open]).sum()) - logits[target]
                number += 1
        assert number == len(batch.targets)
        assert run.net.loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_sampled_candidates_estimate_the_whole_sum():
    config = SMALL.model_copy(update={"num_negatives": 20})
    sampler = WindowSampler(cycles(60, 9), NUM_ITEMS, config)
    exponentials = np.random.default_rng(0).exponential(size=NUM_ITEMS)
    sums = []
    for seed in range(60):
        for batch in sampler.epoch((seed,)):
            assert len(batch.candidates) < NUM_ITEMS
            sums.append((exponentials[batch.candidates] * np.exp(batch.correction)).sum())
    assert np.mean(sums) == pytest.approx(exponentials.sum(), rel=0.03)


def test_sampled_loss_is_the_softmax_over_the_target_and_the_unseen_candidates():
    run = make_run(SMALL.model_copy(update={"dropout": 0.0, "num_negatives": 20}))
    history = list(range(8))
    (batch,) = WindowSampler(Histories.from_lists([history]), NUM_ITEMS, run.config).epoch((0,))
    sessions = run.net(torch.from_numpy(batch.inputs)).detach().numpy()[0]
    logits = sessions @ run.net.items().detach().numpy().T / run.config.temperature
    expected = 0.0
    for position, target in enumerate(history[1:]):
        is_open = ~np.isin(batch.candidates, history[: position + 2])
        others = logits[position, batch.candidates] + batch.correction
        total = np.exp(others[is_open]).sum() + np.exp(logits[position, target])
        expected += np.log(total) - logits[position, target]
    assert run.net.loss(batch).item() == pytest.approx(expected, rel=1e-4)


def test_every_target_once_and_none_without_order():
    rows = [[1, 2, 3], [4], [5, 6, 7], list(range(10, 31))]
    ordered = np.array([True, True, False, True])
    base = Histories.from_lists(rows)
    histories = Histories(base.indptr, base.items, None, ordered)
    targets = np.concatenate(
        [batch.targets for batch in WindowSampler(histories, NUM_ITEMS, SMALL).epoch((0,))]
    )
    assert sorted(targets) == [2, 3, *range(11, 31)]


def test_later_items_change_no_earlier_output():
    net = make_run().net.eval()
    items = torch.arange(1, 9)[None]
    changed = items.clone()
    changed[0, 5:] = 0
    before, after = net(items), net(changed)
    assert torch.allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-2)


def test_same_seed_same_bits():
    first, second = make_run(), make_run()
    loss = first.train_epoch()
    torch.manual_seed(99)  # what else draws from torch's generator changes nothing
    assert loss == second.train_epoch()
    for name, value in first.arrays().items():
        assert np.array_equal(value, second.arrays()[name]), name
    other = make_run(SMALL.model_copy(update={"seed": 1}))
    assert not np.array_equal(other.arrays()["net.body.norm.weight"], first.arrays()["epoch"])
    assert other.train_epoch() != first.train_epoch()


def test_resumed_training_ends_with_the_same_bits(tmp_path: Path):
    whole = make_run()
    for _ in range(4):
        whole.train_epoch()
    half = make_run()
    half.train_epoch()
    half.train_epoch()
    save_checkpoint(tmp_path, half, half.export().state(), TrainingState(epoch=2))
    resumed = make_run()
    best, state = load_checkpoint(tmp_path, resumed)
    resumed.train_epoch()
    resumed.train_epoch()
    assert state.epoch == 2
    for name, value in whole.arrays().items():
        assert np.array_equal(value, resumed.arrays()[name]), name
    assert np.array_equal(best["item_vectors"], half.export().item_vectors())


def test_ranks_share_a_step():
    """Two ranks' parts of a step have together the gradient of the whole."""
    config = SMALL.model_copy(update={"dropout": 0.0, "num_negatives": 8})
    histories = cycles(31, 9)
    sampler = WindowSampler(histories, NUM_ITEMS, config)
    net = make_run(config).net

    def gradients(rank: int, size: int) -> list[np.ndarray]:
        net.zero_grad()
        for batch in sampler.epoch((3,), rank, size):
            (net.loss(batch) / batch.num_targets).backward()
        return [p.grad.numpy().copy() for p in net.parameters() if p.grad is not None]

    parts = zip(gradients(0, 2), gradients(1, 2), gradients(0, 1), strict=True)
    for first, second, whole in parts:
        assert np.allclose(first + second, whole, atol=1e-5)


def _train_rank(rank: int, size: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/group", rank=rank, world_size=size
    )
    run = make_run(SMALL.model_copy(update={"dropout": 0.0}))
    losses = [run.train_epoch() for _ in range(2)]
    vectors = run.export().item_vectors()
    np.savez(f"{folder}/rank{rank}.npz", vectors=vectors, losses=losses)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_train_the_model_of_one(tmp_path: Path):
    torch.multiprocessing.spawn(_train_rank, (2, str(tmp_path)), nprocs=2)
    alone = make_run(SMALL.model_copy(update={"dropout": 0.0}))
    losses = [alone.train_epoch() for _ in range(2)]
    first, second = (np.load(tmp_path / f"rank{rank}.npz") for rank in range(2))
    assert np.array_equal(first["vectors"], second["vectors"])
    assert np.allclose(first["losses"], losses, rtol=1e-4)
    assert np.allclose(first["vectors"], alone.export().item_vectors(), atol=1e-3)


def test_items_nobody_took_and_given_items_stay_finite():
    train = Histories.from_lists([[0, 1, 2], [1, 2, 3]])
    given = np.zeros((NUM_ITEMS, SMALL.embedding_dim), np.float32)
    run = SequenceRun(make_dataset(train), (train, np.array([4, 4])), SMALL, given)
    run.train_epoch()
    assert np.isfinite(run.export().score(train)).all()
    assert np.isfinite(run.validate()["ndcg@10"])


def test_nothing_to_learn_from_is_no_error():
    empty = Histories.from_lists([[], [3]])
    run = SequenceRun(make_dataset(empty), (empty, np.array([1, 2])), SMALL)
    assert run.train_epoch() == 0.0
    assert np.isfinite(run.export().score(empty)).all()


def test_wrong_shapes_are_refused():
    train, targets = split(cycles(10, 5))
    dataset = make_dataset(train)
    with pytest.raises(TrainingError, match="num_heads"):
        SequenceRun(dataset, (train, targets), SMALL.model_copy(update={"num_heads": 3}))
    with pytest.raises(TrainingError, match="item_init"):
        SequenceRun(dataset, (train, targets), SMALL, np.zeros((3, 16), np.float32))


def test_defaults_follow_the_shape_of_the_data():
    def choose(rows: Histories, num_items: int = NUM_ITEMS) -> SequenceConfig:
        return SequenceConfig.for_dataset(make_dataset(rows, num_items))

    short, long = choose(cycles(300, 6)), choose(cycles(300, 38))
    assert (short.max_len, long.max_len) == (50, 152)
    assert (choose(cycles(20, 6)).dropout, short.dropout) == (0.4, 0.2)
    assert short.batch_tokens < choose(cycles(2000, 38)).batch_tokens
    wide = choose(cycles(30_000, 6), num_items=50_000)
    assert (short.num_negatives, wide.num_negatives) == (0, 2048)
    nothing = choose(Histories.from_lists([[], [1]]))
    assert nothing.max_len == 50


def test_fit_trains_on_a_dataset():
    dataset = make_dataset(cycles(100, 9))
    model = fit_neural("sequence", *hold_out_newest(dataset), SMALL).model
    fitted = SequenceModel.from_state(model.state())
    assert fitted.score(dataset.histories).shape == (100, NUM_ITEMS)


def test_net_reads_only_directions():
    given = np.random.default_rng(0).normal(size=(NUM_ITEMS, 16)).astype(np.float32)
    torch.manual_seed(0)
    short = SequenceNet(given, SMALL).eval()
    torch.manual_seed(0)
    long = SequenceNet(given * 5, SMALL).eval()
    items = torch.tensor([[1, 2, 3]])
    assert torch.allclose(short(items), long(items), atol=1e-5)


@pytest.mark.parametrize("num_negatives", [0, 20])
def test_gradients_are_those_of_the_loss(num_negatives: int):
    options = {"dropout": 0.0, "num_negatives": num_negatives, "batch_tokens": 16}
    net = make_run(SMALL.model_copy(update=options)).net.double()
    batch = next(WindowSampler(cycles(4, 6), NUM_ITEMS, net.config).epoch((0,)))
    loss = net.loss(batch)
    loss.backward()
    for parameter in (net.item_embedding.weight, net.body.norm.weight):
        direction = torch.randn_like(parameter) * (parameter.grad != 0)
        expected = (parameter.grad * direction).sum().item()
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * 1e-5)
                values.append(net.loss(batch).item())
                parameter.sub_(direction, alpha=sign * 1e-5)
        # Norms run in float32 inside the blocks: the quotient is only so exact.
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(expected, rel=2e-2, abs=2e-2)

"""The graph model of sets: its loss is torch's, its ranks agree, and it learns topics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from graph_ranks import train_ranks
from planted import unordered
from test_graph_model import dataset, topics

from graphrec.models.fitting import fit_neural, hold_out_newest
from graphrec.models.graph import GraphConfig
from graphrec.models.ranking import ranking_metrics

torch = pytest.importorskip("torch")

QUICK = GraphConfig(
    is_set=True,
    is_cosine=True,
    temperature=0.1,
    dropout=0.5,
    embedding_dim=16,
    batch_size=64,
    max_epochs=10,
    learning_rate=5e-3,
)


@pytest.mark.parametrize(("num_items", "is_ordered"), [(40, False), (9_000, True), (9_000, False)])
def test_sets_are_for_many_items_without_order(num_items: int, *, is_ordered: bool) -> None:
    rows = list(topics(is_ordered=is_ordered, num_learners=9).histories)
    config = GraphConfig.for_dataset(dataset(rows, num_items, is_ordered=is_ordered))
    assert config.is_set == (num_items > 8_000 and not is_ordered)


def test_learns_what_belongs_together() -> None:
    train, validation = hold_out_newest(topics(is_ordered=False))
    model = fit_neural("graph", train, validation, QUICK).model
    assert ranking_metrics(model, *validation, k=3)["recall@3"] > 0.9  # 3 of the topic are left


def test_the_loss_and_its_gradient_are_those_of_a_dense_softmax() -> None:
    from graphrec.models import graph_sets

    rng = np.random.default_rng(0)
    sampler = graph_sets.SetSampler(
        topics(is_ordered=False), QUICK.model_copy(update={"length_exponent": 0.5})
    )
    batch = next(sampler.epoch(0))
    num, dim = batch.wanted.shape[0], 8
    draw = [torch.tensor(rng.normal(size=(n, dim)), dtype=torch.float32) for n in (num, 40)]
    ours = [x.clone().requires_grad_() for x in draw]
    theirs = [x.clone().requires_grad_() for x in draw]
    excluded = torch.tensor([40 - 1]) if not batch.wanted[:, [39]].nnz else torch.tensor([]).long()

    graph_sets.SetSoftmax.apply(*ours, batch.wanted, excluded).backward()
    logits = theirs[0] @ theirs[1].T
    logits[:, excluded] = -torch.inf
    wanted = torch.from_numpy(batch.wanted.toarray())
    log_softmax = logits.log_softmax(-1).masked_fill(wanted == 0, 0.0)
    (-(wanted * log_softmax).sum()).backward()

    assert wanted.sum() == pytest.approx(1.0, abs=1e-5)
    for mine, dense in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, dense.grad, atol=1e-6, rtol=1e-4)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from graphrec.models import graph_sets

    batch = next(graph_sets.SetSampler(topics(is_ordered=False), QUICK).epoch(0))
    torch.manual_seed(0)
    learners, items = torch.randn(batch.wanted.shape[0], 8), torch.randn(40, 8)
    nothing = torch.zeros(0, dtype=torch.int64)
    whole = graph_sets.SetSoftmax.apply(learners, items, batch.wanted, nothing)
    monkeypatch.setattr(graph_sets, "_CHUNK", 40 * 7)
    parts = graph_sets.SetSoftmax.apply(learners, items, batch.wanted, nothing)
    torch.testing.assert_close(whole, parts)


def test_an_update_wants_the_new_entries_alone() -> None:
    from graphrec.models.graph_sets import SetSampler

    data = unordered(dataset([np.array([0, 1, 2]), np.array([3, 4]), np.array([5])], 6))
    sampler = SetSampler(data, QUICK)
    sampler.focus(np.array([False, True, False, False, False, True]))
    (batch,) = sampler.epoch(0)
    np.testing.assert_allclose(batch.wanted.toarray(), [[0, 1, 0, 0, 0, 0]])


def test_two_ranks_train_what_one_does(tmp_path: Path) -> None:
    data = topics(is_ordered=False, num_learners=100)
    one, two = (train_ranks(data, QUICK, ranks, tmp_path) for ranks in (1, 2))
    np.testing.assert_allclose(one["losses"], two["losses"], atol=1e-4)
    # Along its own direction a unit vector's gradient is rounding, of which Adam makes a step.
    for key in ("vectors", "context"):
        np.testing.assert_allclose(one[key], two[key], atol=2e-2, err_msg=key)

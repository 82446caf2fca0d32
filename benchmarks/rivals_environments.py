"""Environments of the rivals, apart from the product's: made once, with pinned versions.

RecBole 1.2.1 is older than NumPy 2, SciPy 1.12 (whose ``dok_matrix`` lost what it calls) and
torch 2.6 (which loads no pickles); RecTools 0.19 wants NumPy 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PINNED: Final = {
    "recbole": (
        "recbole==1.2.1",
        "numpy==1.26.4",
        "pandas==2.2.3",
        "scipy==1.11.4",
        "torch==2.5.1",
        "setuptools==80.10.2",
    ),
    "rectools": (
        "rectools[torch]==0.19.0",
        "numpy==1.26.4",
        "pandas==2.3.3",
        "scipy==1.17.1",
        "torch==2.15.0",
    ),
}
"""Rival -> what is installed; their other requirements are the newest that fit."""


def python_of(name: str, folder: Path) -> Path:
    """The interpreter of a rival's environment, which is made where there is none.

    Args:
        name: Key of ``PINNED``.
        folder: Of all environments.

    Raises:
        CalledProcessError: It cannot be made; what uv said stands above.
    """
    place = folder / name
    python, done = place / "bin" / "python", place / "made-of.txt"
    wanted = "\n".join(PINNED[name])
    if python.exists() and done.is_file() and done.read_text() == wanted:
        return python
    print(f"making {place}: some 5 GB", flush=True)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else (shutil.which("uv") or "uv")
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never", "UV_COMPILE_BYTECODE": "1"}
    shutil.rmtree(place, ignore_errors=True)
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(place)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *PINNED[name]],
    ):
        subprocess.run(command, check=True, env=environment)
    done.write_text(wanted)
    return python

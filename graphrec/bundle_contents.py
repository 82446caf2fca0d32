"""What is written into a bundle and read back: arrays, tables, JSON and other files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from graphrec.bundle_manifest import check_name, damaged
from graphrec.errors import BundleError, BundleMissingError

_ARRAYS, _TABLE, _JSON = ".safetensors", ".parquet", ".json"


class BundleWriter:
    """Writes the files of a bundle that is not published yet; names may hold '/'."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write named arrays as ``{name}.safetensors``.

        Args:
            name: File name without its ending.
            arrays: Name -> array of bool, integer or float, any shape.

        Raises:
            BundleError: An array holds strings or objects, or the name is unsafe.
        """
        from safetensors.numpy import save_file

        for key, array in arrays.items():
            if np.asarray(array).dtype.kind not in "biuf":
                raise BundleError(
                    f"the array {key!r} holds {np.asarray(array).dtype}, not numbers.",
                    where=name,
                    remedy="Write strings as a column of a table.",
                )
        # safetensors writes the buffer as it lies in memory, whatever its order.
        plain = {key: _in_memory_order(np.asarray(array)) for key, array in arrays.items()}
        save_file(plain, self._file(name + _ARRAYS))

    def table(self, name: str, table: pa.Table) -> None:
        """Write a table as ``{name}.parquet``, compressed with zstd."""
        pq.write_table(table, self._file(name + _TABLE), compression="zstd")

    def json(self, name: str, value: Any) -> None:
        """Write a JSON value as ``{name}.json``; NumPy numbers and arrays are allowed."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
        self._file(name + _JSON).write_bytes(orjson.dumps(value, option=options) + b"\n")

    def path(self, name: str) -> Path:
        """Where to write another file, or a folder, of this name; its parent exists."""
        return self._file(name)

    def _file(self, name: str) -> Path:
        path = self.directory / check_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class Bundle:
    """A published bundle; only files that the manifest names can be read.

    Attributes:
        directory: Its folder.
        manifest: The fields of ``manifest.json`` (see ``docs/bundle.md``).
    """

    def __init__(self, directory: Path, manifest: Mapping[str, Any]) -> None:
        self.directory = directory
        self.manifest: Mapping[str, Any] = MappingProxyType(dict(manifest))

    def __repr__(self) -> str:
        return f"Bundle({self.id!r})"

    @property
    def id(self) -> str:
        """UTC time of publication and a hash of the content."""
        return str(self.manifest["id"])

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays written under ``name``.

        Raises:
            BundleMissingError: The bundle has none of that name.
            BundleDamagedError: The file cannot be read.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        path = self.path(name + _ARRAYS)
        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as exc:
            raise damaged(path, exc) from exc

    def table(self, name: str) -> pa.Table:
        """The table written under ``name``.

        Raises:
            BundleMissingError: The bundle has none of that name.
            BundleDamagedError: The file cannot be read.
        """
        path = self.path(name + _TABLE)
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as exc:
            raise damaged(path, exc) from exc

    def json(self, name: str) -> Any:
        """The JSON value written under ``name``.

        Raises:
            BundleMissingError: The bundle has none of that name.
            BundleDamagedError: The file cannot be read.
        """
        path = self.path(name + _JSON)
        try:
            return orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as exc:
            raise damaged(path, exc) from exc

    def path(self, name: str) -> Path:
        """Where a file or folder of the bundle lies, by its whole name.

        Raises:
            BundleMissingError: The manifest names no such file or folder.
        """
        files = self.manifest["files"]
        if name not in files and not any(one.startswith(f"{name}/") for one in files):
            raise BundleMissingError(
                f"the bundle {self.id} holds no '{name}'.",
                where=str(self.directory),
                remedy="It was trained without that part; train again with: graphrec train",
            )
        return self.directory / name

    def has(self, name: str) -> bool:
        """Whether arrays, a table, JSON, a file or a folder stand under ``name``."""
        files = self.manifest["files"]
        whole = (name, name + _ARRAYS, name + _TABLE, name + _JSON)
        return any(one in files for one in whole) or any(f.startswith(f"{name}/") for f in files)


def _in_memory_order(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")

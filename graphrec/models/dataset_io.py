"""Stage 3, TRAIN: what a training needs, as a folder that a worker on any node can load.

::

    folder/
      arrays.safetensors     histories, views, edges, validation
      learners.parquet       learner_id, by row of the histories
      items.parquet          item_id, text; by dense index
      skills.parquet         skill_id, by dense index
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap

_EDGES = ("item_skill", "item_requires", "skill_requires")


def save_dataset(
    folder: Path, dataset: Dataset, validation: tuple[Histories, np.ndarray] | None = None
) -> None:
    """Write a dataset, and what it is validated on, to a new or empty folder.

    Args:
        folder: Created where it is missing; files in it are replaced.
        dataset: What is trained on.
        validation: Histories of n learners and the item each took next, int64 [n].
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(dataset, name) for name in _EDGES}
    arrays |= _pack("histories", dataset.histories)
    if dataset.views is not None:
        arrays |= _pack("views", dataset.views)
    if dataset.eligible is not None:
        arrays["eligible"] = dataset.eligible
    if validation is not None:
        arrays |= _pack("validation", validation[0]) | {"targets": validation[1]}
    pq.write_table(dataset.learners.to_arrow("learner_id"), folder / "learners.parquet")
    pq.write_table(dataset.skills.to_arrow("skill_id"), folder / "skills.parquet")
    items = dataset.items.to_arrow("item_id")
    texts: list[str | None] = [*dataset.texts] or [None] * len(dataset.items)
    items = items.append_column("text", pa.array(texts, pa.string()))
    pq.write_table(items, folder / "items.parquet")
    contiguous = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    save_file(contiguous, folder / "arrays.safetensors")


def load_dataset(folder: Path) -> Dataset:
    """The dataset that ``save_dataset`` wrote.

    Raises:
        FileNotFoundError: ``folder`` holds none.
    """
    arrays = load_file(folder / "arrays.safetensors")
    items = pq.read_table(folder / "items.parquet")
    texts = items["text"].to_pylist()
    return Dataset(
        learners=_ids(folder / "learners.parquet"),
        items=IdMap(items["item_id"].to_pylist()),
        histories=_unpack("histories", arrays),
        skills=_ids(folder / "skills.parquet"),
        **{name: arrays[name] for name in _EDGES},
        texts=texts if any(text is not None for text in texts) else [],
        views=_unpack("views", arrays) if "views.indptr" in arrays else None,
        eligible=arrays.get("eligible"),
    )


def load_validation(folder: Path) -> tuple[Histories, np.ndarray]:
    """The validation that ``save_dataset`` wrote; empty where there was none."""
    arrays = load_file(folder / "arrays.safetensors")
    if "targets" not in arrays:
        return Histories.from_lists([]), np.zeros(0, np.int64)
    return _unpack("validation", arrays), arrays["targets"]


def _ids(path: Path) -> IdMap:
    return IdMap(pq.read_table(path).column(0).to_pylist())


def _pack(prefix: str, histories: Histories) -> dict[str, np.ndarray]:
    fields = ("indptr", "items", "times", "is_ordered")
    values = {f"{prefix}.{name}": getattr(histories, name) for name in fields}
    return {key: value for key, value in values.items() if value is not None}


def _unpack(prefix: str, arrays: dict[str, np.ndarray]) -> Histories:
    return Histories(
        arrays[f"{prefix}.indptr"],
        arrays[f"{prefix}.items"],
        arrays.get(f"{prefix}.times"),
        arrays.get(f"{prefix}.is_ordered"),
    )

"""Stage 3, TRAIN: what a training needs, as a folder that a worker on any node can load.

::

    folder/
      histories.arrow        a row a learner: items, times, is_ordered; memory-mapped
      views.arrow            the same of weaker signals, where there are any
      validation.arrow       the same of held-out learners, and target
      edges.safetensors      relations of the items, and which may be recommended
      learners.parquet       learner_id, by row of the histories
      items.parquet          item_id, text; by dense index
      skills.parquet         skill_id, by dense index

Histories are one Arrow record batch, whose buffers are the arrays of ``Histories``: a
worker maps them and copies nothing, and all workers of a node share the same pages.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from graphrec.dataset import Dataset, Histories
from graphrec.ids import IdMap

_EDGES = ("item_skill", "item_requires", "skill_requires")
_ENTRIES = tuple(f.name for f in fields(Histories) if f.name not in {"indptr", "is_ordered"})
"""Arrays with a value for each entry of the histories."""


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
    _write(folder / "histories.arrow", dataset.histories)
    if dataset.views is not None:
        _write(folder / "views.arrow", dataset.views)
    if validation is not None:
        _write(folder / "validation.arrow", validation[0], np.asarray(validation[1], np.int64))
    pq.write_table(dataset.learners.to_arrow("learner_id"), folder / "learners.parquet")
    pq.write_table(dataset.skills.to_arrow("skill_id"), folder / "skills.parquet")
    items = dataset.items.to_arrow("item_id")
    texts: list[str | None] = [*dataset.texts] or [None] * len(dataset.items)
    items = items.append_column("text", pa.array(texts, pa.string()))
    pq.write_table(items, folder / "items.parquet")
    edges = {name: np.ascontiguousarray(getattr(dataset, name)) for name in _EDGES}
    if dataset.eligible is not None:
        edges["eligible"] = np.ascontiguousarray(dataset.eligible)
    save_file(edges, folder / "edges.safetensors")


def load_dataset(folder: Path) -> Dataset:
    """The dataset that ``save_dataset`` wrote; its histories are mapped and read-only.

    Raises:
        FileNotFoundError: ``folder`` holds none.
    """
    edges = load_file(folder / "edges.safetensors")
    items = pq.read_table(folder / "items.parquet")
    texts = items["text"].to_pylist()
    has_views = (folder / "views.arrow").is_file()
    return Dataset(
        learners=_ids(folder / "learners.parquet"),
        items=IdMap(items["item_id"].to_pylist()),
        histories=_read(folder / "histories.arrow")[0],
        skills=_ids(folder / "skills.parquet"),
        **{name: edges[name] for name in _EDGES},
        texts=texts if any(text is not None for text in texts) else [],
        views=_read(folder / "views.arrow")[0] if has_views else None,
        eligible=edges.get("eligible"),
    )


def load_validation(folder: Path) -> tuple[Histories, np.ndarray]:
    """The validation that ``save_dataset`` wrote; empty where there was none."""
    if not (folder / "validation.arrow").is_file():
        return Histories.from_lists([]), np.zeros(0, np.int64)
    histories, targets = _read(folder / "validation.arrow")
    return histories, np.zeros(0, np.int64) if targets is None else targets


def _ids(path: Path) -> IdMap:
    return IdMap(pq.read_table(path).column(0).to_pylist())


def _write(path: Path, histories: Histories, targets: np.ndarray | None = None) -> None:
    """One record batch: its buffers are the arrays as they stand."""
    offsets = pa.array(histories.indptr, pa.int64())
    columns = {}
    for name in _ENTRIES:
        if (values := getattr(histories, name)) is not None:
            columns[name] = pa.LargeListArray.from_arrays(offsets, pa.array(values))
    if histories.is_ordered is not None:
        columns["is_ordered"] = pa.array(histories.is_ordered)
    if targets is not None:
        columns["target"] = pa.array(targets)
    batch = pa.record_batch(columns)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _read(path: Path) -> tuple[Histories, np.ndarray | None]:
    """Histories without a copy (but of the flags, which Arrow packs to bits), and targets."""
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    columns = {name: batch.column(name) for name in batch.schema.names}
    entries = {name: columns[name].values.to_numpy() for name in _ENTRIES if name in columns}
    if "is_ordered" in columns:
        entries["is_ordered"] = columns["is_ordered"].to_numpy(zero_copy_only=False)
    # An empty list array may come without its one offset.
    indptr = columns["items"].offsets.to_numpy() if batch.num_rows else np.zeros(1, np.int64)
    targets = columns["target"].to_numpy() if "target" in columns else None
    return Histories(indptr, **entries), targets

"""From native tables to the ``Dataset`` that models see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphrec.dataset import Dataset
from graphrec.features.histories import (
    TYPE_CODES,
    UNKNOWN,
    InteractionArrays,
    build_histories,
    has_commitments,
    split_signals,
)
from graphrec.ids import IdMap


def dataset_from_tables(tables: Mapping[str, pa.Table]) -> Dataset:
    """Build the dataset of a snapshot.

    Args:
        tables: Native tables (``graphrec.schema``); absent ones count as empty.

    Returns:
        Learners, items and skills in the order of their tables; items without learners
        and learners without interactions included.
    """
    courses = tables["courses"]
    items = IdMap(courses["course_id"].to_pylist())
    learners = IdMap(_column(tables, "learners", "learner_id"))
    skills = IdMap(_column(tables, "skills", "skill_id"))
    rows = interaction_arrays(tables.get("interactions"), learners, items)
    taken, viewed = split_signals(rows, committed=has_commitments(rows.types))
    hidden = pc.fill_null(courses["hidden"], False).to_numpy(zero_copy_only=False)
    return Dataset(
        learners=learners,
        items=items,
        histories=build_histories(taken, len(learners)),
        skills=skills,
        item_skill=_edges(tables, "teaches", ("course_id", items), ("skill_id", skills)),
        item_requires=_edges(
            tables, "requires", ("course_id", items), ("requires_course_id", items)
        ),
        skill_requires=_edges(
            tables, "skill_prerequisites", ("skill_id", skills), ("requires_skill_id", skills)
        ),
        texts=_texts(courses),
        views=None if viewed is None else build_histories(viewed, len(learners)),
        eligible=~hidden.astype(bool),
    )


def interaction_arrays(table: pa.Table | None, learners: IdMap, items: IdMap) -> InteractionArrays:
    """Interactions as dense columns; rows of unknown learners or items are left out."""
    if table is None or table.num_rows == 0:
        empty = np.zeros(0, np.int64)
        return InteractionArrays(empty, empty, empty.astype(np.int8), empty, empty)
    types = _dense(table["type"], IdMap(TYPE_CODES))
    rows = InteractionArrays(
        _dense(table["learner_id"], learners),
        _dense(table["course_id"], items),
        types.astype(np.int8),
        pc.fill_null(table["at"], UNKNOWN).to_numpy(),
        pc.fill_null(table["seq"], UNKNOWN).to_numpy(),
    )
    return rows.take((rows.learners >= 0) & (rows.items >= 0) & (types >= 0))


def _dense(column: pa.ChunkedArray, ids: IdMap) -> np.ndarray:
    """Dense indices of a string column, int64, -1 where unknown; one look-up a distinct id."""
    encoded = column.combine_chunks().dictionary_encode()
    lookup = ids.indices(encoded.dictionary.to_pylist())
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    return lookup[indices] if len(lookup) else np.full(len(indices), -1, np.int64)


def _column(tables: Mapping[str, pa.Table], table: str, column: str) -> list[str]:
    return tables[table][column].to_pylist() if table in tables else []


def _edges(
    tables: Mapping[str, pa.Table], name: str, source: tuple[str, IdMap], target: tuple[str, IdMap]
) -> np.ndarray:
    """Distinct edges of a relation table, int64 [2, E], sorted."""
    if name not in tables or tables[name].num_rows == 0:
        return np.zeros((2, 0), np.int64)
    table = tables[name]
    edges = np.stack([_dense(table[column], ids) for column, ids in (source, target)])
    return np.unique(edges[:, (edges >= 0).all(axis=0)], axis=1)


def _texts(courses: pa.Table) -> list[str]:
    """Title, provider and description of each course; [] where no course says anything."""
    columns = [courses[name].to_pylist() for name in ("title", "provider", "description")]
    texts = [" ".join(part for part in parts if part) for parts in zip(*columns, strict=True)]
    return texts if any(texts) else []

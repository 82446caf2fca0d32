"""Loads the demonstration catalogue: CSV beside this file in, native tables out."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import pyarrow as pa
from pyarrow import csv

from graphrec.schema import TABLES

CATALOGUE_TABLES: Final = (
    "courses",
    "skills",
    "roles",
    "teaches",
    "requires",
    "skill_prerequisites",
    "needs",
)
"""Tables of the catalogue, in the order in which they can be written."""


def load_catalogue() -> dict[str, pa.Table]:
    """Return the demonstration catalogue, read from the package itself.

    Returns:
        Table name -> rows with exactly the schema of ``graphrec.schema.TABLES``; empty cells
        are null, levels run from 1 to 5, ``published_at`` is epoch milliseconds UTC.
    """
    return {name: _read(name) for name in CATALOGUE_TABLES}


def _read(name: str) -> pa.Table:
    schema = TABLES[name].schema
    convert = csv.ConvertOptions(
        column_types=schema,
        include_columns=schema.names,
        null_values=[""],
        strings_can_be_null=True,
    )
    text = files("graphrec.demo").joinpath(f"{name}.csv").read_bytes()
    table = csv.read_csv(pa.BufferReader(text), convert_options=convert)
    return table.cast(schema)

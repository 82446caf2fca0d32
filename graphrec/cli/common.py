"""What every command shares: consoles, settings from ``--store``, the graph, JSON out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from graphrec.graph.store import GraphStore, open_store
from graphrec.settings import Settings, read_settings

console = Console()
err_console = Console(stderr=True)

StoreOption = Annotated[
    Path | None,
    typer.Option("--store", help="Store folder (default: GRAPHREC_STORE, else in your home)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")]
LangOption = Annotated[
    str | None, typer.Option("--lang", help="Language of the reasons (en, de); else English.")
]

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def settings_for(store: Path | None) -> Settings:
    """Settings of the environment, with ``--store`` before them."""
    return read_settings(Settings, **({} if store is None else {"store": store}))


@contextmanager
def open_graph(settings: Settings) -> Iterator[GraphStore]:
    """The graph that the settings name, closed afterwards."""
    with open_store(settings) as store:
        yield store


@contextmanager
def interruptible(hint: str) -> Iterator[None]:
    """Ctrl-C within ends the command without a traceback.

    Args:
        hint: How to go on, told to the person.
    """
    try:
        yield
    except KeyboardInterrupt:
        err_console.print(f"interrupted: {hint}", highlight=False)
        raise typer.Exit(INTERRUPTED) from None


def print_json(value: Any) -> None:
    """Write one JSON document to stdout, and nothing else."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    sys.stdout.buffer.write(orjson.dumps(value, option=options) + b"\n")
    sys.stdout.buffer.flush()


def is_interactive() -> bool:
    """Whether a person sits at a terminal (and no automation asked for quiet)."""
    return sys.stdout.isatty() and not os.environ.get("CI")

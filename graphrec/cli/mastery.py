"""``graphrec mastery``: how well the models of mastery foretell, on real and simulated learners."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import pyarrow as pa
import typer
from rich.table import Table

from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    err_console,
    open_graph,
    print_json,
    settings_for,
)
from graphrec.demo.catalogue import load_catalogue
from graphrec.events.quarantine import Quarantine
from graphrec.events.readers import READERS, open_reader
from graphrec.events.simulator import SimulatorConfig, iter_batches
from graphrec.events.source import ReadLog
from graphrec.graph.ingest import ingest
from graphrec.graph.ladybug import LadybugStore
from graphrec.mastery.evidence import collect_evidence
from graphrec.mastery.truth import validate_truth
from graphrec.mastery.validate import validate

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="How well learners hold skills, from what they did.",
)

_TABLES = ("interactions", "teaches", "skill_prerequisites")


@app.callback()
def _group() -> None:
    """Keep ``evaluate`` a command of its own, though it is the only one."""


@app.command("evaluate")
def evaluate_mastery(
    data: Annotated[
        Path | None, typer.Option("--data", help="A source instead of the store's graph.")
    ] = None,
    source: Annotated[
        str, typer.Option("--source", help=f"Kind of --data: {', '.join(READERS)}.")
    ] = "native",
    simulated: Annotated[
        int | None,
        typer.Option("--simulated", min=100, help="So many simulated learners instead."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the simulated learners.")] = 7,
    output: Annotated[Path | None, typer.Option("--output", help="Write the JSON here.")] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Foretell the newest outcomes from what came before; of simulated learners the truth, too."""
    config = SimulatorConfig(num_learners=simulated or 2_000, seed=seed)
    if simulated is None:
        tables, truth = _read(data, source, store), None
        described = str(data or settings_for(store).store_dir)
    else:
        tables, truth = _simulate(config)
        described = f"{simulated:,} simulated learners, seed {seed}"
    evidence = collect_evidence(tables)
    result: dict[str, Any] = {
        "data": described,
        "observations": len(evidence),
        "scored": int(evidence.is_scored.sum()),
        "without_time": evidence.num_without_time,
        "next": [asdict(score) for score in validate(evidence)],
    }
    if truth is not None:
        found = validate_truth(evidence, truth, config.end_at)
        result["truth"] = [asdict(score) for score in found]
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
        err_console.print(f"written: {output}")
    if as_json:
        print_json(result)
    else:
        _show(result)


def _read(data: Path | None, source: str, store: Path | None) -> Mapping[str, pa.Table]:
    """Tables of the graph, or of a source by way of a graph that is gone afterwards."""
    if data is None:
        with open_graph(settings_for(store)) as graph:
            return graph.export_snapshot(_TABLES)
    with tempfile.TemporaryDirectory() as folder:
        log = ReadLog(Quarantine.for_import(Path(folder) / "quarantine", source))
        reader = open_reader(source, data, log, with_cycles=False)
        with LadybugStore(Path(folder) / "graph") as graph:
            graph.migrate()
            ingest(graph, reader)
            return graph.export_snapshot(_TABLES)


def _simulate(config: SimulatorConfig) -> tuple[Mapping[str, pa.Table], pa.Table]:
    """Tables of simulated learners of the demonstration academy, and what they truly hold."""
    catalogue = load_catalogue()
    batches = list(iter_batches(catalogue, config))
    interactions = pa.concat_tables([batch.interactions for batch in batches])
    truth = pa.concat_tables([batch.truth for batch in batches])
    return {**catalogue, "interactions": interactions}, truth


def _show(result: Mapping[str, Any]) -> None:
    console.print(
        f"{result['data']}: {result['observations']:,} observations, {result['scored']:,} scored",
        highlight=False,
    )
    _print("next outcome", result["next"], ("auc", "auc_error", "log_loss", "calibration_error"))
    if "truth" in result:
        _print("truly held", result["truth"], ("auc", "level_error"))


def _print(title: str, rows: list[dict[str, Any]], figures: tuple[str, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    for figure in (*figures, "n"):
        table.add_column(figure.replace("_", " "), justify="right")
    for row in rows:
        shown = (f"{row[figure]:.3f}" for figure in figures)
        table.add_row(row["model"], *shown, f"{row['num']:,}")
    console.print(table)

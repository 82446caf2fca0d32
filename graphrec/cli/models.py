"""``graphrec models``: the published bundles of a store, and which one is in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from graphrec.bundle import CHAMPION, Bundle, BundleInfo, BundleStore
from graphrec.cli.common import JsonOption, StoreOption, console, print_json, settings_for
from graphrec.files import replace_file
from graphrec.model_card import model_card

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List, describe, verify, promote and remove model bundles.",
)

RefArgument = Annotated[str, typer.Argument(metavar="REF", help="Id or alias of a bundle.")]
AliasOption = Annotated[str, typer.Option("--alias", help="Which alias to move.")]

# What a row of the list shows, of whatever training measured; first match first.
_HEADLINES = ("pipeline.ndcg@10", "ndcg@10", "recall@10")
_MAX_HEADLINES = 2


@app.command("list")
def list_models(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show every bundle, newest first, with its aliases and validation metrics."""
    found = _bundles(store).list()
    if as_json:
        print_json([_plain(info) for info in found])
        return
    if not found:
        console.print("No models yet. Train one with: graphrec train", highlight=False)
        return
    table = Table("Id", "Created (UTC)", "Aliases", "Data", "Size", "Validation")
    for info in found:
        notes = f"damaged: {info.damage}" if info.damage else _headline(info.metrics)
        table.add_row(
            info.id,
            _moment(info.created_at),
            ", ".join(info.aliases),
            info.snapshot_hash[:12],
            _size(info.num_bytes),
            escape(notes),
        )
    console.print(table)


@app.command()
def show(
    ref: RefArgument = CHAMPION, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Show a bundle's manifest: data, settings, seed, metrics and files."""
    bundle = _bundles(store).load(ref, verify=False)
    if as_json:
        print_json(dict(bundle.manifest))
        return
    table = Table(show_header=False, title=bundle.id)
    fields = {key: value for key, value in bundle.manifest.items() if key not in {"id", "files"}}
    for key, value in _flatten(fields):
        table.add_row(escape(key), _moment(value) if key == "created_at" else escape(_shown(value)))
    for name, entry in bundle.manifest["files"].items():
        table.add_row(name, f"{_size(entry['bytes'])}, sha256 {entry['sha256'][:12]}…")
    console.print(table)


@app.command()
def card(
    ref: RefArgument = CHAMPION,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write it to this file instead.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a bundle's model card, Markdown: use, data, models, quality, limits, cost."""
    bundle = _bundles(store).load(ref, verify=False)
    text = model_card(bundle)
    if output is not None:
        replace_file(output, text.encode())
        _say(as_json, bundle.id, f"written: {output}", output=str(output))
    elif as_json:
        print_json({"id": bundle.id, "card": text})
    else:
        # As it is: a console would wrap its tables.
        typer.echo(text, nl=False)


@app.command()
def verify(
    ref: RefArgument = CHAMPION, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Compare every file of a bundle with its checksum."""
    bundle = _bundles(store).load(ref, verify=True)
    num_files = len(bundle.manifest["files"])
    _say(as_json, bundle.id, f"{bundle.id}: all {num_files} files are as published.", ref=ref)


@app.command()
def promote(
    ref: RefArgument,
    alias: AliasOption = CHAMPION,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a bundle and put it in use; a running service takes it up by itself."""
    bundles = _bundles(store)
    bundle: Bundle = bundles.load(ref, verify=True)
    bundles.set_alias(alias, bundle.id)
    _say(as_json, bundle.id, f"{alias} is now {bundle.id}.", alias=alias)


@app.command()
def rollback(
    alias: AliasOption = CHAMPION, store: StoreOption = None, as_json: JsonOption = False
) -> None:
    """Put the bundle in use again that was before."""
    bundle_id = _bundles(store).rollback(alias)
    _say(as_json, bundle_id, f"{alias} is {bundle_id} again.", alias=alias)


@app.command()
def remove(ref: RefArgument, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Delete a bundle that no alias names."""
    bundles = _bundles(store)
    bundle_id = bundles.resolve(ref)
    bundles.remove(bundle_id)
    _say(as_json, bundle_id, f"Removed {bundle_id}.")


def _bundles(store: Path | None) -> BundleStore:
    return BundleStore(settings_for(store).bundles_dir)


def _say(as_json: bool, bundle_id: str, sentence: str, **fields: str) -> None:
    if as_json:
        print_json({"id": bundle_id, **fields})
    else:
        console.print(sentence, highlight=False, markup=False)


def _plain(info: BundleInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "created_at": info.created_at,
        "aliases": list(info.aliases),
        "snapshot_hash": info.snapshot_hash,
        "models": list(info.models),
        "metrics": dict(info.metrics),
        "bytes": info.num_bytes,
        "damage": info.damage,
    }


def _headline(metrics: Mapping[str, Any]) -> str:
    numbers = {k: v for k, v in _flatten(metrics) if isinstance(v, int | float)}
    ranked = sorted(numbers, key=lambda name: (_headline_rank(name), name))
    return ", ".join(f"{name} {_shown(numbers[name])}" for name in ranked[:_MAX_HEADLINES])


def _headline_rank(name: str) -> int:
    return next((i for i, end in enumerate(_HEADLINES) if name.endswith(end)), len(_HEADLINES))


def _flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        if isinstance(one, Mapping):
            yield from _flatten(one, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", one


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:.1f} MB"


def _moment(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")

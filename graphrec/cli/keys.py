"""``graphrec keys``: make, list and revoke the API keys of a store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from graphrec.access import SCOPES, Key, KeyStore
from graphrec.cli.common import JsonOption, StoreOption, console, print_json, settings_for

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Create, list and revoke API keys, which the service asks for beyond loopback.",
)

ScopeOption = Annotated[
    list[str] | None,
    typer.Option("--scope", help=f"What it may do, repeatable: {', '.join(SCOPES)} (= all)."),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What people will call the key.")],
    scope: ScopeOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, this once (scope: integrator unless said otherwise)."""
    keys = _keys(store)
    secret = keys.create(name, scope or ["integrator"])
    key = keys.verify(secret)
    if as_json:
        print_json({**_plain(key), "key": secret})
        return
    console.print(f"Key [b]{key.id}[/b] ({', '.join(key.scopes)}). Keep it: it is not shown again.")
    typer.echo(secret)
    console.print("Send it as the header  Authorization: Bearer <key>", highlight=False)


@app.command("list")
def list_keys(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show every key, without its secret."""
    found = _keys(store).list()
    if as_json:
        print_json([_plain(key) for key in found])
        return
    if not found:
        console.print("No keys yet. Make one with: graphrec keys create NAME", highlight=False)
        return
    table = Table("Id", "Name", "Scopes", "Created (UTC)", "State")
    for key in found:
        state = "valid" if key.revoked_at is None else f"revoked {_moment(key.revoked_at)}"
        table.add_row(
            key.id, escape(key.name), ", ".join(key.scopes), _moment(key.created_at), state
        )
    console.print(table)


@app.command()
def revoke(
    ref: Annotated[str, typer.Argument(metavar="KEY", help="Id or name of the key.")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a key's validity, at once, in a running service too."""
    key = _keys(store).revoke(ref)
    if as_json:
        print_json(_plain(key))
    else:
        console.print(f"Revoked {key.id} ({key.name}).", highlight=False, markup=False)


def _keys(store: Path | None) -> KeyStore:
    return KeyStore(settings_for(store).keys_path)


def _plain(key: Key) -> dict[str, Any]:
    return key.model_dump(mode="json", exclude={"sha256"})


def _moment(epoch_ms: int) -> str:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")

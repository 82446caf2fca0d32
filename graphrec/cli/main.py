"""The ``graphrec`` command: finds its subcommands and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points

import click
import typer
from typer.core import TyperGroup

from graphrec.errors import GraphrecError, MissingExtraError
from graphrec.version import __version__

# Module and function of each command; imported only when it is called, so that
# `graphrec --help` starts in a moment.
_COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("graphrec.cli.demo", "demo"),
    "import": ("graphrec.cli.import_", "import_command"),
    "export": ("graphrec.cli.export", "export_command"),
    "evaluate": ("graphrec.cli.evaluate", "evaluate"),
    "recommend": ("graphrec.cli.recommend", "recommend"),
    "path": ("graphrec.cli.path", "path"),
    "query": ("graphrec.cli.query", "query"),
    "models": ("graphrec.cli.models", "app"),
    "keys": ("graphrec.cli.keys", "app"),
    "doctor": ("graphrec.cli.doctor", "doctor"),
}


class _LazyGroup(TyperGroup):
    """Loads a subcommand's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *sorted(e.name for e in entry_points(group="graphrec.commands"))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            module, attribute = _COMMANDS[cmd_name]
            target = getattr(importlib.import_module(module), attribute)
        else:
            found = [e for e in entry_points(group="graphrec.commands") if e.name == cmd_name]
            if not found:
                return None
            target = _load_extension(cmd_name, found[0])
        return _as_command(cmd_name, target)


def _load_extension(name: str, entry: object) -> object:
    try:
        return entry.load()  # type: ignore[attr-defined]
    except ModuleNotFoundError as exc:
        if (exc.name or "").split(".")[0] in {"graphrec", "training", "serving"}:
            raise
        raise MissingExtraError(exc.name or name, "train") from exc


def _as_command(name: str, target: object) -> click.Command:
    if isinstance(target, typer.Typer):
        command = typer.main.get_command(target)
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name)(target)  # type: ignore[type-var]
        command = typer.main.get_command(app)
    command.name = name
    return command


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Recommend what a learner should take next, and the path to the role they want.",
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"graphrec {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Hold the options that belong to no subcommand."""


def main() -> None:
    """Run the command line; a graphrec error ends it with its message and exit code."""
    try:
        app()
    except GraphrecError as exc:
        from graphrec.cli.common import err_console

        err_console.print(f"error: {exc}", style="red", markup=False, highlight=False)
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()

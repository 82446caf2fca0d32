"""The ``graphrec`` command: finds its subcommands and turns errors into messages and exit codes."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from graphrec.errors import GraphrecError, MissingExtraError
from graphrec.version import __version__

# Module, function and help of each command. The help stands here as well, so that
# `graphrec --help` answers without importing what the commands need.
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("graphrec.cli.demo", "demo", "Load, train and ask the demonstration academy."),
    "import": ("graphrec.cli.import_", "import_command", "Load a data set into the graph."),
    "export": ("graphrec.cli.export", "export_command", "Write the graph as native tables."),
    "evaluate": ("graphrec.cli.evaluate", "evaluate_command", "Measure models on held-out data."),
    "recommend": ("graphrec.cli.recommend", "recommend", "Courses for one learner, or for many."),
    "path": ("graphrec.cli.path", "path", "The way to a course, skills or a role."),
    "query": ("graphrec.cli.query", "query", "Run a named query, or your own, on the graph."),
    "shell": ("graphrec.cli.shell", "shell", "Ask the graph at a prompt."),
    "rules": ("graphrec.cli.rules", "app", "Check business rules, and show what they change."),
    "curriculum": ("graphrec.cli.curriculum", "app", "Export, compare and edit the curriculum."),
    "reasons": ("graphrec.cli.reasons", "app", "Check the reasons of answers against the graph."),
    "mastery": ("graphrec.cli.mastery", "app", "How well learners hold skills, measured."),
    "models": ("graphrec.cli.models", "app", "List, verify, promote and remove model bundles."),
    "keys": ("graphrec.cli.keys", "app", "Create, list and revoke API keys."),
    "doctor": ("graphrec.cli.doctor", "doctor", "Say what is missing or wrong, and the remedy."),
}
_EXTENSIONS = "graphrec.commands"
_EXTENSION_HELP = {
    "train": "Train the models and publish a bundle.",
    "update": "Learn what is new since a bundle, in minutes.",
    "tune": "Search a model's configuration on validation.",
    "serve": "Answer over HTTP.",
}


class _LazyGroup(TyperGroup):
    """Knows its subcommands by name and help, and loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (_, _, text) in _COMMANDS.items():
            self.add_command(TyperCommand(name, help=text))
        for name in sorted(_extensions()):
            self.add_command(TyperCommand(name, help=_EXTENSION_HELP.get(name, "An extension.")))

    # Typer brings its own copy of click, whose types are private to it: hence Any.
    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, None if name is None or command is None else _load(name), rest


def _load(name: str) -> Any:
    """Import a subcommand.

    Raises:
        MissingExtraError: It needs a package of an extra that is not installed.
    """
    try:
        if name in _COMMANDS:
            module, attribute, _ = _COMMANDS[name]
            target = getattr(importlib.import_module(module), attribute)
        else:
            target = _extensions()[name].load()
    except ModuleNotFoundError as exc:
        package = (exc.name or "").partition(".")[0]
        if package in {"", "graphrec", "training", "serving"}:
            raise
        raise MissingExtraError(package, "train") from exc
    return _as_command(name, target)


def _extensions() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=_EXTENSIONS)}


def _as_command(name: str, target: Any) -> Any:
    group = target
    if not isinstance(target, typer.Typer):
        group = typer.Typer(add_completion=False, rich_markup_mode=None)
        group.command(name)(target)
    command = typer.main.get_command(group)
    command.name = name
    return command


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,  # Locals may hold secrets.
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

        err_console.print(
            f"error: {exc}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(exc.exit_code)


if __name__ == "__main__":
    main()

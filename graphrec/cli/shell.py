"""``graphrec shell``: questions to the graph, one after the other, at a prompt or from a pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli.common import (
    JsonOption,
    StoreOption,
    console,
    err_console,
    open_graph,
    settings_for,
)
from graphrec.cli.shell_session import ShellSession, told
from graphrec.cli.shell_text import is_complete, split_statements, statements_of
from graphrec.errors import GraphrecError
from graphrec.graph.own_query_rows import DEFAULT_ROWS, DEFAULT_TIMEOUT_S
from graphrec.graph.queries import QueryLibrary

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

HISTORY = "shell_history"
"""File of the store in which the prompt keeps what was typed."""


def shell(
    max_rows: Annotated[
        int, typer.Option("--max-rows", min=1, help="Rows of a text of your own.")
    ] = DEFAULT_ROWS,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="Seconds such a text may run.")
    ] = DEFAULT_TIMEOUT_S,
    store: StoreOption = None,
    json_output: JsonOption = False,
) -> None:
    """Ask the graph at a prompt with history and completion; or from a pipe."""
    settings = settings_for(store)
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    with open_graph(settings) as graph:
        session = ShellSession(
            graph,
            QueryLibrary.load(),
            console,
            max_rows=max_rows,
            timeout_s=timeout,
            as_json=json_output,
            paged=interactive,
        )
        if interactive:
            console.print(f"{graph.engine} graph. :help says what can be asked, :quit leaves.")
            at_prompt(session, settings.store_dir / HISTORY)
        elif code := from_script(session, sys.stdin.read()):
            raise typer.Exit(code)


def from_script(session: ShellSession, script: str) -> int:
    """Run every statement of a script; an error is told and the rest is run.

    Returns:
        0, or the exit code of the first error.
    """
    code = 0
    for statement in statements_of(script.removeprefix("\ufeff").split("\n")):
        try:
            if not session.handle(statement):
                break
        except GraphrecError as error:
            _tell(error)
            code = code or error.exit_code
    return code


def at_prompt(session: ShellSession, history: Path, **streams: Any) -> None:
    """Read and run statements until ``:quit`` or Ctrl-D; Ctrl-C drops a line.

    Args:
        session: What runs them.
        history: File of what was typed.
        streams: ``input`` and ``output`` of prompt_toolkit; none: the terminal.
    """
    prompt = _prompt(session, history, **streams)
    while True:
        try:
            text = prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        statements = [text] if text.lstrip().startswith(":") else split_statements(text)
        for statement in statements:
            try:
                if not session.handle(statement):
                    return
            except GraphrecError as error:
                _tell(error)


def _prompt(session: ShellSession, history: Path, **streams: Any) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    from graphrec.cli.shell_completion import ShellCompleter

    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    history.parent.mkdir(parents=True, exist_ok=True)
    history.touch(mode=0o600)
    return PromptSession(
        "graphrec> ",
        multiline=True,
        prompt_continuation="     ...> ",
        history=FileHistory(str(history)),
        completer=ShellCompleter(session),
        complete_while_typing=False,
        key_bindings=keys,
        **streams,
    )


def _tell(error: GraphrecError) -> None:
    err_console.print(told(error), style="red", markup=False, highlight=False, soft_wrap=True)

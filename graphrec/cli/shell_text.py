"""What the shell is given, line by line, as whole statements; and where a completion stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphrec.errors import ParameterError
from graphrec.graph.own_query_tokens import tokens_of


def is_command(text: str) -> bool:
    """Whether a text is a command of the shell: one line that begins with a colon."""
    return text.lstrip().startswith(":")


def is_complete(text: str) -> bool:
    """Whether what was typed so far can be run: a command, or ended by ``;`` or an empty line."""
    if is_command(text) or not text.strip() or text.endswith("\n"):
        return True
    try:
        tokens = tokens_of(text)
    except ParameterError:  # a string or comment is still open
        return False
    return bool(tokens) and tokens[-1].kind == "sign" and tokens[-1].text == ";"


def split_statements(text: str) -> Iterator[str]:
    """A text at its semicolons, those of strings and comments left alone.

    What is not closed at the end comes out as it is: running it says what is wrong.
    """
    start = 0
    try:
        ends = [t.start for t in tokens_of(text) if t.kind == "sign" and t.text == ";"]
    except ParameterError:
        ends = []
    for end in [*ends, len(text)]:
        if statement := text[start:end].strip():
            yield statement
        start = end + 1


def statements_of(lines: Iterable[str]) -> Iterator[str]:
    """Statements of a script.

    A line that begins with a colon is a command. With a semicolon anywhere, statements end at
    semicolons, empty lines and commands; without one, each line is a statement.
    """
    blocks = list(_blocks(lines))
    by_semicolon = any(_has_semicolon(block) for block in blocks)
    for block in blocks:
        if is_command(block):
            yield block.strip()
        elif by_semicolon:
            yield from split_statements(block)
        else:
            yield from (line.strip() for line in block.splitlines() if _says_something(line))


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """Commands, and what stands between them and between empty lines."""
    block: list[str] = []
    for line in lines:
        if is_command(line) or not line.strip():
            if block:
                yield "\n".join(block)
                block = []
            if line.strip():
                yield line
        else:
            block.append(line.rstrip("\r\n"))
    if block:
        yield "\n".join(block)


def _has_semicolon(block: str) -> bool:
    try:
        return any(t.kind == "sign" and t.text == ";" for t in tokens_of(block))
    except ParameterError:
        return ";" in block


def _says_something(line: str) -> bool:
    try:
        return bool(tokens_of(line))
    except ParameterError:
        return True

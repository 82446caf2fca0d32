"""What the shell offers to complete: commands, queries, labels, relations, properties, keywords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from graphrec.cli.shell_session import COMMANDS, RELATION_MAPS, ShellSession
from graphrec.graph.mapping import NODES

LABELS: Final = tuple(node.label for node in NODES.values())
TYPES: Final = tuple(relation.type for relation in RELATION_MAPS)
_PROPERTIES: Final = {node.label: ("id", *node.properties) for node in NODES.values()} | {
    relation.type: (*relation.identity, *relation.properties) for relation in RELATION_MAPS
}
KEYWORDS: Final = (
    *("MATCH", "OPTIONAL MATCH", "WHERE", "RETURN", "RETURN DISTINCT", "WITH", "UNWIND"),
    *("ORDER BY", "SKIP", "LIMIT", "AND", "OR", "NOT", "IN", "IS NULL", "IS NOT NULL", "AS"),
    *("CONTAINS", "STARTS WITH", "ENDS WITH", "DISTINCT", "EXISTS", "UNION", "CASE", "DESC"),
    *("count(", "collect(", "min(", "max(", "avg(", "sum(", "size(", "coalesce("),
)
_WORD = re.compile(r"[\w]*$")
_NAMED = re.compile(r"[(\[]\s*(\w+)\s*:\s*(\w+)")


class ShellCompleter(Completer):
    """Completes by what stands before the cursor.

    Args:
        session: Knows the queries and the parameters that were set.
    """

    def __init__(self, session: ShellSession) -> None:
        self._session = session

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterator[Completion]:
        """Offers for the word that is being typed."""
        text = document.text_before_cursor
        if text.lstrip().startswith(":"):
            yield from self._of_command(text.lstrip())
            return
        word = _WORD.search(text)
        typed = word[0] if word else ""
        yield from _offers(typed, self._names(text[: len(text) - len(typed)]))

    def _names(self, before: str) -> Iterable[str]:
        """What may stand after ``before``."""
        last = before.rstrip()[-1:]
        if last in (":", "|"):
            return TYPES if _opened(before) == "[" else LABELS
        if before.endswith("."):
            return _properties(before)
        if before.endswith("$"):
            return tuple(self._session.values)
        if last in ("{", ",") and _opened(before) == "{":
            return _properties(before)
        return KEYWORDS

    def _of_command(self, text: str) -> Iterator[Completion]:
        *words, typed = re.split(r"\s+", text)
        library = self._session.library
        if not words:
            yield from _offers(typed, COMMANDS)
        elif words[0] == ":queries":
            yield from _offers(typed, library.subjects)
        elif words[0] == ":run" and len(words) == 1:
            yield from _offers(typed, [query.name for query in library])
        elif words[0] == ":run":
            found = [query for query in library if query.name == words[1]]
            given = {word.partition("=")[0] for word in words[2:]}
            names = [p.name for query in found for p in query.parameters]
            yield from _offers(typed, [f"{name}=" for name in names if name not in given])


def _offers(typed: str, names: Iterable[str]) -> Iterator[Completion]:
    for name in names:
        if name.lower().startswith(typed.lower()) and name != typed:
            yield Completion(name, start_position=-len(typed))


def _opened(before: str) -> str:
    """The bracket that is open at the end of a text, or ""."""
    open_: list[str] = []
    for char in before:
        if char in "([{":
            open_.append(char)
        elif char in ")]}" and open_:
            open_.pop()
    return open_[-1] if open_ else ""


def _properties(before: str) -> list[str]:
    """Those of the label or relation of the variable, else all."""
    of = {found[1]: found[2] for found in _NAMED.finditer(before)}
    variable = re.search(r"(\w+)\.$", before)
    inline = re.search(r":\s*(\w+)\s*\{[^{}]*$", before)
    name = inline[1] if inline else of.get(variable[1]) if variable else None
    if name in _PROPERTIES:
        return list(_PROPERTIES[name])
    return sorted({one for names in _PROPERTIES.values() for one in names})

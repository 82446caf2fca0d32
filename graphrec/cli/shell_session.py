"""What the shell does with one statement: a command of its own, or a read-only Cypher text."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console

from graphrec.cli.common import print_json
from graphrec.cli.query import list_queries, parameters_of
from graphrec.cli.query_output import as_table, counted
from graphrec.cli.query_own import untyped
from graphrec.errors import GraphrecError, ParameterError
from graphrec.graph.mapping import NODES, RELATIONS
from graphrec.graph.own_query import read_own
from graphrec.graph.queries import QueryLibrary
from graphrec.graph.statements import link_relation
from graphrec.graph.store import GraphStore, Row

COMMANDS: Final = {
    ":help": "this list",
    ":queries": "the named queries; :queries SUBJECT those of a subject",
    ":run": "run a named query: :run NAME name=value ...",
    ":set": "a parameter of your own texts: :set name=value; alone: those there are",
    ":schema": "labels, relations and their properties",
    ":quit": "leave (Ctrl-D)",
}
RELATION_MAPS: Final = (
    *(relation for group in RELATIONS.values() for relation in group),
    *(link_relation(node, link) for node in NODES.values() for link in node.links),
)
"""Every relation of the graph."""
_FRAME_LINES = 6


class ShellSession:
    """One open graph and what was set since.

    Args:
        graph: Open; whoever opened it closes it.
        library: Named queries.
        console: Where tables go.
        max_rows: Rows of a text of one's own.
        timeout_s: Seconds that such a text may run.
        as_json: Rows as JSON instead of tables.
        paged: Whether long tables are shown page by page.
    """

    def __init__(
        self,
        graph: GraphStore,
        library: QueryLibrary,
        console: Console,
        *,
        max_rows: int,
        timeout_s: float,
        as_json: bool = False,
        paged: bool = False,
    ) -> None:
        self.library = library
        self.values: dict[str, Any] = {}
        self._graph = graph
        self._console = console
        self._max_rows = max_rows
        self._timeout_s = timeout_s
        self._as_json = as_json
        self._paged = paged
        self._do: dict[str, Callable[[list[str]], None]] = {
            ":help": self._help,
            ":queries": self._queries,
            ":run": self._run,
            ":set": self._set,
            ":schema": self._schema,
        }

    def handle(self, statement: str) -> bool:
        """Run one statement; False where it ends the shell.

        Raises:
            GraphrecError: It could not be run; the shell may go on.
        """
        text = statement.strip()
        if not text:
            return True
        if not text.startswith(":"):
            self._cypher(text)
            return True
        name, *rest = _words(text.rstrip(";"))
        if name in (":quit", ":exit", ":q"):
            return False
        if name not in self._do:
            raise ParameterError(
                f"There is no command '{name}'.", remedy=f"There are: {', '.join(COMMANDS)}."
            )
        self._do[name](rest)
        return True

    def _cypher(self, text: str) -> None:
        used = read_own(text, self._graph.engine).parameters
        values = {name: value for name, value in self.values.items() if name in used}
        try:
            answer = self._graph.run_own(
                text, values, max_rows=self._max_rows, timeout_s=self._timeout_s
            )
        except ParameterError as error:
            if error.where in used:
                error.remedy = f"Set it: :set {error.where}=..."
            raise
        self._show(list(answer.columns), answer.rows, "")
        if answer.truncated:
            self._console.print(f"There are more: --max-rows is {self._max_rows}.")

    def _run(self, words: list[str]) -> None:
        if not words:
            raise ParameterError("Which query?", remedy="Write :run NAME; :queries lists them.")
        query = self.library.get(words[0])
        values = query.values(parameters_of(words[1:]))
        rows = self._graph.run(query.name, **values)
        self._show(list(query.columns), rows, query.purpose)

    def _show(self, columns: list[str], rows: list[Row], title: str) -> None:
        if self._as_json:
            print_json(rows)
            return
        table = as_table(columns, rows, title)
        if self._paged and len(rows) + _FRAME_LINES > self._console.height:
            with self._console.pager():
                self._console.print(table)
        else:
            self._console.print(table)
        self._console.print(counted(len(rows)))

    def _help(self, _: list[str]) -> None:
        for name, meaning in COMMANDS.items():
            self._console.print(f"{name:<10}{meaning}", markup=False, highlight=False)
        self._console.print(
            "Anything else is a Cypher text that only reads, ended by ; or an empty line.",
            highlight=False,
        )

    def _queries(self, words: list[str]) -> None:
        subjects = self.library.subjects
        unknown = [word for word in words if word not in subjects]
        if unknown:
            raise ParameterError(
                f"There is no subject '{unknown[0]}'.", remedy=f"There are: {', '.join(subjects)}."
            )
        list_queries({s: q for s, q in subjects.items() if not words or s in words}, self._console)

    def _set(self, words: list[str]) -> None:
        for name, value in parameters_of(words).items():
            self.values[name.removeprefix("$")] = untyped(value)
        for name, value in sorted(self.values.items()):
            self._console.print(f"${name} = {value!r}", markup=False)

    def _schema(self, _: list[str]) -> None:
        for node in NODES.values():
            names = ", ".join(("id", *node.properties))
            self._console.print(f"(:{node.label} {{{names}}})", markup=False, highlight=False)
        for relation in RELATION_MAPS:
            names = ", ".join((*relation.identity, *relation.properties))
            inner = f":{relation.type} {{{names}}}" if names else f":{relation.type}"
            self._console.print(
                f"(:{relation.source})-[{inner}]->(:{relation.target})",
                markup=False,
                highlight=False,
            )


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ParameterError(f"This cannot be read: {error}.", remedy="Close the quotes.") from None


def told(error: GraphrecError) -> str:
    """An error as the shell prints it."""
    return f"error: {error}"

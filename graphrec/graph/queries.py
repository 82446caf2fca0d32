"""Stage 2, GRAPH: the named queries of ``cypher/``, checked when they are loaded.

A query is a file: a header of ``//`` lines, then one text that both engines run::

    // subject: courses
    // question: 4
    // purpose: Courses that nobody can reach because nothing leads to them.
    // access: read
    // parameters:
    //   limit: int = 50 -- at most so many rows
    // columns:
    //   course_id [id] -- the course
    // reading: An empty answer means that everything can be reached.
    // computed by: closure over $frontier
    MATCH ...

``question`` (optional) is its number among the questions of a curriculum designer, which must
say under ``reading`` how to read the answer. A column's unit stands in brackets.
``computed by`` (optional) names the function of ``graphrec.graph.recursion`` that runs the
text as often as it must, filling the ``$`` names itself: recursion of any depth is exact
there, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from graphrec.errors import ParameterError, QueryError
from graphrec.graph.parameters import Parameter

_FIELDS = (
    *("subject", "question", "purpose", "access", "parameters", "columns"),
    *("reading", "note", "computed by"),
)
ACCESS = ("read",)
"""What a named query may do with the graph; nothing named writes."""
_FIELD = re.compile(r"//\s?(" + "|".join(_FIELDS) + r"):\s*(.*)")
_ENTRY = re.compile(r"//\s{2,}(\S.*)")
_COLUMN = re.compile(r"(\w+)(?: \[([^\]]+)\])? -- (\S.*)")
_USED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Query:
    """One named query.

    Attributes:
        name: File name without its ending.
        path: Its file.
        subject: What it is about; queries are listed by it.
        purpose: One sentence.
        parameters: In the order declared.
        columns: Column -> its meaning, in the order returned.
        text: What an engine runs.
        first_line: Line of the file on which the text begins.
        computed_by: Function of ``graphrec.graph.recursion``, or "".
        notes: What a reader must know of its semantics.
        access: One of ``ACCESS``.
        question: Its number among a designer's questions; 0: it answers none of them.
        units: Column -> its unit, such as "id", "count", "hours", "0..1", "epoch ms".
        reading: How to read the answer, in words.
    """

    name: str
    path: Path
    subject: str
    purpose: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    text: str
    first_line: int
    computed_by: str = ""
    notes: tuple[str, ...] = ()
    access: str = "read"
    question: int = 0
    units: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    reading: str = ""

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter with its value: given (a string is converted), else its default.

        Raises:
            ParameterError: One is unknown, missing or of the wrong type; it is named.
        """
        known = {p.name for p in self.parameters}
        for name in given:
            if name not in known:
                listed = ", ".join(p.name for p in self.parameters) or "none"
                raise ParameterError(
                    f"Query '{self.name}' has no parameter '{name}'.",
                    where=name,
                    remedy=f"It takes: {listed}.",
                )
        return {p.name: p.value(given, query=self.name) for p in self.parameters}

    def describe(self) -> dict[str, Any]:
        """The query as ``graphrec query --json`` lists it; a required default is null."""
        return {
            "name": self.name,
            "subject": self.subject,
            "purpose": self.purpose,
            "parameters": [p.describe() for p in self.parameters],
            "columns": list(self.columns),
        }


class QueryLibrary:
    """Named queries of one folder.

    Args:
        queries: By name.
    """

    def __init__(self, queries: Mapping[str, Query]) -> None:
        self._queries = dict(sorted(queries.items()))

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read and check every query.

        Args:
            folder: None: the package's copy of ``cypher/``, else the checkout's.

        Raises:
            QueryError: A header lacks something, or the text does not keep to it; says
                file and line.
        """
        paths = sorted((folder or cypher_folder()).glob("*.cypher"))
        return cls({p.stem: parse(p) for p in paths if not p.name.startswith("schema.")})

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())

    def __len__(self) -> int:
        return len(self._queries)

    def get(self, name: str) -> Query:
        """The query called ``name``.

        Raises:
            QueryError: There is none.
        """
        if name not in self._queries:
            raise QueryError(
                f"There is no query '{name}'.",
                where=name,
                remedy="'graphrec query' lists them.",
            )
        return self._queries[name]

    def describe(self) -> list[dict[str, Any]]:
        """Every query as JSON values, by name."""
        return [query.describe() for query in self]

    @cached_property
    def questions(self) -> dict[int, list[Query]]:
        """A designer's questions by number: the queries that answer each."""
        numbers = sorted({query.question for query in self} - {0})
        return {number: [q for q in self if q.question == number] for number in numbers}

    @cached_property
    def subjects(self) -> dict[str, list[Query]]:
        """Queries by subject, both in alphabetical order."""
        names = sorted({query.subject for query in self})
        return {name: [q for q in self if q.subject == name] for name in names}


def cypher_folder() -> Path:
    """Where the ``.cypher`` files are: in the installed package, else in the checkout.

    Raises:
        QueryError: In neither.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "cypher", package.parent / "cypher"):
        if any(folder.glob("*.cypher")):
            return folder
    raise QueryError(
        "The query files (cypher/*.cypher) are missing.",
        where=str(package / "cypher"),
        remedy="Install graphrec again.",
    )


def parse(path: Path) -> Query:
    """Read one query file.

    Raises:
        QueryError: Its header or text breaks a rule; says file and line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    header = _Header(path)
    first = 0
    while first < len(lines) and lines[first].startswith("//"):
        header.add(lines[first], first + 1)
        first += 1
    text = "\n".join(lines[first:]).strip()
    if not text:
        raise QueryError("There is no text after the header.", where=f"{path}:{first + 1}")
    return header.query(text, first + 1)


class _Header:
    """What the header lines of one file have said so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.single: dict[str, str] = {}
        self.notes: list[str] = []
        self.parameters: list[Parameter] = []
        self.columns: dict[str, str] = {}
        self.units: dict[str, str] = {}
        self._open = ""

    def add(self, line: str, number: int) -> None:
        where = f"{self.path}:{number}"
        if found := _FIELD.fullmatch(line.rstrip()):
            self._open, value = found[1], found[2].strip()
            if self._open == "note":
                self.notes.append(value)
            elif self._open not in ("parameters", "columns"):
                self.single[self._open] = value
            return
        entry = _ENTRY.fullmatch(line.rstrip())
        if not entry:
            raise QueryError(f"'{line}' is no line of a header.", where=where)
        self._entry(entry[1], where)

    def _entry(self, entry: str, where: str) -> None:
        if self._open == "parameters":
            parameter = Parameter.parse(entry, where)
            if any(p.name == parameter.name for p in self.parameters):
                raise QueryError(f"'{parameter.name}' is declared twice.", where=where)
            self.parameters.append(parameter)
        elif self._open == "columns":
            self._column(entry, where)
        elif self._open == "note":
            self.notes[-1] += f" {entry}"
        else:
            self.single[self._open] += f" {entry}"

    def _column(self, entry: str, where: str) -> None:
        found = _COLUMN.fullmatch(entry)
        name = found[1] if found else entry.split(" ", maxsplit=1)[0]
        if not found or not found[2]:
            lacking = "unit in brackets" if found else "meaning after ' -- '"
            raise QueryError(
                f"Column '{name}' has no {lacking}.",
                where=where,
                remedy=f"Write '{name} [id] -- what it is', with its unit.",
            )
        if name in self.columns:
            raise QueryError(f"Column '{name}' is declared twice.", where=where)
        self.columns[name], self.units[name] = found[3].strip(), found[2]

    def _question(self) -> int:
        said = self.single.get("question", "0")
        if not said.isdecimal():
            raise QueryError(f"'{said}' is no number of a question.", where=f"{self.path}:1")
        if int(said) and not self.single.get("reading"):
            raise QueryError("The header has no 'reading:'.", where=f"{self.path}:1")
        return int(said)

    def query(self, text: str, first_line: int) -> Query:
        for needed in ("subject", "purpose", "access"):
            if not self.single.get(needed):
                raise QueryError(f"The header has no '{needed}:'.", where=f"{self.path}:1")
        if not self.columns:
            raise QueryError("The header has no 'columns:'.", where=f"{self.path}:1")
        if self.single["access"] not in ACCESS:
            raise QueryError(
                f"Access '{self.single['access']}' is none: {', '.join(ACCESS)}.",
                where=f"{self.path}:1",
            )
        computed = self.single.get("computed by", "")
        self._check_parameters(text, set(_USED.findall(computed)), first_line)
        return Query(
            name=self.path.stem,
            path=self.path,
            subject=self.single["subject"],
            purpose=self.single["purpose"],
            parameters=tuple(self.parameters),
            columns=self.columns,
            text=text,
            first_line=first_line,
            computed_by=computed.split(" ")[0],
            notes=tuple(self.notes),
            access=self.single["access"],
            question=self._question(),
            units=self.units,
            reading=self.single.get("reading", ""),
        )

    def _check_parameters(self, text: str, filled: set[str], first_line: int) -> None:
        # A missing parameter is silently NULL on one engine: so every name is checked here.
        declared = {p.name for p in self.parameters}
        for number, line in enumerate(text.splitlines(), first_line):
            for name in _USED.findall(line.partition("//")[0]):
                if name not in declared | filled:
                    raise QueryError(f"${name} is not declared.", where=f"{self.path}:{number}")
        unused = declared - set(_USED.findall(text))
        if unused and "computed by" not in self.single:
            raise QueryError(f"${sorted(unused)[0]} is declared, not used.", where=f"{self.path}:1")

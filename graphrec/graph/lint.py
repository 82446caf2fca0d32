"""Stage 2, GRAPH: refuses query texts on which the two engines would differ, silently or not.

Each rule is a fault that was seen; ``lint_folder`` runs over ``cypher/`` in the tests, and
``python -m graphrec.graph.lint`` prints what it finds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphrec.graph.mapping import NODES, RELATIONS
from graphrec.graph.queries import Query, cypher_folder, parse


@dataclass(frozen=True)
class Finding:
    """A rule broken.

    Attributes:
        path: Query file.
        line: Line of the file, from 1.
        rule: Short name of the rule.
        message: What is wrong, and what to write instead.
    """

    path: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Return ``file:line: [rule] message``."""
        return f"{self.path}:{self.line}: [{self.rule}] {self.message}"


def _rule(name: str, pattern: str, message: str) -> tuple[str, re.Pattern[str], str]:
    return name, re.compile(pattern, re.IGNORECASE | re.DOTALL), message


_RULES = (
    _rule(
        "write",
        r"\b(CREATE|MERGE|DELETE|DETACH|SET|REMOVE|FOREACH|COPY|DROP|LOAD)\b",
        "A named query only reads.",
    ),
    _rule(
        "count-subquery",
        r"\bCOUNT\s*\{",
        "COUNT { } drops zero rows on LadybugDB: EXISTS, or OPTIONAL MATCH with count().",
    ),
    _rule("call", r"\bCALL\b", "No CALL: procedures and subqueries differ."),
    _rule("exists-without-match", r"\bEXISTS\s*\{(?!\s*MATCH\b)", "Write EXISTS { MATCH ... }."),
    _rule(
        "variable-length",
        r"\[[^\]]*\*[^\]]*\]",
        "A variable-length pattern stops silently at 30 hops and matches walks: 'computed by'.",
    ),
    _rule(
        "quantified-path",
        r"\)\s*(\{\s*\d*\s*,\s*\d*\s*\}|[+*])\s*(?=[(\n]|$)",
        "No quantified paths: LadybugDB has none.",
    ),
    _rule(
        "path-function",
        r"\b(ACYCLIC|TRAIL|SHORTEST|shortestPath|allShortestPaths)\b",
        "Path modes differ: 'computed by'.",
    ),
    _rule(
        "undirected",
        r"\)\s*-(\[[^\]]*\])?-\s*\(",
        "An undirected pattern doubles self-loops on LadybugDB: give it a direction.",
    ),
    _rule(
        "comma-match",
        r"\bMATCH\s[^;]*?\)\s*,\s*\((?=[^()]*\)\s*(,|WHERE|RETURN|WITH|MATCH|$))",
        "One MATCH an endpoint: the comma form is ten times slower on LadybugDB.",
    ),
    _rule("several-labels", r"\(\s*\w*\s*:\s*\w+\s*[:|&]\s*\w+", "':A:B' means or on LadybugDB."),
    _rule(
        "type-in-where",
        r"\bWHERE\b(?:(?!\b(?:RETURN|WITH|MATCH)\b).)*?[\s(](\w+):[A-Z_]+\b(?!\s*[{)\]])",
        "No label or type test in WHERE: put it into the pattern, or compare type(r).",
    ),
    _rule(
        "function",
        r"\b(substring|labels|log|log10|exp|round|split|head|last|tail|toString|datetime|date|time"
        r"|timestamp|duration|sum|avg|collect|reduce|range|id|elementId|keys|properties|nodes"
        r"|relationships|isEmpty|size)\s*\(",
        "This function differs between the engines, or is absent from one.",
    ),
    _rule(
        "list-index", r"[\w\])]\[\s*-?\d+", "Lists count from 1 on LadybugDB: index in the caller."
    ),
    _rule("comprehension", r"\[\s*\w+\s+IN\b", "No comprehensions: LadybugDB has none."),
    _rule(
        "parameter-is-null",
        r"\$\w+\s+IS\s+(NOT\s+)?NULL",
        "A null parameter has no type on LadybugDB: use a sentinel, $x = '' OR ...",
    ),
    _rule("null-alias", r"\bNULL\s+AS\b", "'null AS x' has no type on LadybugDB."),
    _rule(
        "sorted-with",
        r"\bWITH\b(?:(?!\b(?:RETURN|WITH|MATCH|LIMIT)\b).)*\bORDER\s+BY\b"
        r"(?:(?!\bLIMIT\b).)*?\b(?=RETURN|WITH|MATCH)",
        "WITH ... ORDER BY needs a LIMIT.",
    ),
    _rule(
        "sorted-union",
        r"\bUNION\b.*\bORDER\s+BY\b",
        "ORDER BY does not sort the whole union on LadybugDB: sort in the caller.",
    ),
    _rule("two-statements", r";", "One statement a file: 'a; b' runs both on LadybugDB."),
)

_LABELS = {node.label for node in NODES.values()}
_TYPES = {r.type for group in RELATIONS.values() for r in group}
_TYPES |= {link.type for node in NODES.values() for link in node.links}
_PROPERTIES = {"id"} | {p for node in NODES.values() for p in node.properties}
_PROPERTIES |= {p for g in RELATIONS.values() for r in g for p in (*r.identity, *r.properties)}

RETURNS_ROWS = ("", "completion")
"""Computations whose rows are those of the text, so that its columns and order count."""

_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_COMMENT = re.compile(r"//[^\n]*")
_NODE = re.compile(r"\(\s*(\w*)\s*:\s*(\w+)")
_RELATION = re.compile(r"\[\s*(\w*)\s*:\s*([\w|\s]+?)\s*[\]{]")
_PROPERTY = re.compile(r"(?<![\w.$])([A-Za-z_]\w*)\.(\w+)")
_ALIAS = re.compile(r"\bAS\s+(\w+)", re.IGNORECASE)


def lint(query: Query) -> list[Finding]:
    """Everything that is wrong with one query, by line."""
    text = _blank(query.text)
    found = [*_by_rule(text), *_unknown_names(text), *_aliases(text)]
    if query.computed_by in RETURNS_ROWS:
        found += _result(query, text)
    return sorted(
        (
            Finding(query.path, query.first_line + text.count("\n", 0, at), rule, message)
            for at, rule, message in found
        ),
        key=lambda finding: (finding.line, finding.rule),
    )


def lint_folder(folder: Path | None = None) -> list[Finding]:
    """Everything that is wrong with the queries of a folder (None: those of the package).

    Raises:
        QueryError: A header is wrong; what is behind it cannot be checked.
    """
    paths = sorted((folder or cypher_folder()).glob("*.cypher"))
    return [f for p in paths if not p.name.startswith("schema.") for f in lint(parse(p))]


def _blank(text: str) -> str:
    """The text with strings and comments emptied, every character in its place."""

    def emptied(found: re.Match[str]) -> str:
        whole = found[0]
        return whole[0] + re.sub(r"[^\n]", " ", whole[1:-1]) + whole[-1]

    strings = _STRING.sub(emptied, text)
    return _COMMENT.sub(lambda found: " " * len(found[0]), strings)


_Found = tuple[int, str, str]


def _by_rule(text: str) -> Iterator[_Found]:
    for name, pattern, message in _RULES:
        for found in pattern.finditer(text):
            yield found.start(), name, message


def _unknown_names(text: str) -> Iterator[_Found]:
    for found in _NODE.finditer(text):
        if found[2] not in _LABELS:
            yield found.start(), "unknown-label", f"There is no label {found[2]}."
    for found in _RELATION.finditer(text):
        for name in re.split(r"\s*\|\s*:?", found[2]):
            if name not in _TYPES:
                yield found.start(), "unknown-type", f"There is no relation {name}."
    for found in _PROPERTY.finditer(text):
        if found[2] not in _PROPERTIES:
            yield found.start(), "unknown-property", f"No node or relation has '{found[2]}'."


def _aliases(text: str) -> Iterator[_Found]:
    variables = {m[1] for m in (*_NODE.finditer(text), *_RELATION.finditer(text)) if m[1]}
    for found in _ALIAS.finditer(text):
        if found[1] in variables:
            yield (
                found.start(),
                "alias-is-variable",
                f"'{found[1]}' names a pattern's variable already.",
            )


def _result(query: Query, text: str) -> Iterator[_Found]:
    start = [m.end() for m in re.finditer(r"\bRETURN\b", text, re.IGNORECASE)]
    if not start:
        yield 0, "no-return", "A query returns rows."
        return
    tail = text[start[-1] :]
    body, order, _ = re.split(r"\b(?:(ORDER\s+BY)|(?=LIMIT\b)|\Z)", tail, maxsplit=1, flags=re.I)
    if not order:
        yield start[-1], "unordered", "Without ORDER BY the engines return rows in any order."
    columns = [_column(part) for part in _split(re.sub(r"^\s*DISTINCT\b", "", body, flags=re.I))]
    if columns != list(query.columns):
        yield start[-1], "columns", f"It returns {columns}, its header says {list(query.columns)}."


def _column(part: str) -> str:
    alias = _ALIAS.findall(part)
    return alias[-1] if alias else part.strip()


def _split(body: str) -> list[str]:
    """What stands between commas that are in no bracket."""
    parts, depth = [""], 0
    for char in body:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


if __name__ == "__main__":
    findings = lint_folder()
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    sys.exit(bool(findings))

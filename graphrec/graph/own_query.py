"""Stage 2, GRAPH: a read-only query text of somebody's own, checked before an engine sees it.

In comes a text with its parameters, out goes one statement that reads, ends in time and
stays within memory. The engines hold the same a second time (a read-only transaction with a
timeout); what is refused here is what they would let pass: on LadybugDB a read-only
transaction writes files (``COPY TO``, ``EXPORT``), reads them (``LOAD FROM``), is left by
``COMMIT; CREATE ...``, and neither its timeout nor its buffer pool bounds lists that grow,
or texts so nested that parsing takes minutes or ends the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from graphrec.errors import ParameterError
from graphrec.graph.own_query_bounds import check_bounds
from graphrec.graph.own_query_tokens import Token, tokens_of, words

MAX_CHARS: Final = 10_000
"""Characters of a text."""
MAX_VALUES: Final = 10_000
"""Values in all parameters together."""

_BEGIN = frozenset({"MATCH", "OPTIONAL", "UNWIND", "WITH", "RETURN", "CALL"})
_WRITES = words("CREATE MERGE DELETE DETACH SET REMOVE FOREACH DROP LOAD INSERT USE TRANSACTIONS")
"""Never a keyword of a text that reads; names like these are written in back quotes."""
_PROCEDURES: Final[Mapping[str, frozenset[str]]] = {
    "ladybug": frozenset({"SHOW_TABLES", "TABLE_INFO", "SHOW_CONNECTION", "DB_VERSION"}),
    "neo4j": frozenset(
        {
            "DB.LABELS",
            "DB.RELATIONSHIPTYPES",
            "DB.PROPERTYKEYS",
            "DB.SCHEMA.VISUALIZATION",
            "DB.SCHEMA.NODETYPEPROPERTIES",
            "DB.SCHEMA.RELTYPEPROPERTIES",
        }
    ),
}
_INT64 = 2**63


@dataclass(frozen=True)
class OwnQuery:
    """A text that was found to read only.

    Attributes:
        text: One statement, without a semicolon.
        parameters: Names it uses, without ``$``.
    """

    text: str
    parameters: frozenset[str]

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters' values, as they came.

        Raises:
            ParameterError: One is missing (one engine would read null), unknown, or no value
                that both engines take.
        """
        for name in sorted(self.parameters - given.keys()):
            raise ParameterError(
                f"The query uses ${name}, which is not given.",
                where=name,
                remedy="Give it among the parameters.",
            )
        for name in sorted(given.keys() - self.parameters):
            raise ParameterError(
                f"The query does not use ${name}.", where=name, remedy="Leave it away."
            )
        if sum(_count(value) for value in given.values()) > MAX_VALUES:
            raise ParameterError(
                f"The parameters hold more than {MAX_VALUES} values.", where="parameters"
            )
        for name, value in given.items():
            _check_value(name, value)
        return dict(given)


def read_own(text: str, engine: str) -> OwnQuery:
    """Check a text of somebody's own.

    Args:
        text: One statement; a semicolon may end it.
        engine: "ladybug" or "neo4j": what else may stand in it.

    Raises:
        ParameterError: It writes, is not one statement, or cannot be bounded; says the line.
    """
    if len(text) > MAX_CHARS:
        raise _refused(f"The query has more than {MAX_CHARS} characters.", "Make it shorter.")
    tokens = tokens_of(text)
    if engine == "neo4j" and "\\u" in text:
        # This engine reads \u0027 as a quote before it looks at strings: judge that text too.
        _check(tokens_of(_unescaped(text)), engine)
    if tokens and tokens[-1].text == ";" and tokens[-1].kind == "sign":
        text = text[: tokens.pop().start]
    _check(tokens, engine)
    return OwnQuery(text, frozenset(t.text for t in tokens if t.kind == "parameter"))


def _check(tokens: list[Token], engine: str) -> None:
    if not tokens:
        raise _refused("The query is empty.", "Write MATCH ... RETURN ...")
    for at, token in enumerate(tokens):
        if token.kind == "sign" and token.text == ";":
            raise _refused(f"Line {token.line}: a second statement.", "Send one at a time.")
        if token.kind == "word" and not _is_name(tokens, at):
            _check_keyword(tokens, at, engine)
    if tokens[0].kind != "word" or tokens[0].upper not in _BEGIN:
        raise _refused(
            f"Line {tokens[0].line}: a query of your own does not begin with"
            f" '{tokens[0].text[:20]}': it only reads.",
            "Begin with MATCH, OPTIONAL MATCH, UNWIND, WITH, RETURN or CALL.",
        )
    check_bounds(tokens, engine)


def _check_keyword(tokens: list[Token], at: int, engine: str) -> None:
    token = tokens[at]
    if token.upper in _WRITES:
        raise _refused(
            f"Line {token.line}: {token.upper} is not allowed: a query of your own only reads.",
            "Change the graph with 'graphrec import'; a name like that is put into back quotes.",
        )
    if token.upper == "CALL":
        _check_call(tokens, at, engine)


def _is_name(tokens: list[Token], at: int) -> bool:
    """Whether a word is a property, label, type or key of a map, not a keyword."""
    before = tokens[at - 1] if at else None
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if before is None or before.kind == "string":
        return False
    if before.text == ".":
        return at > 1 and (tokens[at - 2].kind in ("word", "quoted") or tokens[at - 2].text in ")]")
    if before.text in (":", "|") and before.kind == "sign":
        return True
    return before.text in ("{", ",") and after is not None and after.text == ":"


def _check_call(tokens: list[Token], at: int, engine: str) -> None:
    rest = tokens[at + 1 :]
    if engine == "neo4j" and rest and rest[0].text in ("{", "("):
        return  # a subquery: its keywords are checked like all others
    name = ""
    for token in rest:
        if token.kind not in ("word", "quoted") and token.text != ".":
            break
        name += token.upper
    allowed = _PROCEDURES[engine]
    if name not in allowed:
        raise _refused(
            f"Line {tokens[at].line}: CALL {name.lower() or '...'} is not allowed.",
            f"Allowed are: {', '.join(sorted(p.lower() for p in allowed))}.",
        )


def _unescaped(text: str) -> str:
    return re.sub(r"\\u+([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _check_value(name: str, value: Any) -> None:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, bool | str | float) or (
            isinstance(one, int) and -_INT64 <= one < _INT64
        ):
            continue
        raise ParameterError(
            "It is no text, number, truth value or list of these.",
            where=name,
            remedy="Null is no value of a parameter on both engines: use an empty text.",
        )
    if isinstance(value, list) and len({type(one) for one in value}) > 1:
        raise ParameterError("Its values are of several types.", where=name)


def _count(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


def _refused(message: str, remedy: str) -> ParameterError:
    return ParameterError(message, where="query", remedy=remedy)

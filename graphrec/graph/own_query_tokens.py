"""Stage 2, GRAPH: a Cypher text as tokens, so that strings and comments hide nothing.

In comes a text, out go words, names in back quotes, strings, numbers and signs, each with
its line. Comments and white space are no tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphrec.errors import ParameterError

_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n\r]*|/\*.*?\*/)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<quoted>`(?:[^`]|``)*`)"
    r"|(?P<parameter>\$\w+|\$`(?:[^`]|``)*`)"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[^\W\d]\w*)"
    r"|(?P<sign>\.\.|.)",
    re.DOTALL,
)


def words(text: str) -> frozenset[str]:
    """The words of a line, as a set."""
    return frozenset(text.split())


@dataclass(frozen=True)
class Token:
    """A piece of a text.

    Attributes:
        kind: string, quoted (in back quotes), parameter, number, word or sign.
        text: As written; a parameter without its ``$``.
        line: From 1.
        start: Index of its first character.
    """

    kind: str
    text: str
    line: int
    start: int

    @property
    def upper(self) -> str:
        """The word in capitals, as keywords are compared; of anything else its text."""
        return self.text.upper() if self.kind == "word" else self.text


def tokens_of(text: str) -> list[Token]:
    """Every token of a text.

    Raises:
        ParameterError: A string, a quoted name or a comment is not closed.
    """
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, written = str(match.lastgroup), match[0]
        line = text.count("\n", 0, match.start()) + 1
        if kind == "space":
            continue
        if kind == "sign" and (
            written in "'\"`" or text.startswith("/*", match.start()) or written == "\0"
        ):
            raise ParameterError(
                f"Line {line}: what {written} opens is not closed.",
                where="query",
                remedy="Close it.",
            )
        if kind == "parameter":
            written = written[1:].strip("`")
        found.append(Token(kind, written, line, match.start()))
    return found

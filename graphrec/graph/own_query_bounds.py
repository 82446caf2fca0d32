"""Stage 2, GRAPH: what neither timeout nor buffer pool bounds, found in the text itself.

Measured on LadybugDB 0.22: 2,000 nested calls end the process, 300 nested CASE parse for
minutes, 30 relations plan for 9 s, and none of these can be interrupted; a list grows outside
the buffer pool (``range(0, 2000000000)``: 16 GB and three minutes past its timeout); ``*``
without an upper bound stops silently at 30 hops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from graphrec.errors import ParameterError
from graphrec.graph.own_query_tokens import Token, words

MAX_DEPTH: Final = 20
"""Brackets and CASE within each other."""
MAX_RELATIONS: Final = 16
"""Relations of all patterns: planning time grows with them."""
MAX_GROWTH: Final = 1_000
"""How often a list may come to hold what it was made of."""
MAX_RANGE: Final = 10_000
"""Values of one range()."""

_GROWING = words(
    "LIST_CONCAT LIST_CAT ARRAY_CONCAT ARRAY_CAT LIST_APPEND LIST_PREPEND ARRAY_APPEND"
    " ARRAY_PREPEND ARRAY_PUSH_BACK ARRAY_PUSH_FRONT LIST_TRANSFORM LIST_REDUCE STRING_SPLIT"
    " STR_SPLIT STRING_TO_ARRAY REGEXP_SPLIT_TO_ARRAY REGEXP_EXTRACT_ALL NEXTVAL CURRVAL"
    " SETSEED"
)
"""Functions that make lists longer than what they are given, or change something."""
_BUILDING = frozenset({"CONCAT", "STRUCT_PACK", "MAP", "UNION_VALUE", "LIST_CREATION"})
_CLAUSES = words("MATCH OPTIONAL WITH UNWIND RETURN UNION WHERE ORDER SKIP LIMIT CALL")
_CARRYING = frozenset({"WITH", "UNWIND", "RETURN"})
_NO_NAMES = _CLAUSES | words(
    "AS AND OR XOR NOT DISTINCT CASE WHEN THEN ELSE END IN IS NULL TRUE FALSE BY ASC DESC"
    " STARTS ENDS CONTAINS ALL EXISTS"
)


def check_bounds(tokens: Sequence[Token], engine: str) -> None:
    """Refuse what an engine could not stop in time.

    Raises:
        ParameterError: Says the line and what to write instead.
    """
    _check_depth(tokens)
    if engine == "ladybug":
        _check_relations(tokens)
        _check_functions(tokens)
        _check_growth(tokens)


def _check_depth(tokens: Sequence[Token]) -> None:
    depth = 0
    for token in tokens:
        if token.text in ("(", "[", "{") or token.upper == "CASE":
            depth += 1
        elif token.text in (")", "]", "}") or token.upper == "END":
            depth = max(0, depth - 1)
        if depth > MAX_DEPTH:
            raise _refused(token, f"more than {MAX_DEPTH} brackets within each other", "Use WITH.")


def _check_relations(tokens: Sequence[Token]) -> None:
    number = 0
    for at, token in enumerate(tokens[:-1]):
        after = tokens[at + 1].text
        if token.text == "-" and after in ("[", "-", ">"):
            number += after != ">" or tokens[at - 1].text != "]"
            if after == "[":
                _check_length(tokens, at + 2)
        if number > MAX_RELATIONS:
            raise _refused(
                token, f"more than {MAX_RELATIONS} relations in patterns", "Ask in several queries."
            )


def _check_length(tokens: Sequence[Token], start: int) -> None:
    """A ``*`` within the brackets that begin before ``start`` has an upper bound."""
    depth = 0
    for at in range(start, len(tokens)):
        text = tokens[at].text
        if text == "]" and not depth:
            return
        depth += (text in "([{") - (text in ")]}")
        if text == "*" and not depth:
            if not _has_upper_bound(tokens, at + 1):
                raise _refused(
                    tokens[at],
                    "an unbounded '*' would be cut silently at 30 hops on this engine",
                    "Write *1..30, * SHORTEST 1..30, or run 'prerequisite_closure'.",
                )
            return


def _has_upper_bound(tokens: Sequence[Token], at: int) -> bool:
    kinds: list[str] = []
    for token in tokens[at : at + 12]:
        if token.kind == "number" or token.text == "..":
            kinds.append(token.kind)
        elif kinds or (token.kind not in ("word", "quoted") and token.text not in "()"):
            break
    return bool(kinds) and kinds[-1] == "number"


def _check_functions(tokens: Sequence[Token]) -> None:
    for at, token in enumerate(tokens[:-1]):
        name = token.text.strip("`").upper()
        if token.kind not in ("word", "quoted") or tokens[at + 1].text != "(":
            continue
        if name in _GROWING:
            raise _refused(token, f"{name.lower()}() is not allowed", "Make the list yourself.")
        if name == "RANGE" and not _is_small_range(tokens, at + 2):
            raise _refused(
                token,
                f"range() takes whole numbers and gives at most {MAX_RANGE} values here",
                "Write range(0, 100).",
            )


def _is_small_range(tokens: Sequence[Token], at: int) -> bool:
    text = ""
    for token in tokens[at : at + 9]:
        if token.text == ")":
            break
        text += token.text
    try:
        low, high, *step = (int(part) for part in text.split(","))
    except ValueError:
        return False
    return step != [0] and abs(high - low) <= MAX_RANGE and len(step) < 2


def _check_growth(tokens: Sequence[Token]) -> None:
    growth = 1
    for stage in _stages(tokens):
        if stage[0].upper == "UNION":
            growth = 1
        factor = _factor(stage)
        if growth * factor > MAX_GROWTH:
            raise _refused(
                stage[0], "lists or texts that grow too far", "Build them in fewer steps."
            )
        if stage[0].upper in _CARRYING:
            growth *= factor


def _stages(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    stage: list[Token] = []
    for token in tokens:
        follows_pair = stage and stage[-1].upper in ("STARTS", "ENDS")
        if token.kind == "word" and token.upper in _CLAUSES and not follows_pair and stage:
            yield stage
            stage = []
        stage.append(token)
    if stage:
        yield stage


def _factor(stage: Sequence[Token]) -> int:
    """How often a stage that builds something names what it has, at least 1."""
    pairs = list(zip(stage, [*stage[1:], None], [None, *stage[:-1]], strict=False))
    if not any(_builds(token, before) for token, _, before in pairs):
        return 1
    names = sum(
        token.kind in ("quoted", "parameter")
        or (
            token.kind == "word"
            and token.upper not in _NO_NAMES
            and not (after and after.text in ("(", ":"))
            and not (before and (before.text == "." or before.upper == "AS"))
        )
        for token, after, before in pairs
    )
    return max(1, names)


def _builds(token: Token, before: Token | None) -> bool:
    if token.kind == "word":
        return token.upper in _BUILDING
    if token.kind != "sign":
        return False
    if token.text == "[":
        is_index = before is not None and (
            (before.kind in ("word", "quoted", "parameter") and before.upper not in _NO_NAMES)
            or before.text in ")]-"
        )
        return not is_index
    return token.text in "+{"


def _refused(token: Token, what: str, remedy: str) -> ParameterError:
    return ParameterError(f"Line {token.line}: {what}.", where="query", remedy=remedy)

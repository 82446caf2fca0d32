"""Reads a rules file: YAML in, rules out, or every fault with its file and line.

Nothing but plain YAML is read: no tags, no aliases (a few lines of them can mean gigabytes),
no key twice; size, depth and number of rules are bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from graphrec.errors import SourceError
from graphrec.rules.schema import KINDS, MAX_RULES, RuleSet

MAX_BYTES: Final = 1 << 20
"""Of a rules file: a thousand rules of a kilobyte."""

MAX_DEPTH: Final = 8
"""Of its nesting; the format needs 4."""


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong with a rules file, and where.

    Attributes:
        line: From 1.
        message: One sentence.
        rule_id: The rule concerned, or "".
    """

    line: int
    message: str
    rule_id: str = ""


@dataclass
class RulesFile:
    """A rules file as read.

    Attributes:
        name: For messages.
        rules: None where it has a fault.
        faults: By line.
        lines: Rule id -> the line on which it begins.
    """

    name: str
    rules: RuleSet | None = None
    faults: list[Fault] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)


def load_rules(path: Path) -> RuleSet:
    """The rules of a file.

    Raises:
        SourceError: It cannot be read, or says what it may not; all faults are in the message.
    """
    found = read_rules(path)
    if found.rules is not None:
        return found.rules
    first, *others = found.faults
    told = "".join(f"\n{path}:{fault.line}: {fault.message}" for fault in others)
    raise SourceError(
        first.message + told,
        where=f"{path}:{first.line}",
        remedy="\n`graphrec rules check FILE` says it all; docs/rules.md what a rule may say.",
    )


def read_rules(path: Path) -> RulesFile:
    """A rules file with its faults.

    Raises:
        SourceError: It cannot be read at all.
    """
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as exc:
        raise SourceError(f"cannot be read: {exc.strerror}.", where=str(path)) from exc
    if len(content) > MAX_BYTES:
        raise SourceError(f"is larger than {MAX_BYTES:,} bytes.", where=str(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise SourceError(f"is not UTF-8 (byte {exc.start}).", where=str(path)) from exc
    return parse_rules(text, str(path))


def parse_rules(text: str, name: str = "rules") -> RulesFile:
    """As ``read_rules``, of a text."""
    found = RulesFile(name)
    try:
        tree = _Reader(text).tree()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = 1 if mark is None else mark.line + 1
        found.faults.append(Fault(line, f"{exc.problem or exc.context}."))
    except yaml.YAMLError as exc:
        found.faults.append(Fault(1, f"is no YAML: {str(exc).splitlines()[0]}."))
    except _FaultError as exc:
        found.faults.append(exc.fault)
    else:
        _validate(tree, found)
    found.faults.sort()
    return found


@dataclass(frozen=True)
class _Node:
    """A value, the line on which it stands, and those of what is in it."""

    value: Any
    line: int
    children: dict[Any, _Node] = field(default_factory=dict)

    def line_of(self, path: Sequence[Any]) -> int:
        """Line of the innermost part of a path that there is."""
        node = self
        for step in path:
            node = node.children.get(step, node)
        return node.line


class _FaultError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.fault = Fault(line, message)


class _Reader:
    """Turns YAML into plain values that know their lines."""

    def __init__(self, text: str) -> None:
        self._text = text

    def tree(self) -> _Node:
        depth = 0
        for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _FaultError(line, "anchors and aliases (& and *) are not taken.")
            if getattr(event, "tag", None) is not None:
                raise _FaultError(line, f"tags ({event.tag}) are not taken.")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise _FaultError(line, f"is nested deeper than {MAX_DEPTH}.")
        loader = yaml.SafeLoader(self._text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise _FaultError(1, "is empty. It begins with: version: 1")
            return self._node(root, loader)
        finally:
            loader.dispose()

    def _node(self, node: Any, loader: yaml.SafeLoader) -> _Node:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            children: dict[Any, _Node] = {}
            for key_node, value_node in node.value:
                key = self._node(key_node, loader)
                if not isinstance(key.value, str):
                    raise _FaultError(key.line, f"the key {key.value!r} is no text: quote it.")
                if key.value in children:
                    raise _FaultError(key.line, f"the key '{key.value}' stands here twice.")
                value = self._node(value_node, loader)
                children[key.value] = _Node(value.value, key.line, value.children)
            return _Node({k: child.value for k, child in children.items()}, line, children)
        if isinstance(node, yaml.SequenceNode):
            listed = [self._node(one, loader) for one in node.value]
            return _Node([one.value for one in listed], line, dict(enumerate(listed)))
        try:
            return _Node(loader.construct_object(node, deep=True), line)
        except ValueError as exc:  # 2026-02-31 looks like a date
            raise _FaultError(line, f"'{node.value}' cannot be read: {exc}.") from exc


def _validate(tree: _Node, found: RulesFile) -> None:
    """Check version and every rule by the class of its kind; fill ``found``."""
    if not isinstance(tree.value, dict):
        found.faults.append(Fault(tree.line, "is no mapping. It begins with: version: 1"))
        return
    shell = {**tree.value, "rules": ()}
    _check(RuleSet, shell, tree, found, "")
    listed = tree.value.get("rules")
    if listed is not None and not isinstance(listed, list):
        found.faults.append(Fault(tree.line_of(["rules"]), "rules: is no list (- id: …)."))
        return
    nodes = [tree.children["rules"].children[n] for n in range(len(listed or []))]
    if len(nodes) > MAX_RULES:
        line = nodes[MAX_RULES].line
        found.faults.append(Fault(line, f"rules: more than {MAX_RULES:,} of them."))
        return
    rules = [_rule(node, found) for node in nodes]
    ids = Counter(rule.id for rule in rules if rule is not None)
    for rule, node in zip(rules, nodes, strict=True):
        if rule is None:
            continue
        first = found.lines.setdefault(rule.id, node.line)
        if ids[rule.id] > 1 and first != node.line:
            message = f"the id '{rule.id}' is that of the rule on line {first} too."
            found.faults.append(Fault(node.line_of(["id"]), message, rule.id))
    if not found.faults:
        found.rules = RuleSet(version=1, rules=tuple(rules))


def _rule(node: _Node, found: RulesFile) -> Any:
    """One rule, or None with its faults told."""
    if not isinstance(node.value, dict):
        found.faults.append(Fault(node.line, "a rule is a mapping: id, kind, owner, expires, …"))
        return None
    rule_id = str(node.value.get("id", ""))
    kind = node.value.get("kind")
    if kind not in KINDS:
        told = "a rule needs a kind" if kind is None else f"there is no kind '{kind}'"
        message = f"{told}{_nearest(str(kind), KINDS)}. Kinds: {', '.join(KINDS)}."
        found.faults.append(Fault(node.line_of(["kind"]), message, rule_id))
        return None
    return _check(KINDS[kind], node.value, node, found, rule_id)


def _check(
    model: type[BaseModel], value: Any, node: _Node, found: RulesFile, rule_id: str
) -> BaseModel | None:
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        for fault in exc.errors(include_url=False, include_context=False):
            path = fault["loc"]
            where = ".".join(str(step) for step in path)
            if fault["type"] == "extra_forbidden":
                message = f"there is no key '{where}'{_nearest(str(path[-1]), model.model_fields)}."
            elif fault["type"] == "missing":
                message = f"the key '{where}' is missing."
            else:
                told = fault["msg"].removeprefix("Value error, ")
                message = f"{where}: {told}." if where else f"{told}."
            message = f"rule '{rule_id}': {message}" if rule_id else message
            found.faults.append(Fault(node.line_of(path), message, rule_id))
        return None


def _nearest(word: str, known: Any) -> str:
    """'; did you mean …?' where something known is alike."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""

"""Reads a rules file: YAML in, rules out, or every fault with its file and line.

Nothing but plain YAML is read: no tags, no aliases (a few lines of them can mean gigabytes),
no key twice; size, depth and number of rules are bounded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from graphrec.errors import SourceError
from graphrec.lined_yaml import LineError, Node, faults_of, nearest, read_text, read_tree
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
    text = read_text(path, max_bytes=MAX_BYTES)
    return parse_rules(text, str(path))


def parse_rules(text: str, name: str = "rules") -> RulesFile:
    """As ``read_rules``, of a text."""
    found = RulesFile(name)
    try:
        tree = read_tree(text, max_depth=MAX_DEPTH)
    except LineError as exc:
        found.faults.append(Fault(exc.line, exc.message))
    else:
        _validate(tree, found)
    found.faults.sort()
    return found


def _validate(tree: Node, found: RulesFile) -> None:
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


def _rule(node: Node, found: RulesFile) -> Any:
    """One rule, or None with its faults told."""
    if not isinstance(node.value, dict):
        found.faults.append(Fault(node.line, "a rule is a mapping: id, kind, owner, expires, …"))
        return None
    rule_id = str(node.value.get("id", ""))
    kind = node.value.get("kind")
    if kind not in KINDS:
        told = "a rule needs a kind" if kind is None else f"there is no kind '{kind}'"
        message = f"{told}{nearest(str(kind), KINDS)}. Kinds: {', '.join(KINDS)}."
        found.faults.append(Fault(node.line_of(["kind"]), message, rule_id))
        return None
    return _check(KINDS[kind], node.value, node, found, rule_id)


def _check(
    model: type[BaseModel], value: Any, node: Node, found: RulesFile, rule_id: str
) -> BaseModel | None:
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        for line, told in faults_of(exc, node, model):
            message = f"rule '{rule_id}': {told}" if rule_id else told
            found.faults.append(Fault(line, message, rule_id))
        return None

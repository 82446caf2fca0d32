"""Plain YAML that knows its lines: text in, values out, or a fault with its line.

No tags, no aliases (a few lines of them can mean gigabytes), no key twice; size and depth
are bounded by who reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from graphrec.errors import SourceError


@dataclass(frozen=True)
class Node:
    """A value of YAML, the line on which it stands, and those of what is in it."""

    value: Any
    line: int
    children: dict[Any, Node] = field(default_factory=dict)

    def line_of(self, path: Sequence[Any]) -> int:
        """Line of the innermost part of a path that there is."""
        node = self
        for step in path:
            node = node.children.get(step, node)
        return node.line


class LineError(Exception):
    """A text is not what it should be.

    Attributes:
        line: From 1.
        message: One sentence.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Reader:
    """Turns YAML into plain values that know their lines."""

    def __init__(self, text: str, max_depth: int) -> None:
        self._text = text
        self._max_depth = max_depth

    def tree(self) -> Node:
        depth = 0
        for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise LineError(line, "anchors and aliases (& and *) are not taken.")
            if getattr(event, "tag", None) is not None:
                raise LineError(line, f"tags ({event.tag}) are not taken.")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > self._max_depth:
                raise LineError(line, f"is nested deeper than {self._max_depth}.")
        loader = yaml.SafeLoader(self._text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise LineError(1, "is empty. It begins with: version: 1")
            return self._node(root, loader)
        finally:
            loader.dispose()

    def _node(self, node: Any, loader: yaml.SafeLoader) -> Node:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            children: dict[Any, Node] = {}
            for key_node, value_node in node.value:
                key = self._node(key_node, loader)
                if not isinstance(key.value, str):
                    raise LineError(key.line, f"the key {key.value!r} is no text: quote it.")
                if key.value in children:
                    raise LineError(key.line, f"the key '{key.value}' stands here twice.")
                value = self._node(value_node, loader)
                children[key.value] = Node(value.value, key.line, value.children)
            return Node({k: child.value for k, child in children.items()}, line, children)
        if isinstance(node, yaml.SequenceNode):
            listed = [self._node(one, loader) for one in node.value]
            return Node([one.value for one in listed], line, dict(enumerate(listed)))
        try:
            return Node(loader.construct_object(node, deep=True), line)
        except ValueError as exc:  # 2026-02-31 looks like a date
            raise LineError(line, f"'{node.value}' cannot be read: {exc}.") from exc


def read_text(path: Path, *, max_bytes: int) -> str:
    """A file as text.

    Raises:
        SourceError: It cannot be read, is larger than ``max_bytes`` or is not UTF-8.
    """
    try:
        with path.open("rb") as handle:
            content = handle.read(max_bytes + 1)
    except OSError as exc:
        raise SourceError(f"cannot be read: {exc.strerror}.", where=str(path)) from exc
    if len(content) > max_bytes:
        raise SourceError(f"is larger than {max_bytes:,} bytes.", where=str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise SourceError(f"is not UTF-8 (byte {exc.start}).", where=str(path)) from exc


def read_tree(text: str, *, max_depth: int) -> Node:
    """The one document of a text.

    Raises:
        LineError: It is no YAML, more than plain YAML, or nested deeper than ``max_depth``.
    """
    try:
        return _Reader(text, max_depth).tree()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = 1 if mark is None else mark.line + 1
        raise LineError(line, f"{exc.problem or exc.context}.") from exc
    except yaml.YAMLError as exc:
        raise LineError(1, f"is no YAML: {str(exc).splitlines()[0]}.") from exc


def faults_of(
    error: ValidationError, node: Node, model: type[BaseModel]
) -> Iterator[tuple[int, str]]:
    """Line and one sentence of each thing that a model does not take in a node."""
    for fault in error.errors(include_url=False, include_context=False):
        path = fault["loc"]
        where = ".".join(str(step) for step in path)
        if fault["type"] == "extra_forbidden":
            message = f"there is no key '{where}'{nearest(str(path[-1]), model.model_fields)}."
        elif fault["type"] == "missing":
            message = f"the key '{where}' is missing."
        else:
            told = fault["msg"].removeprefix("Value error, ")
            message = f"{where}: {told}." if where else f"{told}."
        yield node.line_of(path), message


def nearest(word: str, known: Any) -> str:
    """The words '; did you mean …?' where something known is alike."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""

"""JSON-LD as course pages carry it: nodes in lists, under ``@graph``, nested, or by reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graphrec.events.readers.placed_json import Placed

_PREFIXES: Final = ("https://schema.org/", "http://schema.org/", "schema:", "sdo:")


class Nodes:
    """The nodes of one document, found by their ``@id``.

    Args:
        document: The decoded file, its objects ``Placed``; property names are cleared of
            schema.org's prefixes in place.
    """

    def __init__(self, document: Any) -> None:
        self.nodes = list(_walk(document))
        self._by_id: dict[str, Placed] = {}
        for node in self.nodes:
            identifier = node.get("@id")
            if isinstance(identifier, str) and not is_reference(node):
                self._by_id.setdefault(identifier, node)

    def values(self, node: Placed, name: str) -> list[Any]:
        """Values of a property as a list; references become the nodes they mean."""
        value = node.get(name)
        if isinstance(value, dict) and "@list" in value:
            value = value["@list"]
        found = value if isinstance(value, list) else [value]
        return [self.resolved(one) for one in found if one not in (None, "")]

    def resolved(self, value: Any) -> Any:
        """The node that a reference means, where the document has it; else the value."""
        if isinstance(value, Placed) and is_reference(value):
            return self._by_id.get(str(value["@id"]), value)
        return value

    def text(self, node: Placed, name: str) -> str | None:
        """The property as one text: English before others, a thing by its name."""
        texts = [(language, text) for language, text in map(_spoken, self.values(node, name))]
        said = [(language, text) for language, text in texts if text]
        english = (text for language, text in said if language.startswith("en"))
        return next(english, said[0][1] if said else None)


def is_reference(node: Placed) -> bool:
    """Whether an object says nothing but its ``@id``."""
    return node.keys() == {"@id"}


def is_a(value: Any, *types: str) -> bool:
    """Whether a value is a node of one of these types."""
    if not isinstance(value, dict):
        return False
    given = value.get("@type")
    return any(_bare(one) in types for one in (given if isinstance(given, list) else [given]))


def real_id(node: Placed) -> str | None:
    """The node's ``@id``, where it means something beyond its document."""
    identifier = node.get("@id")
    named = isinstance(identifier, str) and identifier.strip() and not identifier.startswith("_:")
    return str(identifier).strip() if named else None


def _walk(value: Any) -> Iterator[Placed]:
    """Every object, outer before inner, in the document's order."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Placed):
            for name in [name for name in value if name.startswith(_PREFIXES)]:
                value[_bare(name)] = value.pop(name)
            yield value
            waiting += reversed([part for name, part in value.items() if name != "@context"])
        elif isinstance(value, list):
            waiting += reversed(value)


def _bare(name: Any) -> str:
    text = str(name)
    return next((text.removeprefix(p) for p in _PREFIXES if text.startswith(p)), text)


def _spoken(value: Any) -> tuple[str, str]:
    """Language ("" where not said) and text of a literal or of a thing's name."""
    if isinstance(value, dict):
        if "@value" in value:
            return str(value.get("@language", "")).lower(), str(value["@value"]).strip()
        name = value.get("name", value.get("alternateName", value.get("@id", "")))
        return _spoken(name[0] if isinstance(name, list) and name else name)
    return "", "" if isinstance(value, bool | list) else str(value).strip()

"""1EdTech CASE: a competency framework as one JSON package, as its exports and API give it.

Items are skills; one whose type is that of a role (occupation, job role) is a role instead,
which needs the skills below and beside it. ``precedes`` makes a prerequisite. Ids are the
items' ``identifier``, verbatim.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from graphrec.errors import SourceError
from graphrec.events.readers.placed_json import Placed, Rows, json_files, load_placed, text_batch
from graphrec.events.source import Reader, ReadLog, SourceBatch

_ROLE_TYPES: Final = frozenset(
    {"role", "work role", "job role", "job", "occupation", "position", "job profile"}
)
_BELOW: Final = frozenset({"ischildof", "ispartof"})
_NEEDED: Final = "isrelatedto"


class CaseReader(Reader):
    """Reads one package, or every package of a folder."""

    source: ClassVar[str] = "case"

    def __init__(self, path: Path, log: ReadLog) -> None:
        super().__init__(path, log)
        self._packages: list[_Package] = []

    def check(self) -> None:
        """Read and check every package."""
        self._packages = [_Package(file) for file in json_files(self.path, (".json",))]

    def batches(self) -> Iterator[SourceBatch]:
        """Yield skills, roles, prerequisites and needs; later packages may name earlier items."""
        for package in self._packages:
            package.read_items(self.log)
            yield text_batch("skills", package.file, package.skills, ("skill_id",))
        for package in self._packages:
            yield text_batch("roles", package.file, package.roles, ("role_id",))
        links = [(package, package.links(self.log)) for package in self._packages]
        for table in ("skill_prerequisites", "needs"):
            for package, found in links:
                if found[table]:
                    yield text_batch(table, package.file, found[table])


class _Package:
    """One JSON file.

    Raises:
        SourceError: It is not JSON, or holds no CFItems.
    """

    def __init__(self, path: Path) -> None:
        self.file = path.name
        value = load_placed(path)
        items = value.get("CFItems") if isinstance(value, dict) else None
        links = value.get("CFAssociations", []) if isinstance(value, dict) else None
        if not isinstance(items, list) or not isinstance(links, list):
            keys = sorted(value) if isinstance(value, dict) else type(value).__name__
            raise SourceError(
                "not a CASE package: expected the lists 'CFItems' and 'CFAssociations';"
                f" found: {keys}.",
                where=str(path),
                remedy="Export the framework as a CFPackage (GET …/CFPackages/ID) and give that.",
            )
        self._items, self._links = items, links
        self._by_uri: dict[str, str] = {}
        self._role_ids: set[str] = set()
        self.skills: Rows = []
        self.roles: Rows = []

    def read_items(self, log: ReadLog) -> None:
        """Sort the items into skills and roles."""
        line = 1
        for item in self._items:
            line = item.line if isinstance(item, Placed) else line
            identifier = item.get("identifier") if isinstance(item, Placed) else None
            if not isinstance(identifier, str):
                log.reject("skills", self.file, line, "identifier is missing", {"CFItem": item})
                continue
            if isinstance(item.get("uri"), str):
                self._by_uri[item["uri"]] = identifier
            is_role = str(item.get("CFItemType") or "").strip().lower() in _ROLE_TYPES
            row = {"role_id" if is_role else "skill_id": identifier, **_described(item)}
            (self.roles if is_role else self.skills).append((line, row))
            if is_role:
                self._role_ids.add(identifier)

    def links(self, log: ReadLog) -> dict[str, Rows]:
        """Prerequisites and needs; what has no place is counted in a note."""
        rows: dict[str, Rows] = {"skill_prerequisites": [], "needs": []}
        below: dict[str, list[tuple[int, str]]] = defaultdict(list)
        others: Counter[str] = Counter()
        for link in self._links:
            ends = self._ends(link)
            if ends is None:
                line = link.line if isinstance(link, Placed) else 1
                reason = "originNodeURI or destinationNodeURI names no item"
                log.reject("skill_prerequisites", self.file, line, reason, {"CFAssociation": link})
                continue
            kind = str(link.get("associationType") or "").strip()
            origin, destination = ends
            if kind.lower() == "precedes":
                row = {"skill_id": destination, "requires_skill_id": origin}
                rows["skill_prerequisites"].append((link.line, row))
            elif kind.lower() == _NEEDED and self._role_ids & {origin, destination}:
                role, skill = ends if origin in self._role_ids else (destination, origin)
                rows["needs"].append((link.line, {"role_id": role, "skill_id": skill}))
            else:
                if kind.lower() in _BELOW:
                    below[destination].append((link.line, origin))
                others[kind or "no type"] += 1
        rows["needs"] += self._needs(below)
        self._tell(others, log)
        return rows

    def _ends(self, link: Any) -> tuple[str, str] | None:
        if not isinstance(link, Placed):
            return None
        ends = [self._node(link.get(f"{end}NodeURI")) for end in ("origin", "destination")]
        return (ends[0], ends[1]) if ends[0] and ends[1] else None

    def _node(self, node: Any) -> str:
        """The identifier of a link's end: an object as the standard has it, or a bare URI."""
        if isinstance(node, dict):
            return str(node.get("identifier") or self._by_uri.get(str(node.get("uri")), ""))
        return self._by_uri.get(node, node.rpartition("/")[2]) if isinstance(node, str) else ""

    def _needs(self, below: dict[str, list[tuple[int, str]]]) -> Rows:
        """What stands below each role, at any depth; a ring is walked once."""
        rows: Rows = []
        for role in sorted(self._role_ids):
            waiting, seen = list(below[role]), {role}
            while waiting:
                line, item = waiting.pop(0)
                if item in seen or item in self._role_ids:
                    continue
                seen.add(item)
                rows.append((line, {"role_id": role, "skill_id": item}))
                waiting += below.get(item, [])
        return rows

    def _tell(self, others: Counter[str], log: ReadLog) -> None:
        for kind, num in sorted(others.items()):
            use = "used for roles only" if kind.lower() in _BELOW else "not read"
            log.note(f"{self.file}: {num} associations '{kind}': {use}")


def _described(item: Placed) -> dict[str, Any]:
    """A short name and, where there is more to say, the full statement."""
    full = item.get("fullStatement")
    short = item.get("abbreviatedStatement") or full or item.get("humanCodingScheme")
    described = [text for text in (full if full != short else None, item.get("notes")) if text]
    return {"name": short, "description": "\n".join(map(str, described)) or None}

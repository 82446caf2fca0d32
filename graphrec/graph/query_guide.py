"""Stage 2, GRAPH: the list of named queries in ``docs/queries.md``, made from their headers.

``python -m graphrec.graph.query_guide docs/queries.md`` writes it anew between its marks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from graphrec.errors import InputError
from graphrec.graph.queries import Query, QueryLibrary


def questions_table(library: QueryLibrary) -> str:
    """A designer's questions by number, as a Markdown table."""
    lines = ["| | query | what it answers | how to read it |", "|---|---|---|---|"]
    for number, queries in library.questions.items():
        lines += [f"| {number} | `{q.name}` | {q.purpose} | {q.reading} |" for q in queries]
    return "\n".join(lines)


def subjects_list(library: QueryLibrary) -> str:
    """Every query by subject, as Markdown tables."""
    parts = []
    for subject, queries in library.subjects.items():
        lines = [
            f"### {subject}",
            "",
            "| query | | what it answers | parameters | columns |",
            "|---|---|---|---|---|",
            *map(_line, queries),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _line(query: Query) -> str:
    parameters = ", ".join(
        p.name if p.default is None else f"{p.name} = {json.dumps(p.default)}"
        for p in query.parameters
    )
    columns = ", ".join(f"{name} [{unit}]" for name, unit in query.units.items())
    cells = (
        f"`{query.name}`",
        str(query.question or ""),
        query.purpose,
        parameters or "–",
        columns,
    )
    return "| " + " | ".join(cells) + " |"


def put_between(text: str, name: str, part: str) -> str:
    """``text`` with ``part`` between the marks called ``name``.

    Raises:
        InputError: The marks are not there.
    """
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    if begin not in text or end not in text:
        raise InputError(f"There are no marks '{name}'.", remedy=f"Put {begin.strip()} there.")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{part}\n{end}{rest.partition(end)[2]}"


def guide(text: str, library: QueryLibrary) -> str:
    """The guide with both lists as the headers have them now."""
    text = put_between(text, "questions", questions_table(library))
    return put_between(text, "queries", subjects_list(library))


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(guide(page.read_text(encoding="utf-8"), QueryLibrary.load()), encoding="utf-8")

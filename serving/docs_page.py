"""``/docs``: the OpenAPI description as one plain page, with nothing loaded from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

Schema = dict[str, Any]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1c2530;background:#fff}
h2{margin-top:3rem;border-bottom:1px solid #ccd}h3{margin-top:2rem}
code,pre{font:14px/1.45 ui-monospace,monospace}pre{background:#f3f5f8;padding:.8rem;
overflow-x:auto;border-radius:6px}b.m{display:inline-block;min-width:3.2rem;color:#075}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;
padding:.3rem .6rem .3rem 0;border-bottom:1px solid #e4e7ec}small{color:#566}
@media(prefers-color-scheme:dark){body{color:#dde3ea;background:#14181d}pre{background:#1f252c}
td,th{border-color:#2c343d}b.m{color:#5c9}small{color:#9ab}a{color:#8bf}}
"""


def render_docs(spec: Schema) -> str:
    """An HTML page of an OpenAPI 3 description."""
    title = f"{escape(spec['info']['title'])} {escape(spec['info']['version'])}"
    body = "".join(_sections(spec))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<style>{_STYLE}</style><h1>{title}</h1>{_paragraphs(spec['info']['description'])}"
        f"<p>The same for programs: <a href='openapi.json'>openapi.json</a></p>{body}</html>"
    )


def _sections(spec: Schema) -> Iterator[str]:
    seen = ""
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["other"])[0]
            if tag != seen:
                yield f"<h2>{escape(tag.capitalize())}</h2>"
                seen = tag
            yield from _operation(spec, method.upper(), path, operation)


def _operation(spec: Schema, method: str, path: str, operation: Schema) -> Iterator[str]:
    yield (
        f"<h3 id='{escape(operation['operationId'])}'>{escape(operation['summary'])}</h3>"
        f"<p><b class=m>{method}</b> <code>{escape(path)}</code></p>"
    )
    yield _paragraphs(operation.get("description", ""))
    yield _parameters(operation.get("parameters", []))
    for summary, example in _body_examples(spec, operation):
        command = f"curl -s localhost:8000{path} -H 'Content-Type: application/json' -d '{example}'"
        yield f"<p><small>{escape(summary)}</small></p><pre>{escape(command)}</pre>"
    yield _answers(spec, operation)


def _parameters(parameters: list[Schema]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(_type(p['schema']))}"
        f"<td>{_inline(p.get('description', ''))}"
        for p in parameters
    )
    return f"<table><tr><th>Parameter<th>Type<th>Meaning{rows}</table>"


def _body_examples(spec: Schema, operation: Schema) -> Iterator[tuple[str, str]]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = list(content.get("examples", {}).values())
    schema = _resolve(spec, content.get("schema", {}))
    examples += [{"value": value} for value in schema.get("examples", [])]
    for example in examples:
        yield example.get("summary", "For example"), json.dumps(example["value"])


def _answers(spec: Schema, operation: Schema) -> str:
    rows = ""
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        fields = _fields(_resolve(spec, schema)) if int(status) < 400 else ""
        rows += f"<tr><td>{status}<td>{_inline(answer['description'])}{fields}"
    return f"<table><tr><th>Status<th>Answer{rows}</table>"


def _fields(schema: Schema) -> str:
    return "".join(
        f"<br><code>{escape(name)}</code> <small>{escape(_type(part))}</small> "
        f"{_inline(part.get('description', ''))}"
        for name, part in schema.get("properties", {}).items()
    )


def _resolve(spec: Schema, schema: Schema) -> Schema:
    """A schema or a list's item, with its reference followed."""
    schema = schema.get("items", schema)
    if "$ref" not in schema:
        return schema
    found: Schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    text = str(schema.get("type", "any"))
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    default = schema.get("default")
    bounds += [f"default {default}"] if default not in (None, "") else []
    return f"{text} ({', '.join(bounds)})" if bounds else text


_BOUNDS = {"minimum": "≥", "maximum": "≤"}


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    parts = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(parts)).replace(
        "**", ""
    )

"""The OpenAPI document as one page to read: no script, no style and no picture from anywhere else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

Schema = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 3rem; border-top: 1px solid #8888; padding-top: 1rem; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with the page: show it."""


def page(document: Schema) -> str:
    """The page as HTML."""
    info = document["info"]
    title = f"{info['title']} {info['version']}"
    parts = [
        f'<h1>{escape(title)}</h1><p>{_prose(info["description"])} <a href="openapi.json">OpenAPI document</a></p>',
        _contents(document),
    ]
    for path, item in document["paths"].items():
        parts += [_operation(path, method, described) for method, described in item.items() if method != "head"]
    parts.append("<h2>Shapes</h2>")
    parts += [_shape(name, schema) for name, schema in document["components"]["schemas"].items()]
    parts.append("<h2>Headers of answers</h2>")
    headers = document["components"]["headers"].items()
    parts.append(_table("", [(_code(name), _prose(header["description"])) for name, header in headers]))
    return html_page(title, parts)


def html_page(title: str, parts: Iterable[str]) -> str:
    """A whole page of parts that are HTML already, to be sent with SECURITY_POLICY."""
    head = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
    ]
    return "\n".join([*head, *parts, "</body></html>"])


def html_table(rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return "<table>" + "\n".join(lines) + "</table>"


def _contents(document: Schema) -> str:
    rows = [
        (_link(described["operationId"], _code(f"{method.upper()} {path}")), escape(described["summary"]))
        for path, item in document["paths"].items()
        for method, described in item.items()
        if method != "head"
    ]
    return _table("", rows)


def _operation(path: str, method: str, described: Schema) -> str:
    also = " (also HEAD)" if method == "get" else ""
    parts = [
        f'<h2 id="{escape(described["operationId"])}">{escape(described["summary"])}</h2>',
        f"<p>{_code(f'{method.upper()} {path}')}{also}. {_prose(described['description'])}</p>",
    ]
    if parameters := described.get("parameters"):
        rows = [
            (_code(parameter["name"]), parameter["in"], _type(parameter["schema"]), _prose(parameter["description"]))
            for parameter in parameters
        ]
        parts.append(_table("Parameters", rows))
    if body := described.get("requestBody"):
        parts.append(f"<p>Body: {_media(body['content'])}</p>")
    rows = [
        (_code(status), _prose(response["description"]), _media(response.get("content", {})))
        for status, response in described["responses"].items()
    ]
    parts.append(_table("Answers", rows))
    return "\n".join(parts)


def _media(content: Mapping[str, Schema]) -> str:
    return ", ".join(f"{_code(media)} {_type(described['schema'])}" for media, described in content.items())


def _shape(name: str, schema: Schema) -> str:
    required = schema.get("required", ())
    rows = [
        (_code(field), _type(described), "required" if field in required else "", _prose(_said(described)))
        for field, described in schema["properties"].items()
    ]
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{_prose(_said(schema))}</p>{_table("", rows)}'


def _said(schema: Schema) -> str:
    """The description of a schema, or of the part of it that is not null."""
    parts = [schema, *schema.get("anyOf", ())]
    return next((part["description"] for part in parts if "description" in part), "")


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _link(name, escape(name))
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(_code(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of ({_type(schema['items'])})"
    if inner := schema.get("additionalProperties"):
        return f"object of ({_type(inner)})"
    bounds = [schema[word] for word in ("minimum", "maximum") if word in schema]
    ends = f", {' to '.join(map(str, bounds))}" if len(bounds) == 2 and schema["type"] == "integer" else ""
    default = f", otherwise {_code(str(schema['default']).lower())}" if "default" in schema else ""
    return escape(str(schema.get("type", "anything"))) + ends + default


def _link(anchor: str, shown: str) -> str:
    return f'<a href="#{escape(anchor)}">{shown}</a>'


def _code(text: object) -> str:
    return f"<code>{escape(str(text))}</code>"


def _prose(text: str) -> str:
    """Escaped, with `code` between backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _table(heading: str, rows: Iterable[tuple[str, ...]]) -> str:
    return (f"<h3>{escape(heading)}</h3>" if heading else "") + html_table(rows)

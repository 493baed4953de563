"""The OpenAPI document as one HTML page: no script, nothing from elsewhere, readable on a phone. Pure."""

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from gateway.http.problem import KINDS

HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} API</title>
<link rel="icon" href="/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/page/style.css">
<link rel="stylesheet" href="/page/docs.css">
</head>
<body class="docs">
<header class="bar"><a class="brand" href="/"><img src="/page/icon.svg" alt="" width="24" height="24">Last Unit</a>
<nav aria-label="Documentation"><a href="/openapi.json">openapi.json</a></nav></header>
<main id="main">
<h1>{title} API <small>v{version}</small></h1>
<p class="lead">{description}</p>
"""
_CODE: Final = re.compile(r"`([^`]+)`")

FOOT: Final = "</main>\n</body>\n</html>\n"


def _json(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f'<pre tabindex="0"><code>{escape(text)}</code></pre>'


def _type_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `integer`, `string or null`, `Cell[]`, with its bounds."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    variants = schema.get("anyOf") or schema.get("oneOf")
    if variants:
        return " or ".join(_type_of(variant) for variant in variants)
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(word))}</code>" for word in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"{_type_of(schema.get('items', {}))}[]"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type_of(schema['additionalProperties'])}"
    bounds = [f"{sign} {schema[key]}" for key, sign in (("minimum", "≥"), ("maximum", "≤")) if key in schema]
    return escape(", ".join([str(kind), *bounds]))


def _described(schema: Mapping[str, Any]) -> str:
    text = schema.get("description") or next(
        (variant["description"] for variant in schema.get("anyOf", ()) if "description" in variant), ""
    )
    return _prose(text)


def _table(head: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> str:
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    lines = "".join(f'<tr><th scope="row">{name}</th><td>{kind}</td><td>{text}</td></tr>' for name, kind, text in rows)
    table = f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="wide" tabindex="0">{table}</div>'


def _place(parameter: Mapping[str, Any]) -> str:
    return f"{parameter['in']}{', required' if parameter.get('required') else ''}"


def _parameters(operation: Mapping[str, Any]) -> str:
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            f"{_type_of(parameter['schema'])}<br><small>{_place(parameter)}</small>",
            _prose(parameter.get("description", "")),
        )
        for parameter in operation.get("parameters", ())
    ]
    return _table(("Parameter", "Type", "Meaning"), rows) if rows else ""


def _content(content: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for media_type, body in content.items():
        schema = f" {_type_of(body['schema'])}" if body.get("schema") else ""
        parts.append(f"<p><code>{escape(media_type)}</code>{schema}</p>")
        parts += [
            f"<details><summary>Example: {escape(name)}</summary>{_json(example['value'])}</details>"
            for name, example in body.get("examples", {}).items()
        ]
    return "".join(parts)


def _body(operation: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return f"<h4>Body</h4>{_content(content)}" if content else ""


def _responses(operation: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for status, response in sorted(operation["responses"].items(), key=lambda item: str(item[0])):
        codes = response.get("content", {}).get("application/problem+json", {}).get("examples", {})
        if codes:
            links = ", ".join(f'<a href="#problem-{escape(code)}"><code>{escape(code)}</code></a>' for code in codes)
            parts.append(f"<dt>{status}</dt><dd>{links}</dd>")
        else:
            body = _content(response.get("content", {}))
            parts.append(f"<dt>{status}</dt><dd>{escape(response['description'])}{body}</dd>")
    return f"<dl>{''.join(parts)}</dl>"


def _prose(text: str) -> str:
    """Escaped text; what stands between backticks becomes code."""
    return _CODE.sub(r"<code>\1</code>", escape(" ".join(text.split())))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_prose(part)}</p>" for part in text.split("\n\n") if part.strip())


def _needs(operation: Mapping[str, Any]) -> str:
    """The scope that a key needs; nothing for what anybody may ask."""
    scopes = {scope for way in operation.get("security", ()) for needed in way.values() for scope in needed}
    return _paragraphs(f"Needs a key with {', '.join(f'`{scope}`' for scope in sorted(scopes))}.") if scopes else ""


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    return (
        f'<section class="operation" id="{escape(operation["operationId"])}">'
        f"<h3><span>{escape(method.upper())}</span> <code>{escape(path)}</code></h3>"
        f"<p><strong>{escape(operation.get('summary', ''))}</strong></p>{_paragraphs(operation.get('description', ''))}"
        f"{_needs(operation)}{_parameters(operation)}{_body(operation)}<h4>Answers</h4>{_responses(operation)}</section>"
    )


def _operations(document: Mapping[str, Any]) -> str:
    parts: list[str] = []
    for tag in document.get("tags", ()):
        parts.append(f"<h2>{escape(tag['name'].capitalize())}</h2><p>{escape(tag['description'])}</p>")
        parts += [
            _operation(path, method, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation.get("tags", ())
        ]
    return "".join(parts)


def _schemas(document: Mapping[str, Any]) -> str:
    parts = ["<h2>Objects</h2>"]
    for name, schema in sorted(document["components"]["schemas"].items()):
        required = frozenset(schema.get("required", ()))
        rows = [
            (
                f"<code>{escape(key)}</code>",
                _type_of(member) + ("" if key in required else "<br><small>may be absent</small>"),
                _described(member),
            )
            for key, member in schema.get("properties", {}).items()
        ]
        parts.append(
            f'<section id="schema-{escape(name)}"><h3>{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
            f"{_table(('Member', 'Type', 'Meaning'), rows)}</section>"
        )
    return "".join(parts)


def _problems() -> str:
    rows = [
        (
            f'<code id="problem-{kind.code}">{kind.code}</code>',
            str(kind.status),
            f"{escape(kind.title)}.<br><small>{_prose(kind.advice)}</small>",
        )
        for kind in KINDS
    ]
    about = "Every answer of status 400 and above is `application/problem+json` (RFC 9457); programs compare `code`."
    return f'<h2 id="problems">Problems</h2><p>{_prose(about)}</p>{_table(("Code", "Status", "Meaning"), rows)}'


def render(document: Mapping[str, Any]) -> str:
    """Return the whole page for an OpenAPI 3.1 document."""
    info = document["info"]
    head = HEAD.format(
        title=escape(info["title"]), version=escape(info["version"]), description=_prose(info["description"])
    )
    return head + _operations(document) + _problems() + _schemas(document) + FOOT

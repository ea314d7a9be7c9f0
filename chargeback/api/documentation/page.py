"""Turns the OpenAPI document into a page for people."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

_METHODS = ("get", "post", "put", "patch", "delete")


def documentation_page(document: Mapping[str, Any]) -> bytes:
    """The page, in UTF-8."""
    environment = Environment(
        autoescape=True,
        loader=PackageLoader("chargeback.api.documentation", "."),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": _prose, "kind": _kind, "anchor": _anchor}
    operations = list(_operations(document))
    grouped = {tag["name"]: [each for each in operations if tag["name"] in each["tags"]] for tag in document["tags"]}
    page = environment.get_template("page.html.j2").render(
        info=document["info"],
        tags=document["tags"],
        operations=grouped,
        schemas=document["components"]["schemas"],
        curl=_curl,
    )
    return page.encode("utf-8")


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield {"parameters": [], **methods[method], "path": path, "method": method.upper()}


def _curl(operation: Mapping[str, Any]) -> str:
    """A command that asks for it."""
    parts = ["curl", f'"$API{operation["path"]}"']
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if operation["method"] != "GET":
        parts.insert(1, f"-X {operation['method']}")
    if "requestBody" in operation:
        parts.append("-H 'Content-Type: application/json' -d @body.json")
    return " ".join(parts)


def _kind(schema: Mapping[str, Any]) -> Markup:
    """What a schema allows, in a few words, with links to the types that it names."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return Markup('<a href="#{}">{}</a>').format(_anchor(name), name)
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return Markup(" or ").join(_kind(each) for each in choices)
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(each) for each in schema["enum"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(_kind(schema.get("items", {})))
    limits = [f"{word} {schema[name]}" for name, word in (("minimum", "from"), ("maximum", "to")) if name in schema]
    kinds = schema.get("type", "anything")
    named = schema.get("format") or (" or ".join(kinds) if isinstance(kinds, list) else kinds)
    return escape(" ".join([named, *limits]))


def _anchor(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")


def _prose(text: str) -> Markup:
    """Paragraphs, and what stands in backticks as code."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        pieces = re.split(r"`([^`]+)`", paragraph)
        marked = [Markup("<code>{}</code>").format(each) if at % 2 else escape(each) for at, each in enumerate(pieces)]
        paragraphs.append(Markup("<p>{}</p>").format(Markup("").join(marked)))
    return Markup("\n").join(paragraphs)

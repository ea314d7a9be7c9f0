"""Makes the OpenAPI document of the API: what FastAPI knows of the routes, and the types that their bodies have."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from chargeback.api.conventions.documents import schemas

DESCRIPTION = """\
What calls of Azure OpenAI cost, who pays, and what may be spent: the same figures as in the files that finance bills.

Who asks is known by a token of Entra: `Authorization: Bearer <token>`.
What you may not know does not exist for you: 404.

Amounts are strings, so that no digit is lost, with their currency beside them.
A cost of `null` is not known yet; it is not zero.
`asOf`, `state` and `final` say how far figures can be relied on: those of a closed month never change.

Lists come in pages: follow `nextLink` as it is, until there is none.
Ask with `If-None-Match` and the `ETag` of the last answer: 304 says that nothing has changed.
Rows also come as `text/csv` and `application/vnd.apache.parquet` by `Accept`; such a file has all rows, unless
`maxpagesize` asks for pages.

Every refusal has the form of `ErrorAnswer`, and its code as header `x-ms-error-code`.
`x-ms-request-id` names a request in the log.
"""

TAGS = {
    "costs": "What was charged, as a sum, over time, by dimension, or compared.",
    "usage": "Usage whose cost is not known yet, or rests on a guess.",
    "me": "Who you are here, and what you used.",
    "reports": "Ready-made questions.",
    "analytics": "Overviews for people.",
    "audit log": "Who changed what, and who read the data of others.",
    "budgets": "What may be spent, by whom, and what happens on the way there.",
    "periods": "Billing months: how far they are, their files, and what is done to them.",
    "operations": "Long work that people asked for.",
    "prices": "What each meter costs, and where the price comes from.",
    "outlook": "What is to come, what stands out, and what people were told.",
    "explanations": "Why an amount is what it is.",
    "repairs": "What could not be handled, and trying it again.",
    "events": "The door for usage events of other sources than the gateway.",
    "gateway": "What only the gateway may ask.",
    "health": "Probes.",
}

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


def api_document(api: FastAPI) -> dict[str, Any]:
    """The document, which is the same wherever the API runs."""
    document = api.openapi()
    found = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        found.pop(name, None)
    found |= schemas()
    document["components"]["schemas"] = dict(sorted(found.items()))
    for operation in _operations(document):
        operation["responses"].pop("422", None)
        operation.setdefault("security", [])
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _without_null(parameter["schema"])
    used = {tag for operation in _operations(document) for tag in operation["tags"]}
    document["tags"] = [{"name": tag, "description": text} for tag, text in TAGS.items() if tag in used]
    return document | {"servers": [{"url": "/", "description": "The host that serves this document."}]}


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that may be left out is never null."""
    about = {name: value for name, value in schema.items() if name not in ("anyOf", "title", "description")}
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return {**kinds[0], **about} if len(kinds) == 1 else {**about, **({"anyOf": kinds} if kinds else {})}

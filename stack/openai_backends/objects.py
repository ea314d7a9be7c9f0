"""Answers conversations, vector stores and containers: they are made on one account and known to no other."""

import time
from typing import Any

from aiohttp import web

from stack.openai_backends.account import Account
from stack.openai_backends.refusals import Refused, not_found
from stack.openai_backends.replies import reply

KINDS = {
    "conversations": ("conv_", "conversation"),
    "vector_stores": ("vs_", "vector_store"),
    "containers": ("cntr_", "container"),
}


async def objects(
    request: web.Request, account: Account, parts: list[str], document: dict[str, Any]
) -> web.StreamResponse:
    """POST, GET and DELETE of one kind, and of what lies below an object of it."""
    prefix, kind = KINDS[parts[0]]
    rest = parts[1:]
    if not rest:
        return _collection(request, account, document, prefix, kind)
    known = account.objects.get(rest[0])
    if known is None or known["object"] != kind:
        raise not_found(kind.replace("_", " ").capitalize(), rest[0])
    if len(rest) > 1:
        return _below(request, account, known, rest[1:], document)
    if request.method == "DELETE":
        del account.objects[rest[0]]
        return reply(account, {"id": rest[0], "object": f"{kind}.deleted", "deleted": True})
    if request.method == "POST":
        known |= {name: document[name] for name in ("metadata", "name") if name in document}
    return reply(account, {name: value for name, value in known.items() if name != "below"})


def _collection(
    request: web.Request, account: Account, document: dict[str, Any], prefix: str, kind: str
) -> web.StreamResponse:
    if request.method != "POST":
        found = [each for each in account.objects.values() if each["object"] == kind]
        return reply(account, {"object": "list", "data": found, "has_more": False})
    for name in document.get("file_ids") or []:
        if name not in account.files:
            raise not_found("File", name)
    made = {
        "id": account.identifier(prefix),
        "object": kind,
        "created_at": int(time.time()),
        "metadata": document.get("metadata") or {},
        "name": document.get("name", ""),
        "status": "completed" if kind == "vector_store" else "running",
        "below": list(document.get("items") or []),
    }
    account.objects[made["id"]] = made
    return reply(account, {name: value for name, value in made.items() if name != "below"})


def _below(
    request: web.Request, account: Account, known: dict[str, Any], rest: list[str], document: dict[str, Any]
) -> web.StreamResponse:
    if rest[0] not in ("items", "files", "search", "file_batches", "content"):
        raise Refused(404, "404", "Resource not found")
    if request.method == "POST":
        if (file := document.get("file_id")) and file not in account.files:
            raise not_found("File", file)
        known["below"].append(document)
    return reply(account, {"object": "list", "data": known["below"], "has_more": False})

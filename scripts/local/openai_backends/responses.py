"""The Responses API: POST, streamed or in the background, GET, cancel, delete."""

import time
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from scripts.local.openai_backends.account import Account
from scripts.local.openai_backends.replies import Refused, event, reply, stream
from scripts.local.openai_backends.usage import answer_words, responses_usage, token_counts


async def create(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any], *, cut: bool
) -> web.StreamResponse:
    """POST …/responses."""
    previous = document.get("previous_response_id")
    if previous and previous not in account.responses:
        message = f"Previous response with id '{previous}' not found."
        raise Refused(
            400,
            "previous_response_not_found",
            message,
            type="invalid_request_error",
            param="previous_response_id",
        )
    name, model = deployment["name"], f"{deployment['model']}-{deployment['version']}"
    words = answer_words(document)
    usage = responses_usage(token_counts(account, document, model, len(words)))
    whole = _response(account, document, model, words, usage)
    background, streamed = bool(document.get("background")), bool(document.get("stream"))
    account.enter(request.headers, "responses", name, model=model, usage=usage, stream=streamed, responseId=whole["id"])
    if document.get("store", True) or background:
        account.responses[whole["id"]] = {"whole": whole, "polls": 1 if background else 0}
    if streamed:
        return await stream(request, account, name, _events(whole, words), first=4, cut=cut)
    return reply(account, _unfinished(whole, "queued") if background else whole, name)


def _response(
    account: Account, document: dict[str, Any], model: str, words: list[str], usage: dict[str, Any]
) -> dict[str, Any]:
    text = {"type": "output_text", "annotations": [], "text": " ".join(words)}
    message = {
        "id": account.identifier("msg_"),
        "type": "message",
        "role": "assistant",
        "status": "completed",
    }
    return {
        "id": account.identifier("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "background": bool(document.get("background")),
        "error": None,
        "incomplete_details": None,
        "instructions": document.get("instructions"),
        "metadata": document.get("metadata") or {},
        "model": model,
        "output": [{**message, "content": [text]}],
        "parallel_tool_calls": True,
        "previous_response_id": document.get("previous_response_id"),
        "service_tier": "default",
        "store": document.get("store", True),
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def _unfinished(whole: dict[str, Any], status: str) -> dict[str, Any]:
    return {**whole, "status": status, "output": [], "usage": None}


def _events(whole: dict[str, Any], words: list[str]) -> Iterator[bytes]:
    item = whole["output"][0]
    begun = _unfinished(whole, "in_progress")
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    documents: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        *({"type": "response.output_text.delta", **where, "delta": f"{word} ", "logprobs": []} for word in words),
        {"type": "response.output_text.done", **where, "text": " ".join(words), "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    for number, document in enumerate(documents):
        yield event({**document, "sequence_number": number}, document["type"])


async def stored(request: web.Request, account: Account, rest: list[str]) -> web.StreamResponse:
    """GET, DELETE and cancel of a stored response; a background one is done at the second look."""
    known = account.responses.get(rest[0])
    if known is None:
        raise Refused(404, "not_found", f"Response with id '{rest[0]}' not found.", type="invalid_request_error")
    whole = known["whole"]
    if request.method == "DELETE":
        del account.responses[rest[0]]
        return reply(account, {"id": rest[0], "object": "response", "deleted": True})
    if rest[1:] == ["cancel"]:
        known["whole"] = _unfinished(whole, "cancelled")
        return reply(account, known["whole"])
    if known["polls"] > 0:
        known["polls"] -= 1
        return reply(account, _unfinished(whole, "in_progress"))
    return reply(account, whole)

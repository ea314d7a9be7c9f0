"""Answers the Responses API: POST, streamed or in the background, GET, cancel, delete."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from stack.openai_backends.account import Account
from stack.openai_backends.references import judge_references
from stack.openai_backends.refusals import not_found
from stack.openai_backends.replies import add_headers, reply, stream
from stack.openai_backends.response_body import compose, events, unfinished
from stack.openai_backends.served import served, snapshot
from stack.openai_backends.tiers import answered_tier, judge_length
from stack.openai_backends.tools import tool_items


async def create(
    request: web.Request, account: Account, document: dict[str, Any], deployment: dict[str, Any]
) -> web.StreamResponse:
    """POST …/responses.

    The body's `model` is the deployment's name; the snapshot stands only in a header (openai/openai-python #3271).
    """
    judge_references(account, document)
    deployment = served(deployment)
    tier = answered_tier(document, deployment)
    judge_length(document, deployment)
    tools = tool_items(request, account, document)
    model = snapshot(deployment)
    whole = compose(account, document, deployment, tier=tier, tools=tools)
    add_headers(request, **{"x-ms-served-model": model})
    background, streamed = bool(document.get("background")), bool(document.get("stream"))
    account.enter(
        request.headers,
        "responses",
        deployment["name"],
        model=model,
        usage=whole["usage"],
        stream=streamed,
        responseId=whole["id"],
        serviceTier=tier,
    )
    if document.get("store", True) or background:
        _keep(account, whole, polls=1 if background else 0, hidden=streamed)
    if streamed:
        return await _streamed(request, account, whole)
    return reply(account, unfinished(whole, "queued") if background else whole, deployment["name"])


def _keep(account: Account, whole: dict[str, Any], *, polls: int, hidden: bool) -> None:
    seen_from = float("inf") if hidden and not polls else 0.0
    account.responses[whole["id"]] = {"whole": whole, "polls": polls, "from": seen_from}
    account.items.update(item["id"] for item in whole["output"])


async def _streamed(request: web.Request, account: Account, whole: dict[str, Any]) -> web.StreamResponse:
    """A stream whose response may be seen only some seconds after it has ended."""

    def ended() -> None:
        kept = account.responses.get(whole["id"])
        if kept and kept["from"]:
            kept["from"] = account.clock() + account.hidden_seconds

    return await stream(request, account, whole["model"], events(whole), first=4, ended=ended)


async def stored(request: web.Request, account: Account, rest: list[str]) -> web.StreamResponse:
    """GET, DELETE and cancel of a stored response; a background one is done at the second look."""
    known = account.response(rest[0])
    if known is None:
        raise not_found("Response", rest[0])
    whole = known["whole"]
    if request.method == "DELETE":
        del account.responses[rest[0]]
        return reply(account, {"id": rest[0], "object": "response", "deleted": True})
    if rest[1:] == ["cancel"]:
        known["whole"] = unfinished(whole, "cancelled")
        return reply(account, known["whole"])
    if rest[1:] == ["input_items"]:
        return reply(account, {"object": "list", "data": [], "has_more": False})
    if request.query.get("stream") == "true":
        later = _after(events(whole), int(request.query.get("starting_after", -1)))
        return await stream(request, account, whole["model"], later, first=4, ended=lambda: known.update(polls=0))
    if known["polls"] > 0:
        known["polls"] -= 1
        return reply(account, unfinished(whole, "in_progress"))
    return reply(account, whole)


def _after(all_events: Iterable[bytes], number: int) -> list[bytes]:
    """The events that a client who lost the stream has not seen; they are numbered from 0."""
    return list(all_events)[number + 1 :]

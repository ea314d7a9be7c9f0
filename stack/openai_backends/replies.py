"""Answers as the service words them: JSON, errors, server-sent events, and their headers."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web

from stack.openai_backends.account import Account
from stack.openai_backends.faults import InjectedFault
from stack.openai_backends.refusals import FILTER_RESULTS, Refused

_REGION_NAMES = {
    "swedencentral": "Sweden Central",
    "francecentral": "France Central",
    "eastus2": "East US 2",
    "westus3": "West US 3",
}
PROMPT_FILTER = [{"prompt_index": 0, "content_filter_results": FILTER_RESULTS}]
FAULT = web.RequestKey("fault", InjectedFault)
_MORE = web.RequestKey("more headers", dict)


def headers_of(account: Account, deployment: str = "") -> dict[str, str]:
    """The headers that every answer of an account carries."""
    capacity = account.deployments.get(deployment, {}).get("capacity", 100) * 1000
    named = {"x-ms-deployment-name": deployment} if deployment else {}
    return {
        "x-ms-region": _REGION_NAMES.get(account.region, account.region),
        "apim-request-id": str(uuid.uuid4()),
        "x-ratelimit-remaining-requests": str(capacity // 1000 - 1),
        "x-ratelimit-remaining-tokens": str(capacity - 100),
        "x-ratelimit-limit-tokens": str(capacity),
        "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
        **named,
    }


def add_headers(request: web.Request, **headers: str) -> None:
    """Let whatever answers this request carry these headers, too."""
    request[_MORE] = {**request.get(_MORE, {}), **{name.replace("_", "-"): value for name, value in headers.items()}}


async def send_added_headers(request: web.Request, answer: web.StreamResponse) -> None:
    """What `add_headers` asked for, just before an answer begins."""
    answer.headers.update(request.get(_MORE, {}))


def reply(account: Account, document: Any, deployment: str = "", status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.json_response(document, status=status, headers=headers_of(account, deployment))


def error_reply(account: Account, refused: Refused) -> web.Response:
    """An error answer."""
    return web.json_response(
        refused.document, status=refused.status, headers={**headers_of(account), **refused.headers}
    )


def event(document: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(document, separators=(',', ':'))}\n\n".encode()


async def stream(
    request: web.Request,
    account: Account,
    deployment: str,
    events: Iterable[bytes],
    *,
    first: int,
    ended: Callable[[], None] | None = None,
) -> web.StreamResponse:
    """Send events; after `first` of them a held stream waits, and one that is to be cut ends."""
    fault, released = request[FAULT], account.faults.released
    headers = {**headers_of(account, deployment), "Content-Type": "text/event-stream; charset=utf-8"}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    for place, data in enumerate(events, 1):
        await answer.write(data)
        if place == first:
            if fault.hold:
                await released.wait()
            if fault.mode == "cut":
                await asyncio.sleep(0)
                assert request.transport
                request.transport.abort()
                return answer
    if ended:
        ended()
    await answer.write_eof()
    return answer

"""Answers as the service words them: JSON, errors, server-sent events, and their headers."""

import asyncio
import json
import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from scripts.local.openai_backends.account import Account

_REGION_NAMES = {
    "swedencentral": "Sweden Central",
    "francecentral": "France Central",
    "eastus2": "East US 2",
    "westus3": "West US 3",
}
_SAFE = {"filtered": False, "severity": "safe"}
FILTER_RESULTS = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
PROMPT_FILTER = [{"prompt_index": 0, "content_filter_results": FILTER_RESULTS}]


class Refused(Exception):
    """An error answer of the service."""

    def __init__(self, status: int, code: str | None, message: str, /, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.document = {"error": {"code": code, "message": message, **more}}


def headers_of(account: Account, deployment: str = "") -> dict[str, str]:
    """The headers that every answer of an account carries."""
    capacity = account.deployments.get(deployment, {}).get("capacity", 100) * 1000
    return {
        "x-ms-region": _REGION_NAMES.get(account.region, account.region),
        "apim-request-id": str(uuid.uuid4()),
        "x-ratelimit-remaining-requests": str(capacity // 1000 - 1),
        "x-ratelimit-remaining-tokens": str(capacity - 100),
        "x-ratelimit-limit-tokens": str(capacity),
        "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    }


def reply(account: Account, document: Any, deployment: str = "", status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.json_response(document, status=status, headers=headers_of(account, deployment))


def error_reply(account: Account, refused: Refused, **headers: str) -> web.Response:
    """An error answer."""
    more = {**headers_of(account), **headers}
    return web.json_response(refused.document, status=refused.status, headers=more)


def content_filtered() -> Refused:
    """What the service answers to a prompt that its filter stops."""
    hit = {**FILTER_RESULTS, "violence": {"filtered": True, "severity": "medium"}}
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry."
    )
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": hit}
    return Refused(400, "content_filter", message, type=None, param="prompt", status=400, innererror=inner)


def event(document: Any, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(document, separators=(',', ':'))}\n\n".encode()


async def stream(
    request: web.Request, account: Account, deployment: str, events: Iterable[bytes], *, first: int, cut: bool
) -> web.StreamResponse:
    """Send events; after `first` of them a held stream waits, and one that is to be cut ends."""
    headers = {**headers_of(account, deployment), "Content-Type": "text/event-stream; charset=utf-8"}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    faults = account.faults
    for place, data in enumerate(events, 1):
        await answer.write(data)
        if place == first:
            if faults.hold:
                await faults.released.wait()
            if cut:
                await asyncio.sleep(0)
                assert request.transport
                request.transport.abort()
                return answer
    await answer.write_eof()
    return answer

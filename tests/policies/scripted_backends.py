"""What scripted backends say and what they saw: answers at once, in pieces, cut off, or never."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "gpt-4o-2024-11-20",
    "service_tier": "default",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Paris"}}],
    "usage": USAGE,
}


@dataclass
class Answer:
    """What a scripted backend says: a body at once or in pieces, or nothing at all."""

    body: Any = field(default_factory=lambda: dict(CHAT))
    status: int = 200
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    pieces: list[bytes] | None = None
    pause: float = 0
    cut: bool = False
    gone: bool = False
    """The connection ends before anything is said."""
    held: asyncio.Event | None = None
    """What the second piece waits for."""

    def content(self) -> bytes:
        """The body as bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Seen:
    """A request as a backend saw it."""

    account: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def stream_answer(request: web.Request, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
    """Say an answer piece by piece."""
    out = web.StreamResponse(status=answer.status, headers=headers)
    await out.prepare(request)
    with contextlib.suppress(ConnectionError):
        async for piece in _paced(answer):
            await out.write(piece)
    if answer.cut and request.transport:
        request.transport.abort()
    return out


async def _paced(answer: Answer) -> AsyncIterator[bytes]:
    for piece in answer.pieces or []:
        yield piece
        if answer.held:
            await answer.held.wait()
        await asyncio.sleep(answer.pause)


def sse(*documents: Any) -> list[bytes]:
    """The pieces of a stream of server-sent events."""
    return [*(f"data: {json.dumps(each)}\n\n".encode() for each in documents), b"data: [DONE]\n\n"]


def chunk(content: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a streamed chat answer."""
    choices = [] if content is None else [{"index": 0, "delta": {"content": content}, "finish_reason": None}]
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4o-2024-11-20",
        "choices": choices,
        **more,
    }

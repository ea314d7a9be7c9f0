"""Stands in for a system that takes signed webhooks, as Standard Webhooks 1.0 asks of it.

It verifies signature and time by the package of those who wrote the specification, and drops an id that it has seen.
A body of 20 kB or more, or one without type, timestamp and data, is refused.
"""

import json
from datetime import datetime
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from stack.channels.board import Board, Shown

MOST_BYTES = 20_000


class WebhookReceiver:
    """One receiver with the secret that it verifies by."""

    def __init__(self, board: Board, secret: str) -> None:
        self._board = board
        self.secret = secret
        self.seen: dict[str, Any] = {}

    async def post(self, request: web.Request) -> web.Response:
        """Take a message."""
        body = await request.read()
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except (WebhookVerificationError, ValueError) as error:
            return web.Response(status=400, text=f"signature: {error}")
        document = json.loads(body)
        if len(body) >= MOST_BYTES or {*document} != {"type", "timestamp", "data"}:
            return web.Response(status=400, text="too long, or not of the form")
        datetime.fromisoformat(document["timestamp"])
        key = request.headers["webhook-id"]
        if key not in self.seen:
            self.seen[key] = document
            self._board.show(Shown("webhook", json.dumps(document["data"], ensure_ascii=False), key=key))
        return web.Response(status=204)

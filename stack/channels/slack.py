"""Stands in for an incoming webhook of Slack.

- 200 `ok` (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
- Errors are a word in the body: 400 `invalid_payload`, `no_text` or `invalid_blocks`, 403 `action_prohibited`, 404
  `no_service`, 410 `channel_is_archived`, 500 `rollup_error` (the same page, *Handling errors*).
- One message a second, and short bursts; beyond that 429 with `Retry-After` (docs.slack.dev/apis/web-api/rate-limits).
  This stand-in allows no burst.
- 50 blocks, 3 000 characters of a section, 10 elements of a context, 75 characters and an address of 3 000 on a button
  (docs.slack.dev/reference/block-kit/blocks and /block-elements).
- `mrkdwn` and the text for notifications read `<!channel>`, `<@U…>` and `<https://…|…>`; `plain_text` reads nothing.
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web

from stack.channels.board import Board, Shown
from stack.channels.rates import RateLimit

_MARKUP = re.compile(r"<[!@#][^>]*>|<https?:[^>]*>")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_LENGTHS = {"section": 3_000, "button": 75, "context": 3_000}


class SlackHook:
    """One webhook."""

    def __init__(self, board: Board, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._token = token
        self._rate = RateLimit(1, 1.0, clock)

    async def post(self, request: web.Request) -> web.Response:
        """Take a message."""
        if request.match_info["token"] != self._token:
            return web.Response(status=404, text="no_service")
        if wait := self._rate.wait():
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": str(wait)})
        try:
            body = await request.json()
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if not isinstance(body, dict) or not isinstance(body.get("text", ""), str):
            return web.Response(status=400, text="invalid_payload")
        blocks = body.get("blocks", [])
        if not body.get("text") and not blocks:
            return web.Response(status=400, text="no_text")
        if list(_faults(blocks)):
            return web.Response(status=400, text="invalid_blocks")
        marked = [found for text in (body.get("text", ""), *_marked(blocks)) for found in _MARKUP.findall(text)]
        lines = list(_lines(blocks)) or [_read(body["text"])]
        self._board.show(Shown("slack", "\n".join(lines), tuple(marked)))
        return web.Response(text="ok")


def _texts(blocks: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and text object of everything that has a text."""
    for block in blocks:
        if block["type"] == "section":
            yield "section", block["text"]
        for element in block.get("elements", []):
            is_button = element["type"] == "button"
            yield ("button", element["text"]) if is_button else (block["type"], element)


def _faults(blocks: list[dict[str, Any]]) -> Iterator[str]:
    if len(blocks) > 50:
        yield "more than 50 blocks"
    for block in blocks:
        if block["type"] not in ("section", "actions", "context", "divider"):
            yield f"this stand-in knows no block {block['type']}"
        elements = block.get("elements", [])
        if len(elements) > 10 or any(len(each.get("url", "")) > 3_000 for each in elements):
            yield "too many elements, or too long an address"
    for kind, text in _texts(blocks):
        if text["type"] not in ("plain_text", "mrkdwn") or not text["text"]:
            yield "an empty text, or one of an unknown kind"
        if len(text["text"].encode("utf-16-le")) // 2 > _LENGTHS[kind]:
            yield f"too long a text of a {kind}"


def _marked(blocks: list[dict[str, Any]]) -> Iterator[str]:
    yield from (text["text"] for _, text in _texts(blocks) if text["type"] == "mrkdwn")


def _lines(blocks: list[dict[str, Any]]) -> Iterator[str]:
    for kind, text in _texts(blocks):
        shown = _read(text["text"]) if text["type"] == "mrkdwn" else text["text"]
        yield f"[{shown}]" if kind == "button" else shown


def _read(text: str) -> str:
    """What Slack shows for its own markup, as far as entities go."""
    for entity, character in _ENTITIES.items():
        text = text.replace(entity, character)
    return text

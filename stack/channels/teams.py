"""Stands in for a workflow of Teams that posts what its address gets.

- The address has the path `/powerautomate/automations/direct/workflows/<id>/triggers/manual/paths/invoke` and the
  parameters `api-version`, `sp`, `sv`, `sig`; a wrong `sig` is answered by 401.
- A body that has no attachments is answered by 200 and shows nothing (github.com/socfortress/CoPilot, pull 1032).
- A card is answered by 202. The workflow runs afterwards: where it fails, the caller does not hear of it.
- It fails above 28 672 bytes, counted after the card was put into the message as a string: 24 453 bytes that were sent
  became 28 897 (github.com/MicrosoftDocs/msteams-docs, issue 11274).
- Above 4 requests a second the answer is 429 (the same, issue 7425).
- `TextBlock` and `Fact` read Markdown, `TextRun` does not; nothing reads HTML (learn.microsoft.com/microsoftteams/
  platform/task-modules-and-cards/cards/cards-format).
"""

import json
import re
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from stack.channels.board import Board, Shown
from stack.channels.rates import RateLimit

MOST_BYTES = 28_672
CARD = "application/vnd.microsoft.card.adaptive"
PATH = "/powerautomate/automations/direct/workflows/{workflow}/triggers/manual/paths/invoke"

_MARKDOWN = re.compile(r"\[[^\]]*\]\([^)]*\)|<at>.*?</at>|(?<!\S)[*_]{1,2}\S")


class TeamsWorkflow:
    """One workflow."""

    def __init__(self, board: Board, signature: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._signature = signature
        self._rate = RateLimit(4, 1.0, clock)
        self.failed_runs: list[str] = []

    async def post(self, request: web.Request) -> web.Response:
        """Take a message."""
        if request.query.get("sig") != self._signature or request.query.get("api-version") != "1":
            return _error(401, "DirectApiAuthorizationRequired", "The request must be authenticated by its signature.")
        if wait := self._rate.wait():
            return web.Response(status=429, headers={"Retry-After": str(wait)})
        try:
            body = await request.json()
        except ValueError:
            return _error(400, "InvalidRequestContent", "The request content is not valid JSON.")
        attachments = body.get("attachments") if isinstance(body, dict) else None
        if not attachments:
            return web.Response(status=200)
        for attachment in attachments:
            self._run(attachment)
        return web.Response(status=202)

    def _run(self, attachment: dict[str, Any]) -> None:
        card = attachment.get("content")
        if attachment.get("contentType") != CARD or not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
            self.failed_runs.append("the attachment is not a card")
            return
        size = len(json.dumps(json.dumps({**attachment, "content": card})))
        if size > MOST_BYTES:
            self.failed_runs.append(
                f"MessageSizeExceeded-Message properties size exceeded. Actual message properties size: {size} bytes,"
                f" whereas max allowed size is {MOST_BYTES} bytes"
            )
            return
        lines, marked = _lines(card.get("body", []))
        links = [f"[{each['title']}] {each['url']}" for each in card.get("actions", [])]
        self._board.show(Shown("teams", "\n".join([*lines, *links]), tuple(marked)))


def _lines(body: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The lines that a person sees, and what in them is read as markup."""
    lines: list[str] = []
    marked: list[str] = []
    for element in body:
        match element["type"]:
            case "RichTextBlock":
                lines.append("".join(run if isinstance(run, str) else run["text"] for run in element["inlines"]))
            case "TextBlock":
                lines.append(element["text"])
                marked += _MARKDOWN.findall(element["text"])
            case "FactSet":
                texts = [f"{fact['title']} {fact['value']}" for fact in element["facts"]]
                lines += texts
                marked += [found for text in texts for found in _MARKDOWN.findall(text)]
            case unknown:
                raise ValueError(f"this stand-in knows no element {unknown}")
    return lines, marked


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)

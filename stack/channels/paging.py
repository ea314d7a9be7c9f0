"""Stands in for Opsgenie and Jira Service Management, whose alerts have the same interface.

- `POST /v2/alerts` is answered by 202 and a request id; the work is done afterwards (docs.opsgenie.com/docs/alert-api).
- While an alert with the same alias is open, another one only raises its count, and nobody is paged again
  (docs.opsgenie.com/docs/alert-deduplication). A closed one is not opened again: a new alert is made.
- `POST /v2/alerts/<alias>/close?identifierType=alias` closes it; that of an unknown alias is taken all the same, since
  it is looked up afterwards.
- Without a key 401, with a wrong one 403, and 422 with the fields that are wrong (docs.opsgenie.com/docs/response).
- 130 characters of message, 512 of alias and entity, 15 000 of description, 20 tags of 50, 8 000 of details.
"""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from stack.channels.board import Board, Shown

_MOST = {"message": 130, "alias": 512, "entity": 512, "description": 15_000, "source": 100, "note": 25_000}


@dataclass(frozen=True, slots=True)
class PagedAlert:
    """An alert; `count` is how often it was raised while it was open."""

    alias: str
    message: str
    priority: str
    count: int = 1
    is_open: bool = True


class OnCall:
    """One integration with its alerts."""

    def __init__(self, board: Board, key: str) -> None:
        self._board = board
        self._key = key
        self.alerts: list[PagedAlert] = []

    async def create(self, request: web.Request) -> web.Response:
        """Take an alert."""
        body = await request.json()
        if refusal := self._refusal(request, body):
            return refusal
        if not body.get("message"):
            return _unprocessable({"message": "Message can not be empty."})
        alias = body.get("alias") or uuid.uuid4().hex
        for index, known in enumerate(self.alerts):
            if known.is_open and known.alias == alias:
                self.alerts[index] = replace(known, count=known.count + 1)
                return _taken()
        self.alerts.append(PagedAlert(alias, body["message"], body.get("priority", "P3")))
        text = f"{body.get('priority', 'P3')} {body['message']}\n{body.get('description', '')}"
        self._board.show(Shown("paging", text, key=alias, state="open"))
        return _taken()

    async def close(self, request: web.Request) -> web.Response:
        """Close the open alert of an alias."""
        body = await request.json()
        if refusal := self._refusal(request, body):
            return refusal
        if request.query.get("identifierType") != "alias":
            return _unprocessable({"identifierType": "This stand-in knows alerts by alias."})
        alias = request.match_info["alias"]
        for index, known in enumerate(self.alerts):
            if known.is_open and known.alias == alias:
                self.alerts[index] = replace(known, is_open=False)
                self._board.show(Shown("paging", body.get("note", ""), key=alias, state="closed"))
        return _taken()

    def _refusal(self, request: web.Request, body: dict[str, Any]) -> web.Response | None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "GenieKey" or not key:
            return web.json_response({"message": "Could not authenticate"}, status=401)
        if key != self._key:
            return web.json_response({"message": "Api Key is invalid"}, status=403)
        errors = {name: "is too long" for name, most in _MOST.items() if len(body.get(name, "")) > most}
        if len(body.get("tags", [])) > 20 or any(len(tag) > 50 for tag in body.get("tags", [])):
            errors["tags"] = "are too many or too long"
        if sum(len(f"{name}{value}") for name, value in body.get("details", {}).items()) > 8_000:
            errors["details"] = "are too long"
        return _unprocessable(errors) if errors else None


def _taken() -> web.Response:
    body = {"result": "Request will be processed", "took": 0.1, "requestId": str(uuid.uuid4())}
    return web.json_response(body, status=202)


def _unprocessable(errors: dict[str, str]) -> web.Response:
    message = "Request body is not processable. Please check the errors."
    return web.json_response({"message": message, "errors": errors}, status=422)

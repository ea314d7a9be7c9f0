"""Stands in for Communication Services' mail.

- `POST /emails:send` with a token for https://communication.azure.com: 202 with `Operation-Location` and `Retry-After`
  (Azure/azure-rest-api-specs, communication/data-plane/Email, 2025-09-01).
- `Operation-Id` names the operation, and `GET /emails/operations/<id>` says how it stands; 404 for an unknown one.
- Nothing says that a second mail with the same `Operation-Id` is dropped, so this stand-in sends it.
- 30 mails a minute and 100 an hour, 60 questions a minute and 200 an hour; beyond that 429 with `Retry-After`
  (learn.microsoft.com/azure/communication-services/concepts/service-limits).
- The sender has to be of a verified domain; at most 50 recipients, and 10 MB.
"""

import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
from aiohttp import web

from stack.channels.board import Board, Shown
from stack.channels.rates import RateLimit
from stack.identity.tokens import Signer

AUDIENCE = "https://communication.azure.com"
MOST_RECIPIENTS = 50


class CommunicationServices:
    """One resource with one verified domain."""

    def __init__(self, board: Board, signer: Signer, domain: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._signer = signer
        self._domain = domain
        self._mails = (RateLimit(30, 60.0, clock), RateLimit(100, 3600.0, clock))
        self._questions = (RateLimit(60, 60.0, clock), RateLimit(200, 3600.0, clock))
        self.operations: dict[str, str] = {}

    async def send(self, request: web.Request) -> web.Response:
        """Take a mail."""
        if refusal := self._refusal(request, self._mails):
            return refusal
        mail = await request.json()
        operation = request.headers.get("Operation-Id") or str(uuid.uuid4())
        try:
            uuid.UUID(operation)
        except ValueError:
            return _error(400, "BadRequest", "Operation-Id is not a GUID.")
        if fault := self._fault(mail):
            return _error(400, "BadRequest", fault)
        self.operations[operation] = "Running"
        content, to = mail["content"], [each["address"] for each in mail["recipients"]["to"]]
        heads = f"From: {mail['senderAddress']}\nTo: {', '.join(to)}\nSubject: {content['subject']}"
        text = f"{heads}\n\n{content['plainText']}"
        self._board.show(Shown("email", text, key=operation))
        where = f"https://{request.host}/emails/operations/{operation}"
        headers = {"Operation-Location": where, "Retry-After": "5"}
        return web.json_response({"id": operation, "status": "Running"}, status=202, headers=headers)

    async def status(self, request: web.Request) -> web.Response:
        """Say how an operation stands."""
        if refusal := self._refusal(request, self._questions):
            return refusal
        operation = request.match_info["operation"]
        if operation not in self.operations:
            return _error(404, "NotFound", "The operation was not found.")
        return web.json_response({"id": operation, "status": self.operations[operation]})

    def _refusal(self, request: web.Request, rates: tuple[RateLimit, ...]) -> web.Response | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            self._signer.verify(token if scheme == "Bearer" else "", [AUDIENCE])
        except jwt.InvalidTokenError:
            return _error(401, "Denied", "Denied by the resource provider.")
        if wait := max(rate.wait() for rate in rates):
            return web.Response(status=429, headers={"Retry-After": str(wait)})
        return None

    def _fault(self, mail: dict[str, Any]) -> str:
        if mail["senderAddress"].rpartition("@")[2] != self._domain:
            return "Invalid sender: the domain is not linked."
        if not 1 <= len(mail["recipients"]["to"]) <= MOST_RECIPIENTS:
            return "Number of recipients is not between 1 and 50."
        return "" if mail["content"].get("subject") else "Subject is missing."


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)

"""What every request has, whatever route answers it: an id, an answer when something fails, and HEAD beside GET."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chargeback.api.errors import error_answer, failed
from chargeback.api.request_source import new_request_id
from chargeback.log_line import one_run

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}


def _as_json(request: Request, error: Exception) -> Response:
    return error_answer(failed(request, error))


class Surroundings:
    """An ASGI layer around the routes."""

    def __init__(self, app: ASGIApp, answer_failure: Callable[[Request, Exception], Response] = _as_json) -> None:
        """`answer_failure`: what is said when something fails that no route has foreseen."""
        self._app = app
        self._answer_failure = answer_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["chargeback.request_id"] = identity = new_request_id()
        answer = _Answer(send, identity, without_body=scope["method"] == "HEAD")
        if scope["method"] == "HEAD":
            scope["method"] = "GET"
        with one_run(identity):
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                if answer.has_begun:
                    raise
                await self._answer_failure(Request(scope), error)(scope, receive, answer)


class _Answer:
    """Sends an answer with the headers that each has."""

    def __init__(self, send: Send, request_id: str, *, without_body: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._without_body = without_body
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            headers["x-ms-request-id"] = self._request_id
            if headers.get("Allow") == "GET":
                headers["Allow"] = "GET, HEAD"
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
        elif message["type"] == "http.response.body" and self._without_body:
            message = {**message, "body": b""}
        await self._send(message)

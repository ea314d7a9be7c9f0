"""Asks the API in this process, in the name of whoever looks at a page.

A page has no way of its own to a figure: permissions, the audit log, limits and the answers are those of the API, so
what stands on a page is what a program would be told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chargeback.api.conventions.recorded import PART_OF_READ
from chargeback.api.errors import ErrorAnswer, ErrorText
from chargeback.api.people import REQUESTER
from chargeback.api.request_source import REQUEST_SOURCE
from chargeback.domain.access.requester import Requester

T = TypeVar("T")

Parameters = Mapping[str, object]
"""Parameters of a question; those that are None or empty are left out, those that are lists are given several times."""

_ALONG = (b"host", b"user-agent", b"x-forwarded-for", b"x-forwarded-proto")
"""What the browser's request says of itself, for the audit log and for links."""


class ApiRefused(Exception):
    """The API refuses something, or cannot answer now.

    Attributes:
        error: its code, its message for people, and what it is about.
        request_id: by which an operator finds it in the log.
    """

    def __init__(self, status: int, error: ErrorText, request_id: str, retry_after: str = "") -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.request_id = request_id
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """An answer of the API that refuses nothing."""

    status: int
    headers: Headers
    body: bytes

    @property
    def tag(self) -> str:
        """The entity tag, with which a change says what it was made from."""
        return self.headers.get("etag", "")

    def as_kind(self, kind: type[T]) -> T:
        """The body as a type of the API."""
        return msgspec.json.decode(self.body, type=kind)

    def as_object(self) -> dict[str, Any]:
        """The body as JSON has it."""
        return cast("dict[str, Any]", msgspec.json.decode(self.body))


class ApiClient:
    """The API, as one person may use it while one request of their browser is answered."""

    def __init__(self, api: ASGIApp, request: Request, who: Requester) -> None:
        self._api = api
        self._request = request
        self._who = who

    async def ask(self, path: str, kind: type[T], parameters: Parameters | None = None) -> T:
        """An answer as one of the API's types. Raises `ApiRefused`."""
        return (await self.read(path, parameters)).as_kind(kind)

    async def ask_beside(self, path: str, kind: type[T], parameters: Parameters | None = None) -> T:
        """The same, where another question reads the same for the same view: that one alone is recorded."""
        scope = self._scope("GET", path, parameters, {"accept": "application/json"}) | {PART_OF_READ: True}
        return (await self._answer(scope, b"")).as_kind(kind)

    async def read(
        self, path: str, parameters: Parameters | None = None, accept: str = "application/json"
    ) -> ApiAnswer:
        """What the API answers at a path below /api/v1. Raises `ApiRefused`."""
        return await self._answer(self._scope("GET", path, parameters, {"accept": accept}), b"")

    async def send(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        tag: str = "",
        key: str = "",
        parameters: Parameters | None = None,
    ) -> ApiAnswer:
        """Change something. Raises `ApiRefused`.

        `tag` is the one that was read before; a change that has the `key` of an earlier one is made once.
        """
        headers = {"accept": "application/json", "content-type": "application/json"}
        headers |= {"if-match": tag} if tag else {}
        headers |= {"repeatability-request-id": key} if key else {}
        return await self._answer(self._scope(method, path, parameters, headers), msgspec.json.encode(content or {}))

    def passed_on(self, path: str, parameters: Parameters | None = None, accept: str = "*/*") -> Response:
        """A response that is the API's own, as it comes: for files. A refusal becomes a page."""
        headers = {"accept": accept}
        for name in ("range", "if-range", "if-none-match"):
            if name in self._request.headers:
                headers[name] = self._request.headers[name]
        return PassedOn(self._api, self._scope("GET", path, parameters, headers))

    def _scope(
        self, method: str, path: str, parameters: Parameters | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        outer = self._request.scope
        whole = f"/api/v1{path}"
        query = urlencode([(n, v) for n, v in (parameters or {}).items() if v not in (None, "", [], ())], doseq=True)
        along = [(name, value) for name, value in outer["headers"] if name in _ALONG]
        return {
            "type": "http",
            "asgi": {"version": "3.0"},  # what azure-functions hands over says it in another way
            "http_version": "1.1",
            "method": method,
            "scheme": outer["scheme"],
            "path": whole,
            "raw_path": quote(whole).encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": along + [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": outer.get("client"),
            "server": outer.get("server"),
            REQUESTER: self._who,
            REQUEST_SOURCE: "page",
        }

    async def _answer(self, scope: Scope, body: bytes) -> ApiAnswer:
        status, headers, parts = 500, Headers(), []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=list(message["headers"]))
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        await self._api(scope, receive, send)
        answer = ApiAnswer(status, headers, b"".join(parts))
        if status >= 400:
            raise _refused(answer)
        return answer


_PASSED_ON = (416,)
"""Refusals that are for the browser and not for people."""


class PassedOn(Response):
    """An ASGI response that the API itself writes; raises `ApiRefused` before anything is sent where it refuses."""

    def __init__(self, api: ASGIApp, inner: Scope) -> None:
        super().__init__()
        self._api = api
        self._inner = inner

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer with what the API answers."""
        refused: ApiAnswer | None = None

        async def pass_on(message: Message) -> None:
            nonlocal refused
            if refused is not None:
                refused = replace(refused, body=refused.body + message.get("body", b""))
            elif (
                message["type"] == "http.response.start"
                and message["status"] >= 400
                and message["status"] not in _PASSED_ON
            ):
                refused = ApiAnswer(message["status"], Headers(raw=list(message["headers"])), b"")
            else:
                await send(message)

        await self._api(self._inner, receive, pass_on)
        if refused is not None:
            raise _refused(refused)


def _refused(answer: ApiAnswer) -> ApiRefused:
    try:
        error = answer.as_kind(ErrorAnswer).error
    except msgspec.DecodeError:
        error = ErrorText("InternalError", "the answer is not one of the API")
    request_id = answer.headers.get("x-ms-request-id", "")
    return ApiRefused(answer.status, error, request_id, answer.headers.get("retry-after", ""))

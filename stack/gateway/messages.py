"""Requests and responses on their way through the gateway; their bodies are read only when somebody needs them."""

import base64
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from multidict import CIMultiDict

# Headers that belong to one connection, not to the message (RFC 9110).
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
    ]
)


class Body:
    """A message body: bytes, or a source that is read when somebody wants the bytes."""

    _versions = itertools.count(1)

    def __init__(self, data: bytes | None = None, read: Callable[[], Awaitable[bytes]] | None = None) -> None:
        self._data, self._read = data, read
        self.version = next(self._versions)
        """Tells expressions whether the body they have read is still the one."""

    def consume(self) -> None:
        """Empty the body: an expression took it without preserving its content."""
        self._data = b""

    @property
    def buffered(self) -> bool:
        """Whether the bytes are here."""
        return self._data is not None

    async def bytes(self) -> bytes:
        """The whole body."""
        if self._data is None:
            self._data = await self._read() if self._read else b""
        return self._data


@dataclass(slots=True)
class Request:
    """The request as policies change it; `base` is where the API's own path begins at the backend."""

    method: str
    base: str
    path: str
    query: list[tuple[str, str]]
    headers: CIMultiDict[str]
    original_url: str
    ip_address: str
    body: Body | None = None
    matched: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL that the backend will be called with."""
        return with_query(self.base + self.path, self.query)

    def state(self) -> dict[str, Any]:
        """What expressions see."""
        return {
            "method": self.method,
            "url": self.url,
            "originalUrl": self.original_url,
            "ipAddress": self.ip_address,
            "matched": self.matched,
            "headers": header_lists(self.headers),
            "body": self.body.version if self.body else 0,
        }


@dataclass(slots=True)
class Response:
    """The response as policies change it; `stream` is set while the backend is still sending."""

    status: int
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: Body = field(default_factory=Body)
    reason: str | None = None
    stream: "AsyncIterator[bytes] | None" = None
    close: Callable[[], None] | None = None

    def state(self) -> dict[str, Any]:
        """What expressions see; the body is fetched apart."""
        return {
            "status": self.status,
            "reason": self.reason or reason_phrase(self.status),
            "headers": header_lists(self.headers),
            "body": self.body.version,
        }

    async def whole_state(self) -> dict[str, Any]:
        """What expressions see, body included: for an answer that is kept in a variable."""
        return {**self.state(), "content": base64.b64encode(await self.body.bytes()).decode()}

    def discard(self) -> None:
        """Give the connection up if the backend is still sending."""
        if self.close:
            self.close()
            self.close = None


def reason_phrase(status: int) -> str:
    """The usual phrase of a status code."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def header_lists(headers: CIMultiDict[str]) -> dict[str, list[str]]:
    """Headers by name, each with all its values."""
    return {name: headers.getall(name) for name in dict.fromkeys(headers)}


def end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers that may travel on."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)


def of_answer(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers of a backend's answer as policies see them: its length is told where the backend told it."""
    seen = end_to_end(headers)
    if "Content-Length" in headers:
        seen["Content-Length"] = headers["Content-Length"]
    return seen


def with_query(url: str, query: list[tuple[str, str]]) -> str:
    """`url` with its query string."""
    if not query:
        return url
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='/:,')}" for name, value in query)
    return f"{url}?{text}"


def query_pairs(url: str) -> list[tuple[str, str]]:
    """The decoded query parameters of `url`."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)

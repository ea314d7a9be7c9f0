"""Sends requests to the outside: to allowed hosts of the internet alone, by https, never redirected, and with an end.

Nothing that anybody configures makes the product call an address inside its own network:

- The host has to be on the list of the channel's kind, or on that of the configuration.
- The name has to lead to public addresses alone, and the connection goes to the very addresses that were checked.
- No proxy is used and no redirection is followed: either would lead elsewhere.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from chargeback.adapters.channels.public_addresses import LOCAL_NAMES, ForbiddenAddress, PublicResolver
from chargeback.adapters.config.alert_channels import is_allowed

SEND_SECONDS = 15.0
"""For a whole request that sends, as Standard Webhooks has it: 15 to 30 s. The sending of a message ends in 30 s."""

LOOK_SECONDS = 10.0
"""For a whole request that only asks."""

CONNECT_SECONDS = 8.0
MOST_ANSWERED = 16_384
"""Bytes of an answer that are read; the rest is not waited for."""


class OutboundRefused(Exception):
    """A request that is not sent; says why, without the address, which may hold a secret."""


class OutboundFailed(Exception):
    """A request that got no answer; whether it was acted on, nobody knows."""


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What a service answered.

    Attributes:
        retry_after: the header of that name; empty where there is none.
        body: the beginning of it.
    """

    status: int
    retry_after: str
    body: str


class Outbound:
    """The way out of one process. Each request has a connection of its own, so that none is sent into a closed one."""

    def __init__(self, *, loopback: bool = False) -> None:
        """`loopback`: whether this machine may be called by its `LOCAL_NAMES`; only where every store is here, too."""
        self._loopback = loopback
        self.resolver = PublicResolver(loopback=loopback)
        self._session: aiohttp.ClientSession | None = None

    def may_call(self, host: str, hosts: Sequence[str]) -> bool:
        """Whether a host is on a list, or is this machine where that is allowed."""
        return is_allowed(host, tuple(hosts)) or (self._loopback and host in LOCAL_NAMES)

    def require_allowed(self, url: str, hosts: Sequence[str]) -> None:
        """Raise `OutboundRefused` for what is not an https address of an allowed host."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise OutboundRefused("the address cannot be read") from None
        if parts.scheme != "https" or not host or "@" in parts.netloc or not url.isascii() or not url.isprintable():
            raise OutboundRefused("the address is not https:// with a host and nothing unusual")
        if not self.may_call(host, hosts):
            raise OutboundRefused(f"the host {host[:100]} is not allowed")
        if port not in (None, 443) and host not in LOCAL_NAMES:
            raise OutboundRefused(f"port {port} is not allowed")

    async def post(
        self, url: str, hosts: Sequence[str], body: bytes, headers: Mapping[str, str] | None = None
    ) -> OutboundAnswer:
        """Send a JSON document. Raises `OutboundRefused` or `OutboundFailed`."""
        given = {"Content-Type": "application/json", **(headers or {})}
        return await self._request("POST", url, hosts, body, given, SEND_SECONDS)

    async def get(self, url: str, hosts: Sequence[str], headers: Mapping[str, str]) -> OutboundAnswer:
        """Ask for a document. Raises `OutboundRefused` or `OutboundFailed`."""
        return await self._request("GET", url, hosts, None, headers, LOOK_SECONDS)

    async def _request(
        self,
        method: str,
        url: str,
        hosts: Sequence[str],
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> OutboundAnswer:
        self.require_allowed(url, hosts)
        try:
            async with (
                asyncio.timeout(seconds),
                self._open().request(method, url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                text = (await _beginning(answer.content)).decode("utf-8", "replace")
                return OutboundAnswer(answer.status, answer.headers.get("Retry-After", ""), text)
        except TimeoutError:
            raise OutboundFailed(f"no answer within {seconds:.0f} s") from None
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ForbiddenAddress):
                raise OutboundRefused(str(error.os_error)) from None
            raise OutboundFailed(f"no connection: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Not the text of the error: it names the address, which may hold a secret.
            raise OutboundFailed(f"the connection ended before an answer: {type(error).__name__}") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self.resolver, use_dns_cache=False, force_close=True, ssl=ssl.create_default_context()
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
                headers={"User-Agent": "chargeback-alerts"},
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    read = bytearray()
    while len(read) < MOST_ANSWERED and (part := await content.read(MOST_ANSWERED - len(read))):
        read += part
    return bytes(read)


def to_bytes(document: Any) -> bytes:
    """A document as JSON."""
    return msgspec.json.encode(document)

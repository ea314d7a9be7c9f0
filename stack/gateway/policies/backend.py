"""Policies that choose the backend and call it: set-backend-service and forward-request."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict

from stack.gateway.backends import Backend
from stack.gateway.call import Call, error_response, oversize_error
from stack.gateway.errors import PolicyError
from stack.gateway.messages import Body, Response, end_to_end, of_answer
from stack.gateway.nodes import Node
from stack.gateway.run import policy

_DEFAULT_TIMEOUT = 300
_BUFFERED_CHUNKS = 8 * 1024
_FAILURES = (aiohttp.ClientError, OSError, asyncio.TimeoutError)


@policy("set-backend-service")
async def set_backend_service(call: Call, node: Node) -> None:
    """Choose a backend or pool by its id, or a base URL."""
    backend_id, base_url = await call.attributes(node, "backend-id", "base-url")
    call.backend_id = backend_id
    if backend_id is not None:
        if backend_id not in call.gateway.config.backends.names:
            raise PolicyError("set-backend-service", "BackendNotFound", f"Backend '{backend_id}' could not be found.")
        single = call.gateway.config.backends.single.get(backend_id)
        call.use_backend({"Id": backend_id, "Type": "Single" if single else "Pool"})
        base_url = single.url if single else None
    if base_url is not None:
        call.request.base = base_url.rstrip("/")
        call.changed("request")


@policy("forward-request")
async def forward_request(call: Call, node: Node) -> None:
    """Send the request on; an answer of any status goes to `outbound`, no answer to `on-error`.

    `timeout` is the time until the headers of the answer, and no connection stays idle for longer than 240 s
    (https://learn.microsoft.com/azure/api-management/forward-request-policy#attributes).
    """
    seconds, milliseconds = await call.attributes(node, "timeout", "timeout-ms")
    timeout = float(milliseconds) / 1000 if milliseconds is not None else float(seconds or _DEFAULT_TIMEOUT)
    keep, whole, strict, follow = await call.flags(
        node,
        buffer_request_body=False,
        buffer_response=True,
        fail_on_error_status_code=False,
        follow_redirects=False,
    )
    call.response = call.backend_status = None
    call.changed("response", "request")
    try:
        backend = _target(call)
    except PolicyError as closed:
        if call.gateway.config.readings.open_breaker == "error":
            raise
        call.response = error_response(closed, call.request_id)
        return
    response = await _send(call, backend, timeout, keep=keep, whole=whole, follow=follow)
    call.response = response
    call.backend_status = response.status
    call.backend_request_id = response.headers.get("apim-request-id")
    call.changed("response", "request")
    if strict and response.status >= 400:
        message = f"The backend answered {response.status}."
        raise PolicyError("forward-request", "ErrorStatusCode", message, response.status)


def _target(call: Call) -> Backend | None:
    if call.backend_id is None:
        return None
    backend = call.gateway.config.backends.pick(call.backend_id)
    call.request.base = backend.url
    return backend


async def _send(
    call: Call, backend: Backend | None, patience: float, *, keep: bool, whole: bool, follow: bool
) -> Response:
    request = call.request
    call.backend_host = urlsplit(request.base).netloc
    headers = end_to_end(request.headers)
    headers["Host"] = call.backend_host
    headers.add("X-Forwarded-For", request.ip_address)
    data = await _outgoing(call, keep=keep)
    idle = call.gateway.config.idle_limit
    try:
        # The time until the headers are here; a body may take as long as it goes on coming.
        async with asyncio.timeout(min(patience, idle)):
            answer = await call.gateway.session.request(
                request.method,
                call.gateway.origin(request.url),
                headers=headers,
                data=data,
                allow_redirects=follow,
                timeout=aiohttp.ClientTimeout(total=None),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
    except TimeoutError:
        _record(backend, "Timeout", None)
        raise PolicyError("forward-request", "Timeout", "The backend did not answer in time.") from None
    except _FAILURES as error:
        _record(backend, "BackendConnectionFailure", None)
        raise PolicyError("forward-request", "BackendConnectionFailure", f"{type(error).__name__}: {error}") from None
    _record(backend, answer.status, retry_after(answer.headers))
    return _response(answer, backend, idle, _BUFFERED_CHUNKS if whole else 0)


async def _outgoing(call: Call, *, keep: bool) -> bytes | None:
    body = call.request.body
    if body is None:
        return None
    streamed = not body.buffered and not keep
    try:
        data = await body.bytes()
    except OSError as error:
        message = f"The request could not be read: {error}"
        raise PolicyError("forward-request", "ClientConnectionFailure", message, 400) from None
    if keep and len(data) > call.gateway.config.buffer_limit:
        raise oversize_error(call.gateway, "request")
    if streamed:
        # What is passed on without being buffered is gone: a second attempt would send nothing.
        call.request.body = Body(b"")
    return data


def _record(backend: Backend | None, outcome: int | str, wait: float | None) -> None:
    if backend:
        backend.record(outcome, wait)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, given as a number or as a date."""
    value = headers.get("Retry-After", "")
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _response(answer: aiohttp.ClientResponse, backend: Backend | None, idle: float, hold: int) -> Response:
    headers = of_answer(CIMultiDict(answer.headers))

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                async with asyncio.timeout(idle):
                    piece = await answer.content.readany()
                if not piece:
                    return
                yield piece
        except (TimeoutError, aiohttp.ClientError) as error:
            _record(backend, "BackendConnectionFailure", None)
            answer.close()
            raise ConnectionResetError(f"the backend broke off: {error}") from error

    async def read() -> bytes:
        return b"".join([piece async for piece in pieces()])

    return Response(answer.status, headers, Body(read=read), answer.reason, _held(pieces(), hold), answer.close)


async def _held(pieces: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """Pieces of at least `size` bytes, the last one apart: what `buffer-response` does to chunks."""
    held = bytearray()
    async for piece in pieces:
        held += piece
        if len(held) >= size:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)

"""Policies that send requests of their own: send-request and send-one-way-request."""

import asyncio
import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict

from stack.gateway.call import Call
from stack.gateway.errors import PolicyError
from stack.gateway.messages import Body, Response, end_to_end
from stack.gateway.nodes import Node
from stack.gateway.policies.message import apply_headers
from stack.gateway.run import policy

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Outgoing:
    method: str
    url: str
    headers: CIMultiDict[str]
    body: bytes | None
    resource: tuple[str, str | None] | None = None


@policy("send-request")
async def send_request(call: Call, node: Node) -> None:
    """Send a request and keep its answer in a variable."""
    name = str(node.attributes["response-variable-name"])
    ignore, timeout = await call.flags(node, ignore_error=False), await call.attributes(node, "timeout")
    outgoing = await _compose(call, node)
    call.gateway.spent["awaited"] += 1
    try:
        response = await _send(call, outgoing, float(timeout[0] or 60))
    except PolicyError:
        if not ignore[0]:
            raise
        call.set_variable(name, None)
        return
    call.set_variable(name, await response.whole_state(), "IResponse")


@policy("send-one-way-request")
async def send_one_way_request(call: Call, node: Node) -> None:
    """Send a request that nobody waits for; what becomes of it is never known to the policy."""
    timeout = float((await call.text(node.attributes.get("timeout"))) or 60)
    outgoing = await _compose(call, node)
    call.gateway.spent["oneWay"] += 1
    call.gateway.spawn(_quietly(call, outgoing, timeout))


async def _quietly(call: Call, outgoing: _Outgoing, patience: float) -> None:
    try:
        response = await _send(call, outgoing, patience)
        failure = str(response.status) if response.status >= 400 else None
    except PolicyError as error:
        failure = error.message
    if failure:
        _LOG.warning("one-way request to %s was lost: %s", outgoing.url, failure)
        call.gateway.lost.append(f"{outgoing.url}: {failure}")


async def _compose(call: Call, node: Node) -> _Outgoing:
    if node.attributes.get("mode") == "copy":
        request = call.request
        body = await request.body.bytes() if request.body else None
        outgoing = _Outgoing(request.method, request.url, end_to_end(request.headers), body)
        outgoing.headers.pop("Host", None)
    else:
        outgoing = _Outgoing("GET", "", CIMultiDict(), None)
    for child in node.children:
        await _part(call, child, outgoing)
    return outgoing


async def _part(call: Call, child: Node, outgoing: _Outgoing) -> None:
    if child.name == "set-url":
        outgoing.url = (await call.text(child.text)).strip()
    elif child.name == "set-method":
        outgoing.method = (await call.text(child.text)).strip()
    elif child.name == "set-header":
        await apply_headers(call, child, outgoing.headers)
    elif child.name == "set-body":
        outgoing.body = (await call.text(child.text)).encode()
    elif child.name == "authentication-managed-identity":
        resource, client_id = await call.attributes(child, "resource", "client-id")
        outgoing.resource = (resource, client_id)


async def _send(call: Call, outgoing: _Outgoing, patience: float) -> Response:
    try:
        async with asyncio.timeout(patience):
            if outgoing.resource:
                token = await call.gateway.identity.token(*outgoing.resource)
                outgoing.headers["Authorization"] = f"Bearer {token}"
            outgoing.headers.setdefault("Host", urlsplit(outgoing.url).netloc)
            async with call.gateway.session.request(
                outgoing.method,
                call.gateway.origin(outgoing.url),
                headers=outgoing.headers,
                data=outgoing.body,
            ) as answer:
                content = await answer.read()
                return Response(answer.status, end_to_end(CIMultiDict(answer.headers)), Body(content), answer.reason)
    except TimeoutError:
        raise PolicyError("send-request", "Timeout", f"{outgoing.url} did not answer in time.") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise PolicyError("send-request", "RequestFailed", f"{outgoing.url}: {error}") from None
